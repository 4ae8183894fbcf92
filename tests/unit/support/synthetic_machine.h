// SPDX-License-Identifier: GPL-2.0-or-later
// The machines that a synthetic kernel can run on: x86_64 with 4 or 5 levels of page tables, and
// made-up ones of any word size, page size and byte order, whose page tables look alike.
#pragma once

#include "arch/arch.h"

#include <cstdint>
#include <vector>

namespace vmsift::test {

struct Machine {
  unsigned word = 8;  // bytes of a long
  unsigned page_shift = 12;
  std::vector<PageTableLevel> levels;  // the root's first
  unsigned direct_shift = 30;          // leaves of the direct map
  // Where memory, its struct pages and the kernel's image are mapped.
  std::uint64_t direct = 0, vmemmap = 0, image = 0;
  std::uint64_t kaslr = 0;  // how far the image is from its place
  const Arch* arch = nullptr;

  [[nodiscard]] std::uint64_t page() const { return std::uint64_t{1} << page_shift; }
  [[nodiscard]] bool is_x86_64() const;
  // The entry that maps the 2^shift bytes at `frame`.
  [[nodiscard]] std::uint64_t leaf(std::uint64_t frame, unsigned shift) const;
};

constexpr std::uint64_t kEntryPresent = 1, kEntryLarge = 1U << 7;
constexpr std::uint64_t kEntryFrame = 0x000ffffffffff000;

// KASLR moves the direct map and vmemmap too; without it they are where they were until 4.7.
Machine make_x86_64(unsigned levels, bool kaslr);
// `word` is 4 or 8. Memory and the image are in one direct map.
Machine make_made_up(unsigned word, unsigned page_shift);

}  // namespace vmsift::test
