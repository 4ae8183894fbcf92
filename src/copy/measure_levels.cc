// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/copy/measure_levels.h"

#include "filters/filter.h"
#include "src/pipeline/pipeline.h"

#include <algorithm>
#include <memory>
#include <new>

namespace vmsift {
namespace {

// What one batch adds; kept by page of the batch, so that a group that is read twice counts once.
struct Slot {
  Batch batch;
  std::array<int, kMaxBatchPages> fill;
  std::array<bool, kMaxBatchPages> lost;
  std::vector<std::array<std::uint32_t, kMaxBatchPages>> sizes;  // by codec
};

class Worker {
 public:
  Worker(const MemorySource& source, std::span<const Codec* const> codecs) : reader_(source) {
    const std::size_t page_size = source.info().page_size;
    std::size_t slack = 0;
    for (const Codec* codec : codecs) {
      encoders_.push_back(codec->encoder(page_size));
      if (!encoders_.back()) throw std::bad_alloc();
      slack = std::max(slack, codec->slack(page_size));
    }
    out_.resize(PageGroup::kMaxPages * page_size + slack);
  }

  void measure(Slot& slot) {
    slot.sizes.resize(encoders_.size());
    reader_.read(slot.batch, [&](const PageGroup& group) { measure(slot, group); });
  }

 private:
  void measure(Slot& slot, const PageGroup& group) {
    std::array<const std::byte*, PageGroup::kMaxPages> pages;
    std::array<std::size_t, PageGroup::kMaxPages> index;
    std::array<std::uint32_t, PageGroup::kMaxPages> encoded;
    std::size_t n = 0;
    for (std::size_t i = 0; i < group.size; ++i) {
      slot.fill[group.first + i] = group.fill[i];
      slot.lost[group.first + i] = group.pages[i] == nullptr;
      if (group.pages[i] == nullptr || group.fill[i] != kNoFill) continue;
      index[n] = group.first + i;
      pages[n++] = group.pages[i];
    }
    for (std::size_t c = 0; c < encoders_.size(); ++c) {
      encoders_[c]->encode(std::span(pages).first(n), out_, std::span(encoded).first(n));
      for (std::size_t i = 0; i < n; ++i) slot.sizes[c][index[i]] = encoded[i];
    }
  }

  BatchReader reader_;
  std::vector<std::unique_ptr<Encoder>> encoders_;
  std::vector<std::byte> out_;
};

void account(const Slot& slot, LevelCosts& costs) {
  for (std::size_t i = 0; i < slot.batch.size; ++i) {
    const auto c = static_cast<std::size_t>(slot.batch.classes[i]);
    ++costs.classes[c].pages;
    costs.classes[c].zero_pages += slot.fill[i] == 0;
    if (slot.fill[i] != kNoFill) costs.classes[c].fills.set(static_cast<std::size_t>(slot.fill[i]));
    costs.classes[c].lost_pages += slot.lost[i];
    if (slot.fill[i] != kNoFill || slot.lost[i]) continue;
    for (std::size_t k = 0; k < costs.codecs.size(); ++k) {
      const std::uint32_t size = slot.sizes[k][i];
      costs.codecs[k].bytes[c] += size;
      costs.codecs[k].squares[c] += static_cast<double>(size) * size;
    }
  }
}

LevelCosts no_costs(std::span<const Codec* const> codecs) {
  LevelCosts costs;
  for (const Codec* codec : codecs) costs.codecs.push_back({codec, {}, {}, {}});
  return costs;
}

// Of one page for each byte value that fills pages; to be called last.
void add_fill_costs(std::size_t page_size, LevelCosts& costs) {
  std::bitset<256> fills;
  for (const ClassCost& cost : costs.classes) fills |= cost.fills;
  std::vector<std::byte> filled(page_size);
  const std::byte* page = filled.data();
  for (CodecCost& cost : costs.codecs) {
    const auto encoder = cost.codec->encoder(page_size);
    if (!encoder) throw std::bad_alloc();
    std::vector<std::byte> out(page_size + cost.codec->slack(page_size));
    for (std::size_t fill = 0; fill < fills.size(); ++fill) {
      if (!fills.test(fill)) continue;
      std::fill(filled.begin(), filled.end(), static_cast<std::byte>(fill));
      encoder->encode({&page, 1}, out, {&cost.fill_bytes[fill], 1});
    }
  }
}

}  // namespace

std::uint64_t LevelCosts::pages(unsigned level) const {
  const ClassSet dropped = dropped_classes(level);
  std::uint64_t n = 0;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (!dropped.contains(static_cast<PageClass>(c))) n += classes[c].pages;
  }
  return n;
}

std::uint64_t LevelCosts::lost_pages() const {
  std::uint64_t n = 0;
  for (const ClassCost& cost : classes) n += cost.lost_pages;
  return n;
}

std::uint64_t LevelCosts::page_data_bytes(unsigned level, const CodecCost& codec,
                                          std::size_t page_size) const {
  const ClassSet dropped = dropped_classes(level);
  std::uint64_t bytes = shared_bytes(level, codec, page_size);
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (!dropped.contains(static_cast<PageClass>(c))) bytes += codec.bytes[c];
  }
  return bytes;
}

std::uint64_t LevelCosts::shared_bytes(unsigned level, const CodecCost& codec,
                                       std::size_t page_size) const {
  const ClassSet dropped = dropped_classes(level);
  const bool share_zero_page = (level & kLevelZero) != 0;
  std::uint64_t bytes = share_zero_page && pages(level) != 0 ? page_size : 0;
  std::bitset<256> fills;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (!dropped.contains(static_cast<PageClass>(c))) fills |= classes[c].fills;
  }
  for (std::size_t fill = share_zero_page ? 1 : 0; fill < fills.size(); ++fill) {
    if (fills.test(fill)) bytes += codec.fill_bytes[fill];
  }
  return bytes;
}

Result<LevelCosts> measure_levels(const MemorySource& source, NextWindow windows,
                                  std::span<const Codec* const> codecs, unsigned threads,
                                  const CopyProgress& progress) {
  LevelCosts costs = no_costs(codecs);
  BatchCutter cutter(std::move(windows), source.info().page_size);
  std::vector<std::unique_ptr<Worker>> workers(std::max(1U, threads));
  std::vector<Slot> slots(batch_slots(threads));
  run_pipeline(threads, slots.size(),
               {.produce = [&](std::size_t i) { return cutter.next(slots[i].batch); },
                .work =
                    [&](std::size_t i, unsigned worker) {
                      if (!workers[worker])
                        workers[worker] = std::make_unique<Worker>(source, codecs);
                      workers[worker]->measure(slots[i]);
                    },
                .consume =
                    [&](std::size_t i) {
                      account(slots[i], costs);
                      progress(slots[i].batch.pages().back() + 1);
                      return true;
                    }});
  if (cutter.error()) return *cutter.error();
  add_fill_costs(source.info().page_size, costs);
  return costs;
}

// One by one: what lies between two pages is not to be mapped with them.
LevelCosts measure_each(const MemorySource& source, std::span<const ClassifiedPage> pages,
                        std::span<const Codec* const> codecs) {
  LevelCosts costs = no_costs(codecs);
  Worker worker(source, codecs);
  Slot slot;
  slot.batch.size = 1;
  for (const ClassifiedPage& page : pages) {
    slot.batch.pfns[0] = page.pfn;
    slot.batch.classes[0] = page.page_class;
    worker.measure(slot);
    account(slot, costs);
  }
  add_fill_costs(source.info().page_size, costs);
  return costs;
}

}  // namespace vmsift
