// SPDX-License-Identifier: GPL-2.0-or-later
// Shares of any machine: they lie one behind another, begin where crash can find them, and are
// about equal.
#include "src/commands/split_ranges.h"

#include "src/base/bitmap.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace vmsift {
namespace {

using test::Bytes;

struct Kept {
  explicit Kept(Pfn end) : max_pfn(end), bits((end + 511) / 512 * 64) {}
  void add(Pfn begin, Pfn end) { BitSpan(bits).set_range(begin, end); }

  // Counts in windows of this many pages.
  void count(SplitRanges& ranges, Pfn window) const {
    for (std::size_t at = 0; at < bits.size(); at += window / 8) {
      ranges.add(at * 8,
                 std::span(bits).subspan(at, std::min<std::size_t>(window / 8, bits.size() - at)));
    }
  }
  [[nodiscard]] std::uint64_t within(PfnRange range) {
    std::uint64_t n = 0;
    for (Pfn pfn = range.begin; pfn < range.end; ++pfn) n += BitSpan(bits).test(pfn);
    return n;
  }

  Pfn max_pfn;
  Bytes bits;
};

// Everything but the balance.
void check(Kept& kept, const SplitRanges& ranges, std::size_t members) {
  const auto shares = ranges.share_out(members);
  ASSERT_EQ(shares.size(), members);
  Pfn end = 0;
  for (const SplitRange& share : shares) {
    ASSERT_EQ(share.pfns.begin, end) << "one behind another";
    ASSERT_LE(share.pfns.begin, share.pfns.end);
    ASSERT_TRUE(share.pfns.begin % SplitRanges::kAlignment == 0 || share.pfns.empty());
    ASSERT_EQ(share.kept_pages, kept.within(share.pfns));
    end = share.pfns.end;
  }
  ASSERT_EQ(end, kept.max_pfn);
}

TEST(SplitRanges, CoverEverythingAndAreBalanced) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    test::Random random(seed);
    Kept kept(1 + random.below(200000));
    const std::uint64_t longest = 1 + random.below(3000);
    for (Pfn at = random.below(longest); at < kept.max_pfn; at += random.below(longest)) {
      const Pfn end = std::min(kept.max_pfn, at + 1 + random.below(longest));
      kept.add(at, end);
      at = end + 1;
    }
    SplitRanges ranges(kept.max_pfn, random.below(2) * random.below(1000));
    kept.count(ranges, 64 << random.below(6));
    for (const std::size_t members : {1U, 2U, 3U, 7U, 100U}) {
      ASSERT_NO_FATAL_FAILURE(check(kept, ranges, members)) << seed;
      const std::uint64_t total = kept.within({0, kept.max_pfn});
      for (const SplitRange& share : ranges.share_out(members)) {
        const std::uint64_t fair = total / members;
        EXPECT_LE(share.kept_pages, fair + ranges.block() + 1) << seed;
        EXPECT_GE(share.kept_pages + ranges.block() + 1, fair) << seed;
      }
    }
  }
}

TEST(SplitRanges, BlocksAreAsAskedAndAligned) {
  EXPECT_EQ(SplitRanges(100000, 0).block(), 64U);
  EXPECT_EQ(SplitRanges(100000, 1).block(), 64U);
  EXPECT_EQ(SplitRanges(100000, 64).block(), 64U);
  EXPECT_EQ(SplitRanges(100000, 65).block(), 128U);
  EXPECT_EQ(SplitRanges(100000, 1000).block(), 1024U);
  Kept kept(100000);
  kept.add(0, 100000);
  SplitRanges ranges(100000, 1000);
  kept.count(ranges, 4096);
  for (const SplitRange& share : ranges.share_out(9)) {
    EXPECT_EQ(share.pfns.begin % 1024, 0U);
  }
}

// The table has an end, whatever the machine.
TEST(SplitRanges, LargeMachinesHaveLargerBlocks) {
  const SplitRanges at_most(Pfn{65536} * 64, 0);
  EXPECT_EQ(at_most.block(), 64U);
  const SplitRanges more(Pfn{65536} * 64 + 1, 0);
  EXPECT_EQ(more.block(), 128U);
  const SplitRanges largest(Pfn{1} << 40, 0);
  EXPECT_EQ(largest.block(), Pfn{1} << 24);
}

TEST(SplitRanges, TinyMachinesAndMoreMembersThanBlocks) {
  for (const Pfn max_pfn : {1U, 7U, 63U, 64U, 65U, 200U}) {
    Kept kept(max_pfn);
    kept.add(0, max_pfn);
    SplitRanges ranges(max_pfn, 0);
    kept.count(ranges, 512);
    for (const std::size_t members : {1U, 2U, 5U, 1000U}) {
      ASSERT_NO_FATAL_FAILURE(check(kept, ranges, members)) << max_pfn << " " << members;
    }
  }
}

TEST(SplitRanges, NothingKeptAndNoMemory) {
  for (const Pfn max_pfn : {0U, 1000U}) {
    Kept kept(max_pfn);
    SplitRanges ranges(max_pfn, 0);
    kept.count(ranges, 512);
    ASSERT_NO_FATAL_FAILURE(check(kept, ranges, 3));
  }
}

TEST(SplitRanges, ABlockLargerThanTheMachine) {
  for (const Pfn block : {Pfn{1} << 30, ~Pfn{0} - 10, ~Pfn{0}}) {
    Kept kept(1000);
    kept.add(0, 1000);
    SplitRanges ranges(1000, block);
    kept.count(ranges, 512);
    ASSERT_NO_FATAL_FAILURE(check(kept, ranges, 2)) << block;
  }
}

}  // namespace
}  // namespace vmsift
