// SPDX-License-Identifier: GPL-2.0-or-later
// Pages of struct pages that describe nothing but pages that are left out (-e). On a large idle
// machine they are most of a dump: 14 MiB of each GiB of memory.
//
// Only struct pages that a large page maps are left out. Where small pages map them, one page may
// stand for the struct pages of many (optimised hugetlb pages since 5.14), some of them kept.
#pragma once

#include "mm-model/address_space.h"
#include "src/classify/kernel_model.h"
#include "src/classify/window_scan.h"

#include <cstdint>
#include <vector>

namespace vmsift {

class UnusedVmemmap {
 public:
  // Ranges that are remembered: what is beyond is kept.
  static constexpr std::size_t kMostRanges = std::size_t{1} << 20;

  // `model` and `source` must outlive it.
  UnusedVmemmap(const KernelModel& model, const MemorySource& source,
                std::size_t most_ranges = kMostRanges);

  // Looks at what a window keeps.
  void look(const WindowResult& window);
  // After the last window.
  void finish();

  // Page frames to leave out, sorted and disjoint.
  [[nodiscard]] const std::vector<PfnRange>& pages() const { return pages_; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  void look_at(PfnRange described, VirtAddr structs, BitSpan kept, Pfn first);
  void add(Pfn pfn);

  const KernelModel& model_;
  AddressSpace memory_;
  std::size_t page_size_;
  std::size_t most_ranges_;
  std::uint64_t structs_per_page_;  // 0: struct pages cross pages, none is left out
  std::vector<PfnRange> pages_;
  bool overflowed_ = false;
};

// Gives pages of `window` that are in `unused` the class unused_vmemmap.
void mark_unused_vmemmap(const std::vector<PfnRange>& unused, PfnRange window,
                         std::span<PageClass> classes);

}  // namespace vmsift
