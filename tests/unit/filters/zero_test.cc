// SPDX-License-Identifier: GPL-2.0-or-later
#include "filters/zero.h"

#include <gtest/gtest.h>

#include <vector>

namespace vmsift {
namespace {

TEST(ZeroPage, OneByteAnywhereMakesADifference) {
  std::vector<std::byte> page(4096);
  EXPECT_TRUE(is_zero_page(page.data(), page.size()));
  for (std::size_t i = 0; i < page.size(); ++i) {
    page[i] = std::byte{1};
    ASSERT_FALSE(is_zero_page(page.data(), page.size())) << i;
    page[i] = std::byte{0};
  }
}

TEST(ZeroPage, EqualBytesAreNotZero) {
  for (const int value : {1, 0x80, 0xff}) {
    const std::vector<std::byte> page(4096, static_cast<std::byte>(value));
    EXPECT_FALSE(is_zero_page(page.data(), page.size()));
  }
}

TEST(ZeroPage, SmallestAndLargest) {
  for (const std::size_t size : {8UL, 16UL, 65536UL, 262144UL}) {
    std::vector<std::byte> page(size);
    EXPECT_TRUE(is_zero_page(page.data(), size));
    page.back() = std::byte{0x40};
    EXPECT_FALSE(is_zero_page(page.data(), size));
  }
}

TEST(FillByte, IsTheByteThatIsRepeated) {
  for (unsigned fill = 0; fill < 256; ++fill) {
    std::vector<std::byte> page(4096, static_cast<std::byte>(fill));
    EXPECT_EQ(fill_byte(page.data(), page.size()), static_cast<int>(fill));
    for (const std::size_t at : {0U, 1U, 7U, 8U, 2048U, 4088U, 4095U}) {
      page[at] ^= std::byte{1};
      EXPECT_EQ(fill_byte(page.data(), page.size()), kNoFill) << fill << " at " << at;
      page[at] ^= std::byte{1};
    }
  }
}

}  // namespace
}  // namespace vmsift
