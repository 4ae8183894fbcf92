// SPDX-License-Identifier: GPL-2.0-or-later
// Which pages are on the kernel's free lists, for kernels whose mark of free blocks is not known or
// not to be trusted. Lists are not in the order of pages, so that one walk of them collects the
// bits of a stride of page frames: memory does not grow with RAM, and the lists are walked once
// for each 128 GiB of 4 KiB pages; more often where there is no memory for that.
#pragma once

#include "filters/page_class.h"
#include "mm-model/free_lists.h"
#include "src/base/bitmap.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace vmsift {

class FreeListPages {
 public:
  static constexpr Pfn kStridePages = Pfn{1} << 25;  // 4 MiB of bits
  static constexpr Pfn kLeastStridePages = Pfn{1} << 21;

  struct Stride {
    PfnRange pages;
    std::vector<std::byte> free;  // one bit a page frame
  };

  // `stride_pages`: a power of two, at least a window.
  FreeListPages(FreeLists lists, Pfn stride_pages)
      : lists_(std::move(lists)), stride_pages_(stride_pages) {}

  // The stride that `pfn` is in. Any thread; the others wait while one walks the lists.
  std::shared_ptr<const Stride> stride_of(Pfn pfn, const MemoryMap& map, AddressSpace& memory);

  [[nodiscard]] const FreeLists& lists() const { return lists_; }

  // Lists of one walk that were given up, the most of all walks so far. Pages behind are kept.
  [[nodiscard]] std::uint64_t torn_lists();

 private:
  const FreeLists lists_;
  const Pfn stride_pages_;
  std::mutex mutex_;
  // Threads work on windows side by side, and so on two strides where these meet.
  std::array<std::shared_ptr<const Stride>, 2> known_;
  std::size_t next_ = 0;  // the one to be replaced
  std::uint64_t torn_lists_ = 0;
};

// Gives pages of `window` that are on a free list the class free. A page that the list cannot mean
// (one with a memory error, a slab, a page table) keeps its class.
void mark_free_list_pages(const FreeListPages::Stride& stride, PfnRange window,
                          std::span<PageClass> classes);

}  // namespace vmsift
