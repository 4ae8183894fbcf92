// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/memory_runs.h"

#include "tests/unit/support/bitmap_source.h"

#include <gtest/gtest.h>

#include <vector>

namespace vmsift {
namespace {

using test::BitmapSource;

constexpr Pfn kWindow = 32768;  // what is looked at at a time

std::vector<PfnRange> runs_of(const MemorySource& source) {
  std::vector<PfnRange> found;
  MemoryRuns runs(source);
  while (true) {
    auto next = runs.next();
    EXPECT_TRUE(next);
    if (!next || next->empty()) break;
    found.push_back(*next);
  }
  auto after = runs.next();
  EXPECT_TRUE(after && after->empty()) << "the end stays the end";
  return found;
}

TEST(MemoryRuns, AreMaximalAcrossWindows) {
  BitmapSource source(5 * kWindow + 7);
  const std::vector<PfnRange> expected = {{0, 1},
                                          {2, 9},
                                          {kWindow - 1, kWindow},
                                          {kWindow + 1, 3 * kWindow + 5},
                                          {5 * kWindow - 3, 5 * kWindow + 7}};
  for (const PfnRange& run : expected) source.add(run.begin, run.end);
  EXPECT_EQ(runs_of(source), expected);
}

TEST(MemoryRuns, EndWithMemoryWhateverTheBitmapHoldsBehind) {
  BitmapSource source(64);
  source.add(0, 64);
  source.edit().max_pfn = 61;
  EXPECT_EQ(runs_of(source), (std::vector<PfnRange>{{0, 61}}));
}

TEST(MemoryRuns, OfNoMemory) {
  EXPECT_TRUE(runs_of(BitmapSource(0)).empty());
  EXPECT_TRUE(runs_of(BitmapSource(3 * kWindow)).empty());
}

TEST(MemoryRuns, RandomLayouts) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    test::Random random(seed);
    BitmapSource source(1 + random.below(4 * kWindow));
    std::vector<PfnRange> expected;
    const std::uint64_t most = std::uint64_t{1} << random.below(16);
    for (Pfn at = random.below(2) * random.below(most); at < source.info().max_pfn;) {
      const Pfn end = std::min(source.info().max_pfn, at + 1 + random.below(most));
      source.add(at, end);
      expected.push_back({at, end});
      at = end + 1 + random.below(most);
    }
    EXPECT_EQ(runs_of(source), expected) << seed;
  }
}

class FailingSource : public BitmapSource {
 public:
  using BitmapSource::BitmapSource;
  Result<void> presence(PfnRange /*window*/, BitSpan /*exists*/,
                        BitSpan /*stored*/) const override {
    return error("bitmap unreadable");
  }
};

TEST(MemoryRuns, AnErrorOfTheSourceIsOne) {
  FailingSource source(100);
  source.add(5, 7);
  auto next = MemoryRuns(source).next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.message(), "bitmap unreadable");
}

}  // namespace
}  // namespace vmsift
