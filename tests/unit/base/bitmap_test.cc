// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/bitmap.h"

#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace vmsift {
namespace {

TEST(BitSpan, BitZeroIsTheLowestOfTheFirstByte) {
  std::vector<std::byte> bytes(3);
  const BitSpan bits(bytes);
  bits.set(0);
  bits.set(9);
  bits.set(23);
  EXPECT_EQ(bytes, (std::vector{std::byte{0x01}, std::byte{0x02}, std::byte{0x80}}));
  bits.clear(9);
  EXPECT_EQ(bytes[1], std::byte{0});
  EXPECT_EQ(bits.count(), 2U);
}

TEST(BitSpan, EmptySpanHasNothing) {
  const BitSpan bits(std::span<std::byte>{});
  EXPECT_EQ(bits.size(), 0U);
  EXPECT_EQ(bits.count(), 0U);
  EXPECT_EQ(bits.find(0, true), 0U);
  bits.clear_all();
  bits.set_range(0, 0);
}

TEST(BitSpan, EveryRangeEqualsSettingBitByBit) {
  for (std::size_t begin = 0; begin <= 40; ++begin) {
    for (std::size_t end = 0; end <= 40; ++end) {
      std::vector<std::byte> fast(5);
      std::vector<std::byte> slow(5);
      BitSpan(fast).set_range(begin, end);
      for (std::size_t i = begin; i < end; ++i) BitSpan(slow).set(i);
      ASSERT_EQ(fast, slow) << begin << " to " << end;
    }
  }
}

TEST(BitSpan, FindsAndCountsAsABitVectorDoes) {
  test::Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> bytes(random.below(20));
    // Whole bytes of equal bits are what find() passes over.
    for (auto& b : bytes) {
      const auto kind = random.below(4);
      b = kind == 0   ? std::byte{0}
          : kind == 1 ? std::byte{0xff}
                      : static_cast<std::byte>(random.next());
    }
    const BitSpan bits(bytes);
    std::vector<bool> model;
    for (std::size_t i = 0; i < bits.size(); ++i) model.push_back(bits.test(i));
    EXPECT_EQ(bits.count(),
              static_cast<std::uint64_t>(std::count(model.begin(), model.end(), true)));
    for (const bool value : {false, true}) {
      for (std::size_t from = 0; from <= model.size() + 9; ++from) {
        const auto start =
            model.begin() + static_cast<std::ptrdiff_t>(std::min(from, model.size()));
        const auto expected =
            static_cast<std::size_t>(std::find(start, model.end(), value) - model.begin());
        ASSERT_EQ(bits.find(from, value), expected);
      }
    }
  }
}

}  // namespace
}  // namespace vmsift
