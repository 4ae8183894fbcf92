// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/bytes.h"

#include "src/base/types.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

namespace vmsift {
namespace {

TEST(Bytes, LoadsAndStoresUnalignedInBothOrders) {
  std::array<std::byte, 11> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::byte>(i);
  EXPECT_EQ(load<std::uint16_t>(&raw[1], ByteOrder::little), 0x0201);
  EXPECT_EQ(load<std::uint16_t>(&raw[1], ByteOrder::big), 0x0102);
  EXPECT_EQ(load<std::uint32_t>(&raw[3], ByteOrder::little), 0x06050403U);
  EXPECT_EQ(load<std::uint32_t>(&raw[3], ByteOrder::big), 0x03040506U);
  EXPECT_EQ(load<std::uint64_t>(&raw[1], ByteOrder::little), 0x0807060504030201U);
  EXPECT_EQ(load<std::uint64_t>(&raw[1], ByteOrder::big), 0x0102030405060708U);

  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    store(&raw[3], std::uint64_t{0xfedcba9876543210}, order);
    EXPECT_EQ(load<std::uint64_t>(&raw[3], order), 0xfedcba9876543210U);
    EXPECT_EQ(raw[2], std::byte{2});  // nothing around is touched
    EXPECT_EQ(raw[3], order == ByteOrder::little ? std::byte{0x10} : std::byte{0xfe});
  }
}

TEST(Types, AlignmentAndDivision) {
  EXPECT_EQ(align_down(4097U, 4096U), 4096U);
  EXPECT_EQ(align_up(4097U, 4096U), 8192U);
  EXPECT_EQ(align_up(4096U, 4096U), 4096U);
  EXPECT_EQ(align_up(0U, 4U), 0U);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(ceil_div<std::uint64_t>(kMost, 2), std::uint64_t{1} << 63);  // must not wrap
  EXPECT_EQ(ceil_div<std::uint64_t>(0, 8), 0U);
  EXPECT_EQ(ceil_div<std::uint64_t>(1, 8), 1U);
}

TEST(Types, RangesAndAddresses) {
  EXPECT_TRUE((PfnRange{4, 4}.empty()));
  EXPECT_TRUE((PfnRange{5, 4}.empty()));
  EXPECT_EQ((PfnRange{4, 9}.size()), 5U);
  EXPECT_EQ(PhysAddr{0x2000} - PhysAddr{0x1800}, 0x800U);
  EXPECT_EQ((PhysAddr{0x2000} + 0x10).value, 0x2010U);
  EXPECT_LT(PhysAddr{1}, PhysAddr{2});
}

}  // namespace
}  // namespace vmsift
