// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/extent_map.h"

#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <vector>

namespace vmsift {
namespace {

Extent extent(std::uint64_t begin, std::uint64_t end, std::uint64_t offset) {
  return {{begin}, {end}, offset};
}

// What the map must say of every address: the first extent that holds it.
std::optional<std::uint64_t> offset_by_search(const std::vector<Extent>& extents, PhysAddr a) {
  for (const Extent& e : extents) {
    if (e.contains(a)) return e.offset_of(a);
  }
  return std::nullopt;
}

void expect_well_formed(const ExtentMap& map) {
  const auto extents = map.extents();
  for (std::size_t i = 0; i < extents.size(); ++i) {
    ASSERT_LT(extents[i].begin, extents[i].end);
    if (i == 0) continue;
    ASSERT_LE(extents[i - 1].end, extents[i].begin);
    const bool touch = extents[i - 1].end == extents[i].begin;
    ASSERT_FALSE(touch && extents[i - 1].offset_of(extents[i - 1].end) == extents[i].offset)
        << "one run of the file must be one extent";
  }
}

TEST(ExtentMap, EmptyMapHoldsNothing) {
  const auto map = ExtentMap::from_overlapping({extent(5, 5, 0), extent(9, 3, 0)});
  EXPECT_TRUE(map.extents().empty());
  EXPECT_EQ(map.find({5}), 0U);
}

TEST(ExtentMap, KernelTextInsideTheDirectMapIsTakenFromWhereItComesFirst) {
  const auto map = ExtentMap::from_overlapping({extent(100, 200, 1000), extent(0, 400, 5000)});
  ASSERT_EQ(map.extents().size(), 3U);
  EXPECT_EQ(map.extents()[0].offset_of({99}), 5099U);
  EXPECT_EQ(map.extents()[1].offset_of({100}), 1000U);
  EXPECT_EQ(map.extents()[2].offset_of({200}), 5200U);
}

TEST(ExtentMap, FindGivesTheExtentOrTheOneBehind) {
  const auto map = ExtentMap::from_overlapping({extent(20, 30, 0), extent(0, 10, 0)});
  EXPECT_EQ(map.find({0}), 0U);
  EXPECT_EQ(map.find({9}), 0U);
  EXPECT_EQ(map.find({10}), 1U);
  EXPECT_EQ(map.find({29}), 1U);
  EXPECT_EQ(map.find({30}), 2U);
}

TEST(ExtentMap, EqualsASearchThroughTheSegmentsForAnyOfThem) {
  test::Random random(11);
  for (int round = 0; round < 3000; ++round) {
    std::vector<Extent> segments(random.below(12));
    for (Extent& e : segments) {
      const std::uint64_t begin = random.below(64);
      // Half of the offsets continue each other, as those of one direct map do.
      const std::uint64_t offset = random.below(2) != 0 ? 1000 + begin : 10000 * random.below(50);
      e = extent(begin, begin + random.below(24), offset);
    }
    const auto map = ExtentMap::from_overlapping(segments);
    ASSERT_NO_FATAL_FAILURE(expect_well_formed(map));
    for (std::uint64_t a = 0; a < 96; ++a) {
      const std::size_t i = map.find({a});
      std::optional<std::uint64_t> found;
      if (i < map.extents().size() && map.extents()[i].contains({a})) {
        found = map.extents()[i].offset_of({a});
      }
      ASSERT_EQ(found, offset_by_search(segments, {a})) << "address " << a << " round " << round;
      if (!found && i < map.extents().size()) {
        ASSERT_LT(a, map.extents()[i].begin.value);
      }
      if (i != 0) {
        ASSERT_LE(map.extents()[i - 1].end.value, a);
      }
    }
  }
}

// A hostile core has a million program headers; opening it must not take a million squared.
TEST(ExtentMap, ManySegmentsThatAllOverlapTakeNoSquareOfTheirNumber) {
  constexpr std::uint64_t kHalf = 100000;
  std::vector<Extent> segments;
  for (std::uint64_t i = 0; i < kHalf; ++i) segments.push_back(extent(16 * i, 16 * i + 8, 64 * i));
  for (std::uint64_t i = 0; i < kHalf; ++i) segments.push_back(extent(i, 16 * kHalf, 7));
  const auto start = std::chrono::steady_clock::now();
  const auto map = ExtentMap::from_overlapping(segments);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(map.extents().size(), 2 * kHalf);
}

}  // namespace
}  // namespace vmsift
