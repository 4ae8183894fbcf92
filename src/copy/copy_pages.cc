// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/copy/copy_pages.h"

#include "src/pipeline/pipeline.h"

#include <algorithm>
#include <new>
#include <vector>

namespace vmsift {
namespace {

struct Worker {
  Worker(const MemorySource& source, const Codec& codec)
      : reader(source), encoder(codec.encoder(source.info().page_size)) {
    if (!encoder) throw std::bad_alloc();
  }
  BatchReader reader;
  std::unique_ptr<Encoder> encoder;
};

struct Slot {
  Batch batch;
  std::unique_ptr<std::byte[]> out;  // grows resident only as far as it is used
  std::size_t used = 0;
  std::array<std::uint32_t, kMaxBatchPages> sizes;
  std::uint64_t zero_pages = 0;
  std::string lost_reason;
};

class Copier {
 public:
  Copier(const MemorySource& source, const CopyOptions& options)
      : options_(options),
        room_(std::max(kMaxBatchBytes, source.info().page_size) +
              options.codec->slack(source.info().page_size)) {}

  void prepare(Slot& slot) const {
    if (!slot.out) slot.out = std::make_unique_for_overwrite<std::byte[]>(room_);
  }

  void compress(Slot& slot, Worker& worker) const {
    slot.used = 0;
    slot.zero_pages = 0;
    std::array<Mark, kMaxBatchPages> marks;
    std::size_t upto = 0;
    slot.lost_reason = worker.reader.read(slot.batch, [&](const PageGroup& group) {
      Mark& mark = marks[group.first];
      if (group.first < upto) {  // pages of the last fetch come once more
        slot.used = mark.used;
        slot.zero_pages = mark.zero_pages;
      }
      mark = {slot.used, slot.zero_pages};
      upto = group.first + group.size;
      add(slot, group, *worker.encoder);
    });
  }

 private:
  // How far a slot was when a group of pages came.
  struct Mark {
    std::size_t used;
    std::uint64_t zero_pages;
  };

  void add(Slot& slot, const PageGroup& group, Encoder& encoder) const {
    std::array<const std::byte*, PageGroup::kMaxPages> pages;
    std::array<std::uint32_t, PageGroup::kMaxPages> encoded;
    std::size_t n = 0;
    for (std::size_t i = 0; i < group.size; ++i) {
      slot.zero_pages += group.zero[i];
      if (takes_data(group, i)) pages[n++] = group.pages[i];
    }
    slot.used += encoder.encode(std::span(pages).first(n),
                                std::span(slot.out.get(), room_).subspan(slot.used),
                                std::span(encoded).first(n));
    n = 0;
    for (std::size_t i = 0; i < group.size; ++i) {
      slot.sizes[group.first + i] = takes_data(group, i)        ? encoded[n++]
                                    : group.pages[i] == nullptr ? kStoredLost
                                                                : kStoredZero;
    }
  }

  [[nodiscard]] bool takes_data(const PageGroup& group, std::size_t i) const {
    return group.pages[i] != nullptr && !(group.zero[i] && options_.share_zero_page);
  }

  const CopyOptions& options_;
  std::size_t room_;
};

void account(const Slot& slot, std::size_t page_size, CopyResult& result) {
  result.pages += slot.batch.size;
  result.zero_pages += slot.zero_pages;
  result.data_bytes += slot.used;
  const auto sizes = std::span(slot.sizes).first(slot.batch.size);
  result.raw_pages += static_cast<std::uint64_t>(std::count(sizes.begin(), sizes.end(), page_size));
  result.lost_pages +=
      static_cast<std::uint64_t>(std::count(sizes.begin(), sizes.end(), kStoredLost));
  if (!slot.lost_reason.empty()) result.lost_reason = slot.lost_reason;
}

}  // namespace

Result<void> copy_pages(const MemorySource& source, NextWindow windows, const CopyOptions& options,
                        const PageSink& sink, const CopyProgress& progress, CopyResult& result) {
  const std::size_t page_size = source.info().page_size;
  const Copier copier(source, options);
  BatchCutter cutter(std::move(windows), page_size);
  std::vector<std::unique_ptr<Worker>> workers(std::max(1U, options.threads));
  std::vector<Slot> slots(batch_slots(options.threads));
  std::optional<Error> failure;

  run_pipeline(options.threads, slots.size(),
               {.produce = [&](std::size_t i) { return cutter.next(slots[i].batch); },
                .work =
                    [&](std::size_t i, unsigned worker) {
                      if (!workers[worker])
                        workers[worker] = std::make_unique<Worker>(source, *options.codec);
                      copier.prepare(slots[i]);
                      copier.compress(slots[i], *workers[worker]);
                    },
                .consume =
                    [&](std::size_t i) {
                      const Slot& slot = slots[i];
                      if (auto put = sink(std::span(slot.out.get(), slot.used),
                                          std::span(slot.sizes).first(slot.batch.size));
                          !put) {
                        failure = put.take_error();
                        return false;
                      }
                      account(slot, page_size, result);
                      progress(result.pages);
                      return true;
                    }});
  if (failure) return std::move(*failure);
  if (cutter.error()) return *cutter.error();
  return {};
}

}  // namespace vmsift
