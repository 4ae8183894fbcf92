// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/record_index.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

constexpr std::size_t kMost = RecordIndexBuilder::kMaxRuns;

TEST(RecordIndex, ASequenceIsOneRunOnceThereAreMany) {
  RecordIndexBuilder builder;
  for (std::uint64_t i = 0; i < 4 * kMost; ++i) ASSERT_TRUE(builder.add(i * 10, 10, 5000 + i * 26));
  EXPECT_EQ(builder.walk_shift(), 2U);
  const auto runs = builder.take();
  ASSERT_LE(runs.size(), kMost);
  std::uint64_t end = 0;
  for (const RecordRun& r : runs) {
    EXPECT_EQ(r.begin, end);
    EXPECT_EQ(r.first_offset, r.begin);
    EXPECT_EQ(r.first_at, 5000 + r.begin / 10 * 26);
    EXPECT_LE((r.last_at - r.first_at) / 26, 3U) << "no longer a walk than was said";
    end = r.end;
  }
  EXPECT_EQ(end, 40 * kMost);
}

TEST(RecordIndex, SequencesThatTakeTurnsStayApart) {
  RecordIndexBuilder builder;
  std::uint64_t at = 4096;
  for (std::uint64_t i = 0; i < 2 * kMost; ++i) {
    ASSERT_TRUE(builder.add(i * 24, 24, at));
    ASSERT_TRUE(builder.add((std::uint64_t{1} << 40) + i * 100, 100, at + 40));
    at += 156;
  }
  const auto runs = builder.take();
  ASSERT_LE(runs.size(), kMost);
  std::uint64_t bytes = 0;
  for (const RecordRun& r : runs) bytes += r.end - r.begin;
  EXPECT_EQ(bytes, 2 * kMost * 124);
}

TEST(RecordIndex, LaterRecordsWin) {
  RecordIndexBuilder builder;
  ASSERT_TRUE(builder.add(100, 100, 1000));
  ASSERT_TRUE(builder.add(150, 10, 2000));
  const auto runs = builder.take();
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].begin, 100U);
  EXPECT_EQ(runs[0].end, 150U);
  EXPECT_EQ(runs[1].begin, 150U);
  EXPECT_EQ(runs[1].end, 160U);
  EXPECT_EQ(runs[1].first_at, 2000U);
  EXPECT_EQ(runs[2].begin, 160U);
  EXPECT_EQ(runs[2].end, 200U);
  EXPECT_EQ(runs[2].first_at, 1000U);
  EXPECT_EQ(runs[2].first_offset, 100U);
}

TEST(RecordIndex, OneThatCoversManyLeavesNothingOfThem) {
  RecordIndexBuilder builder;
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_TRUE(builder.add(i * 20, 10, i));
  ASSERT_TRUE(builder.add(5, 900, 77));
  const auto runs = builder.take();
  EXPECT_EQ(runs[0].end, 5U);
  EXPECT_EQ(runs[1].first_at, 77U);
  EXPECT_EQ(runs[1].end, 905U);
  EXPECT_EQ(runs[2].begin, 905U);
  EXPECT_EQ(runs[2].first_offset, 900U);
}

TEST(RecordIndex, TooManyPiecesOutOfOrderAreRefused) {
  RecordIndexBuilder builder;
  for (std::uint64_t i = 0; i < kMost; ++i) {
    ASSERT_TRUE(builder.add((kMost - i) * 20, 10, i * 26)) << i;  // backwards, with gaps
  }
  EXPECT_FALSE(builder.add(0, 10, kMost * 26));
}

TEST(RecordIndex, NoWalkIsLongerThanTheMost) {
  // A sequence of which every record but the first comes too late for the walk of the one before.
  RecordIndexBuilder builder;
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < (std::uint64_t{8} << RecordIndexBuilder::kMaxWalkShift); ++i) {
    ASSERT_TRUE(builder.add((std::uint64_t{1} << 40) + i, 1, at += 17));
  }
  for (const RecordRun& r : builder.take()) {
    EXPECT_LE((r.last_at - r.first_at) / 17, std::uint64_t{1} << RecordIndexBuilder::kMaxWalkShift);
  }
}

}  // namespace
}  // namespace vmsift
