// SPDX-License-Identifier: GPL-2.0-or-later
// How the page frames of a dump are shared out between the members of a split set, so that each
// gets about as many kept pages as the others.
#pragma once

#include "src/base/types.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmsift {

struct SplitRange {
  PfnRange pfns;
  std::uint64_t kept_pages = 0;
};

class SplitRanges {
 public:
  // crash finds a member's descriptors by words of 64 pages.
  static constexpr Pfn kAlignment = 64;

  static constexpr std::size_t kMostMemory = std::size_t{512} << 10;  // bytes

  // Ranges will begin at multiples of `block` page frames, which is rounded up to kAlignment, and
  // further where the table would become too long. 0: chosen here.
  SplitRanges(Pfn max_pfn, Pfn block);

  // Pages that are kept, window by window; `first` is a multiple of kAlignment.
  void add(Pfn first, std::span<const std::byte> kept);

  // As many ranges as `members`, one behind another, from 0 to max_pfn; some may be empty.
  [[nodiscard]] std::vector<SplitRange> share_out(std::size_t members) const;

  [[nodiscard]] Pfn block() const { return block_; }

 private:
  Pfn max_pfn_;
  Pfn block_;
  std::vector<std::uint64_t> kept_;  // by block
};

}  // namespace vmsift
