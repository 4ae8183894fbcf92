// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/unused_vmemmap.h"

#include <algorithm>

namespace vmsift {

UnusedVmemmap::UnusedVmemmap(const KernelModel& model, const MemorySource& source,
                             std::size_t most_ranges)
    : model_(model),
      memory_(model.addresses(), source),
      page_size_(source.info().page_size),
      most_ranges_(most_ranges) {
  const std::uint32_t size = model.pages().size;
  structs_per_page_ = size != 0 && page_size_ % size == 0 ? page_size_ / size : 0;
}

void UnusedVmemmap::look(const WindowResult& window) {
  if (structs_per_page_ == 0 || !model_.memory_map()) return;
  const MemoryMap& map = *model_.memory_map();
  // Looked at and not changed.
  const BitSpan kept({const_cast<std::byte*>(window.kept.data()), window.kept.size()});
  for (Pfn begin = window.pages.begin; begin < window.pages.end;) {
    const MapPart part = map.part(begin, memory_);
    const Pfn end = std::min(part.end, window.pages.begin + kWindowPages);
    if (part.structs) look_at({begin, end}, *part.structs, kept, window.pages.begin);
    begin = end;
  }
}

// `structs` is the struct page of described.begin.
void UnusedVmemmap::look_at(PfnRange described, VirtAddr structs, BitSpan kept, Pfn first) {
  if (structs.value % page_size_ != 0) return;
  const std::uint64_t pages = described.size() / structs_per_page_;
  for (std::uint64_t i = 0; i < pages; ++i) {
    const auto bit = static_cast<std::size_t>(described.begin + i * structs_per_page_ - first);
    if (kept.find(bit, true) < bit + structs_per_page_) continue;
    // Two pages that one mapping covers are part of a large one.
    const VirtAddr pair{align_down<std::uint64_t>(structs.value + i * page_size_, 2 * page_size_)};
    const auto mapped = memory_.walk(pair);
    if (!mapped || mapped->contiguous < 2 * page_size_) continue;
    add((mapped->paddr.value + (structs.value + i * page_size_ - pair.value)) / page_size_);
  }
}

void UnusedVmemmap::add(Pfn pfn) {
  if (!pages_.empty() && pages_.back().end == pfn) {
    ++pages_.back().end;
  } else if (pages_.size() < most_ranges_) {
    pages_.push_back({pfn, pfn + 1});
  } else {
    overflowed_ = true;
  }
}

void UnusedVmemmap::finish() {
  std::sort(pages_.begin(), pages_.end(), [](PfnRange a, PfnRange b) { return a.begin < b.begin; });
  std::size_t n = 0;
  for (const PfnRange& range : pages_) {
    if (n != 0 && range.begin <= pages_[n - 1].end) {
      pages_[n - 1].end = std::max(pages_[n - 1].end, range.end);
    } else {
      pages_[n++] = range;
    }
  }
  pages_.resize(n);
}

void mark_unused_vmemmap(const std::vector<PfnRange>& unused, PfnRange window,
                         std::span<PageClass> classes) {
  auto range = std::partition_point(unused.begin(), unused.end(),
                                    [&](PfnRange r) { return r.end <= window.begin; });
  for (; range != unused.end() && range->begin < window.end; ++range) {
    const Pfn end = std::min(range->end, window.end);
    for (Pfn pfn = std::max(range->begin, window.begin); pfn < end; ++pfn) {
      PageClass& c = classes[static_cast<std::size_t>(pfn - window.begin)];
      if (c != PageClass::hole && c != PageClass::absent) c = PageClass::unused_vmemmap;
    }
  }
}

}  // namespace vmsift
