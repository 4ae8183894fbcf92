// SPDX-License-Identifier: GPL-2.0-or-later
// Page types: the encoding that a value is in, and what it is then compared with.
#include "mm-model/page_types.h"

#include <gtest/gtest.h>

#include <limits>

namespace vmsift {
namespace {

bool is_of_type(std::uint32_t value, std::uint32_t word) {
  const TypeRule rule = type_rule(value, PageType::buddy);
  return (word & rule.mask) == rule.value;
}

TEST(PageTypes, TheValueTellsTheEncoding) {
  struct Value {
    std::int32_t value;
    TypeEncoding encoding;
  };
  for (const Value& v : {Value{-2, TypeEncoding::free_only},     // 2.6.38
                         {-128, TypeEncoding::free_only},        // 2.6.39
                         {-129, TypeEncoding::cleared_bit},      // 4.18, buddy
                         {-257, TypeEncoding::cleared_bit},      // 5.0, offline
                         {-2049, TypeEncoding::cleared_bit},     // 6.9, hugetlb
                         {-4097, TypeEncoding::cleared_bit},     // 6.10, slab
                         {-1073741825, TypeEncoding::high_bit},  // 6.11, buddy
                         {-33554433, TypeEncoding::high_bit},    // 6.11, slab
                         {-268435456, TypeEncoding::top_byte},   // 6.12, buddy
                         {-150994944, TypeEncoding::top_byte},   // 6.12, unaccepted
                         {-33554432, TypeEncoding::top_byte},    // 0xfe, the last one
                         {-16777216, TypeEncoding::unknown},     // 0xff: a count of mappings
                         {-268435455, TypeEncoding::unknown},    // with bits of an owner
                         {-3, TypeEncoding::unknown},
                         {-65, TypeEncoding::unknown},
                         {-130, TypeEncoding::unknown},
                         {std::numeric_limits<std::int32_t>::max(), TypeEncoding::unknown},
                         {std::numeric_limits<std::int32_t>::min(), TypeEncoding::unknown}}) {
    EXPECT_EQ(encoding_of(static_cast<std::uint32_t>(v.value)), v.encoding) << v.value;
  }
}

TEST(PageTypes, BitsOfTheOwnerMakeNoDifference) {
  EXPECT_TRUE(is_of_type(0xf0000000, 0xf0000000));
  EXPECT_TRUE(is_of_type(0xf0000000, 0xf0abcdef));
  EXPECT_FALSE(is_of_type(0xf0000000, 0xf1000000));
  EXPECT_TRUE(is_of_type(0xbfffffff, 0xbfffffff));
  EXPECT_TRUE(is_of_type(0xbfffffff, 0xbfff0003));
  EXPECT_FALSE(is_of_type(0xbfffffff, 0x9fffffff));  // two types are none
  EXPECT_FALSE(is_of_type(0xbfffffff, 0x3fffffff));
  EXPECT_TRUE(is_of_type(0xffffff7f, 0xffffff7f));
  EXPECT_FALSE(is_of_type(0xffffff7f, 0xffffff7e));
  EXPECT_FALSE(is_of_type(0xffffff80, 0xffffff7f));
}

TEST(PageTypes, CountsOfMappingsAreNone) {
  for (const std::int64_t number :
       {std::int64_t{-1}, std::int64_t{0}, std::int64_t{5}, std::int64_t{0x7fffffff},
        std::int64_t{0xffffffff}, std::int64_t{0x100000000},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_FALSE(type_word(number)) << number;
  }
  EXPECT_EQ(type_word(-2), 0xfffffffeU);
  EXPECT_EQ(type_word(-268435456), 0xf0000000U);
  EXPECT_EQ(type_word(0xf0000000), 0xf0000000U);
}

}  // namespace
}  // namespace vmsift
