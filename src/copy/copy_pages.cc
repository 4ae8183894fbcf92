// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/copy/copy_pages.h"

#include "src/copy/page_hash.h"
#include "src/copy/stored_batch.h"
#include "src/pipeline/pipeline.h"

#include <algorithm>
#include <new>
#include <vector>

namespace vmsift {
namespace {

struct Worker {
  std::unique_ptr<BatchStorer> storer;
  std::unique_ptr<FrameEncoder> frames;
};

struct Slot {
  Batch batch;
  std::unique_ptr<std::byte[]> out;  // grows resident only as far as it is used
  StoredBatch stored;
  std::array<std::uint64_t, kMaxBatchPages> hashes;
  std::unique_ptr<std::byte[]> frame;
  std::size_t frame_bytes = 0;
};

// Bytes of a batch's stored pages.
std::size_t room_of(const Codec& codec, std::size_t page_size) {
  return std::max(kMaxBatchBytes, page_size) + codec.slack(page_size);
}

class Copier {
 public:
  Copier(const MemorySource& source, const CopyOptions& options)
      : source_(source),
        options_(options),
        room_(room_of(*options.codec, source.info().page_size)) {}

  void work(Slot& slot, Worker& worker) const {
    prepare(worker);
    prepare(slot);
    worker.storer->store(slot.batch, slot.stored);
    if (options_.hash) hash(slot);
    slot.frame_bytes = 0;
    if (worker.frames && slot.stored.used != 0) {
      slot.frame_bytes = worker.frames->encode(slot.stored.room.first(slot.stored.used),
                                               {slot.frame.get(), options_.frames->bound(room_)});
      if (slot.frame_bytes == 0) throw std::bad_alloc();  // the only way in which it can fail
    }
  }

  [[nodiscard]] StoredPages result(const Slot& slot) const {
    const std::size_t pages = slot.batch.size;
    return {slot.batch.pages(), std::span(slot.stored.sizes).first(pages),
            slot.stored.room.first(slot.stored.used), std::span(slot.frame.get(), slot.frame_bytes),
            std::span(slot.hashes).first(options_.hash ? pages : 0)};
  }

 private:
  void prepare(Worker& worker) const {
    if (worker.storer) return;
    const auto make =
        can_pass_through(source_, *options_.codec) ? make_passing_storer : make_encoding_storer;
    worker.storer = make(source_, *options_.codec, options_.sharing);
    if (options_.frames == nullptr) return;
    worker.frames = options_.frames->encoder();
    if (!worker.frames) throw std::bad_alloc();
  }

  void prepare(Slot& slot) const {
    if (slot.out) return;
    slot.out = std::make_unique_for_overwrite<std::byte[]>(room_);
    slot.stored.room = {slot.out.get(), room_};
    if (options_.frames != nullptr) {
      slot.frame = std::make_unique_for_overwrite<std::byte[]>(options_.frames->bound(room_));
    }
  }

  static void hash(Slot& slot) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < slot.batch.size; ++i) {
      const std::uint32_t size = slot.stored.sizes[i];
      slot.hashes[i] = 0;
      if (!has_data(size)) continue;
      slot.hashes[i] = page_hash(slot.stored.room.subspan(at, size));
      at += size;
    }
  }

  const MemorySource& source_;
  const CopyOptions& options_;
  std::size_t room_;
};

void account(const Slot& slot, std::size_t page_size, CopyResult& result) {
  result.pages += slot.batch.size;
  result.zero_pages += slot.stored.zero_pages;
  result.data_bytes += slot.stored.used;
  const auto sizes = std::span(slot.stored.sizes).first(slot.batch.size);
  result.raw_pages += static_cast<std::uint64_t>(std::count(sizes.begin(), sizes.end(), page_size));
  result.lost_pages +=
      static_cast<std::uint64_t>(std::count(sizes.begin(), sizes.end(), kStoredLost));
  if (!slot.stored.lost_reason.empty()) result.lost_reason = slot.stored.lost_reason;
}

}  // namespace

void CopyResult::add(const CopyResult& other) {
  pages += other.pages;
  zero_pages += other.zero_pages;
  raw_pages += other.raw_pages;
  lost_pages += other.lost_pages;
  data_bytes += other.data_bytes;
  if (!other.lost_reason.empty()) lost_reason = other.lost_reason;
}

std::size_t copy_memory(const CopyOptions& options, std::size_t page_size,
                        std::size_t reader_memory) {
  std::size_t slot = sizeof(Slot) + room_of(*options.codec, page_size);
  std::size_t worker = options.codec->memory(page_size) + reader_memory;
  if (options.frames != nullptr) {
    slot += options.frames->bound(room_of(*options.codec, page_size));
    worker += options.frames->memory;
  }
  return batch_slots(options.threads) * slot + std::max(1U, options.threads) * worker;
}

Result<void> copy_pages(const MemorySource& source, NextWindow windows, const CopyOptions& options,
                        const PageSink& sink, const CopyProgress& progress, CopyResult& result) {
  const std::size_t page_size = source.info().page_size;
  const Copier copier(source, options);
  BatchCutter cutter(std::move(windows), page_size);
  std::vector<Worker> workers(std::max(1U, options.threads));
  std::vector<Slot> slots(batch_slots(options.threads));
  std::optional<Error> failure;

  run_pipeline(
      options.threads, slots.size(),
      {.produce = [&](std::size_t i) { return cutter.next(slots[i].batch); },
       .work = [&](std::size_t i, unsigned worker) { copier.work(slots[i], workers[worker]); },
       .consume =
           [&](std::size_t i) {
             if (auto put = sink(copier.result(slots[i])); !put) {
               failure = put.take_error();
               return false;
             }
             account(slots[i], page_size, result);
             progress(result.pages);
             return true;
           }});
  if (failure) return std::move(*failure);
  if (cutter.error()) return *cutter.error();
  return {};
}

}  // namespace vmsift
