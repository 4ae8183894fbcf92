// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/free_list_pages.h"

#include <algorithm>

namespace vmsift {
namespace {

// What a free block may hold and stays what it is, or shows that the block is none.
bool outranks_free(PageClass c) {
  switch (c) {
    case PageClass::hole:
    case PageClass::absent:
    case PageClass::hwpoison:
    case PageClass::offline:
    case PageClass::unaccepted:
    case PageClass::slab:
    case PageClass::page_table:
    case PageClass::hugetlb:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::shared_ptr<const FreeListPages::Stride> FreeListPages::stride_of(Pfn pfn, const MemoryMap& map,
                                                                      AddressSpace& memory) {
  const std::lock_guard lock(mutex_);
  for (const auto& stride : known_) {
    if (stride && stride->pages.begin <= pfn && pfn < stride->pages.end) return stride;
  }
  const Pfn first = align_down(pfn, stride_pages_);
  auto stride = std::make_shared<Stride>();
  stride->pages = {first, first + stride_pages_};
  stride->free.resize(static_cast<std::size_t>(stride_pages_ / 8));
  const BitSpan bits(stride->free);
  const FreeListTotals totals = lists_.walk(stride->pages, map, memory, [&](PfnRange block) {
    const Pfn begin = std::max(block.begin, stride->pages.begin);
    const Pfn end = std::min(block.end, stride->pages.end);
    if (begin < end) {
      bits.set_range(static_cast<std::size_t>(begin - first),
                     static_cast<std::size_t>(end - first));
    }
  });
  torn_lists_ = std::max(torn_lists_, totals.torn_lists);
  known_[next_] = stride;
  next_ = (next_ + 1) % known_.size();
  return stride;
}

std::uint64_t FreeListPages::torn_lists() {
  const std::lock_guard lock(mutex_);
  return torn_lists_;
}

void mark_free_list_pages(const FreeListPages::Stride& stride, PfnRange window,
                          std::span<PageClass> classes) {
  const auto first = static_cast<std::size_t>(window.begin - stride.pages.begin);
  for (std::size_t i = 0; i < window.size(); ++i) {
    const std::size_t at = first + i;
    if (at % 8 == 0 && stride.free[at / 8] == std::byte{0}) {
      i += 7;
      continue;
    }
    const bool free = (std::to_integer<unsigned>(stride.free[at / 8]) >> at % 8 & 1U) != 0;
    if (free && !outranks_free(classes[i])) classes[i] = PageClass::free;
  }
}

}  // namespace vmsift
