// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/split_ranges.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace vmsift {
namespace {

constexpr std::uint64_t kMostBlocks = SplitRanges::kMostMemory / sizeof(std::uint64_t);

}  // namespace

SplitRanges::SplitRanges(Pfn max_pfn, Pfn block)
    : max_pfn_(max_pfn),
      // No more than the machine has, and at least a page.
      block_(align_up(std::max({std::min(block, max_pfn), ceil_div(max_pfn, kMostBlocks), Pfn{1}}),
                      kAlignment)) {
  kept_.resize(static_cast<std::size_t>(ceil_div(max_pfn, block_)));
}

void SplitRanges::add(Pfn first, std::span<const std::byte> kept) {
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const Pfn pfn = first + i * 8;  // a byte lies within one block, since blocks are aligned
    if (pfn >= max_pfn_) break;
    kept_[static_cast<std::size_t>(pfn / block_)] +=
        static_cast<std::uint64_t>(std::popcount(std::to_integer<unsigned>(kept[i])));
  }
}

std::vector<SplitRange> SplitRanges::share_out(std::size_t members) const {
  const std::uint64_t total = std::accumulate(kept_.begin(), kept_.end(), std::uint64_t{0});
  std::vector<SplitRange> ranges(members);
  std::size_t block = 0;
  std::uint64_t given = 0;
  for (std::size_t i = 0; i < members; ++i) {
    SplitRange& range = ranges[i];
    range.pfns.begin = std::min(block * block_, max_pfn_);
    // Up to where the share of this and the members before is closest to being reached.
    const std::uint64_t target = total / members * (i + 1) + total % members * (i + 1) / members;
    const bool last = i + 1 == members;
    while (block < kept_.size() && (last || given + kept_[block] / 2 < target)) {
      given += kept_[block];
      range.kept_pages += kept_[block++];
    }
    range.pfns.end = last ? max_pfn_ : std::min(block * block_, max_pfn_);
  }
  return ranges;
}

}  // namespace vmsift
