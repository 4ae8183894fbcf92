// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/copy/batch.h"

#include <algorithm>

namespace vmsift {

namespace {

void keep_only(PfnRange range, const KeptWindow& window) {
  const BitSpan bits(window.kept);
  const Pfn end = window.first + bits.size();
  if (range.begin > window.first) {
    bits.clear_range(0, static_cast<std::size_t>(std::min(range.begin, end) - window.first));
  }
  if (range.end < end) {
    bits.clear_range(static_cast<std::size_t>(std::max(range.end, window.first) - window.first),
                     bits.size());
  }
}

}  // namespace

NextWindow each_window(const MemorySource& source, std::uint64_t granule, PfnRange range,
                       std::function<Result<KeptWindow>(Pfn first)> kept) {
  return [&source, granule, range, kept = std::move(kept), next = align_down(range.begin, granule)]()
             mutable -> Result<std::optional<KeptWindow>> {
    const Pfn first = source.next_window(next, granule);
    if (first >= range.end) return std::optional<KeptWindow>();
    next = first + granule;
    auto window = kept(first);
    if (!window) return window.take_error();
    keep_only(range, *window);
    return std::optional(*window);
  };
}

BatchCutter::BatchCutter(NextWindow next_window, std::size_t page_size)
    : next_window_(std::move(next_window)),
      batch_pages_(std::clamp<std::size_t>(kMaxBatchBytes / page_size, 1, kMaxBatchPages)) {}

bool BatchCutter::advance() {
  auto window = next_window_();
  if (!window) {
    error_ = window.take_error();
    return false;
  }
  window_ = *window;
  bit_ = 0;
  return window_.has_value();
}

bool BatchCutter::next(Batch& batch) {
  batch.size = 0;
  while (window_ || (!error_ && advance())) {
    const BitSpan kept(window_->kept);
    while (batch.size < batch_pages_) {
      bit_ = kept.find(bit_, true);
      if (bit_ >= kept.size()) break;
      batch.pfns[batch.size] = window_->first + bit_;
      if (!window_->classes.empty()) batch.classes[batch.size] = window_->classes[bit_];
      ++batch.size;
      ++bit_;
    }
    if (bit_ >= kept.size()) window_.reset();
    if (batch.size == batch_pages_) return true;
  }
  return batch.size != 0 && !error_;
}

BatchReader::BatchReader(const MemorySource& source)
    : page_size_(source.info().page_size), reader_(source.reader()) {}

std::string BatchReader::read(const Batch& batch,
                              const std::function<void(const PageGroup&)>& use) {
  std::string reason;
  const auto pages = batch.pages();
  for (std::size_t done = 0; done < pages.size();) {
    const std::size_t got = reader_->fetch(pages.subspan(done), fetched_);
    if (std::string why = reader_->last_error(); !why.empty()) reason = std::move(why);
    for (std::size_t i = 0; i < got; i += PageGroup::kMaxPages) {
      PageGroup group;
      group.first = done + i;
      group.size = std::min(PageGroup::kMaxPages, got - i);
      const auto pages_of_group = std::span(fetched_).subspan(i, group.size);
      // The first words of all of them at once, and not one cache miss after the other.
      for (const std::byte* page : pages_of_group) __builtin_prefetch(page);
      for (std::size_t k = 0; k < group.size; ++k) {
        group.pages[k] = pages_of_group[k];
        group.fill[k] =
            group.pages[k] == nullptr ? kNoFill : fill_byte(group.pages[k], page_size_);
      }
      use(group);
    }
    if (reader_->intact()) done += got;
  }
  return reason;
}

}  // namespace vmsift
