// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/values.h"

#include "tests/unit/cli/parse.h"

namespace vmsift {
namespace {

TEST(Values, Sizes) {
  const auto size = [](const char* text) { return parse_size(text).ok() ? *parse_size(text) : 0; };
  EXPECT_EQ(size("1"), 1U);
  EXPECT_EQ(size("4096"), 4096U);
  std::uint64_t unit = 1;
  for (const char suffix : std::string("KMGTPE")) {
    unit *= 1024;
    const std::string text = std::string("3") + suffix;
    EXPECT_EQ(size(text.c_str()), 3 * unit) << text;
  }
  EXPECT_EQ(size("5k"), 5U * 1024);
  EXPECT_EQ(size("2g"), std::uint64_t{2} << 30);
  EXPECT_EQ(size("9223372036854775807"), ~std::uint64_t{0} >> 1);
  EXPECT_EQ(size("7E"), std::uint64_t{7} << 60);
  for (const char* text : {"", "0", "0K", "-1", "+1", "K", "1KB", "1Z", "K1", "1 K", "1.5G", "x",
                           "0x10", " 1", "18446744073709551616", "99999999999999999999E"}) {
    auto parsed = parse_size(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.message().find(std::string("not \"") + text + "\""), std::string::npos);
  }
  for (const char* text : {"8E", "9223372036854775808", "18446744073709551615E", "8192P",
                           "18014398509481984K", "16777216T"}) {
    auto parsed = parse_size(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.message(), std::string("size limit (-L) ") + text + " is beyond any file");
  }
}

TEST(Values, Levels) {
  using Levels = std::vector<unsigned>;
  EXPECT_EQ(*parse_levels("0"), Levels{0});
  EXPECT_EQ(*parse_levels("9,17,31"), (Levels{9, 17, 31}));
  EXPECT_EQ(*parse_levels("31,31"), (Levels{31, 31}));
  for (const char* text : {"", ",", "1,", ",1", "1,,2", "1,32", "32,1", "1, 2", "1;2", "1,-1"}) {
    EXPECT_FALSE(parse_levels(text)) << text;
  }
  std::string list = "1";
  for (std::size_t i = 1; i < kLevelsInList; ++i) list += ",1";
  EXPECT_EQ(parse_levels(list)->size(), kLevelsInList);
  auto parsed = parse_levels(list + ",1");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.message(), "-d takes up to 32 levels");
}

TEST(Values, Addresses) {
  EXPECT_EQ(*parse_address("0xffffffff81000000"), 0xffffffff81000000U);
  EXPECT_EQ(*parse_address("0XFFFFFFFF81000000"), 0xffffffff81000000U);
  EXPECT_EQ(*parse_address("ffffffff81000000"), 0xffffffff81000000U);
  EXPECT_EQ(*parse_address("0x10"), 16U);
  EXPECT_EQ(*parse_address("10"), 10U);
  EXPECT_EQ(*parse_address("0xffffffffffffffff"), ~std::uint64_t{0});
  for (const char* text : {"", "0x", "zz", "-1", "0x1ffffffffffffffff", "18446744073709551616",
                           "0x10 ", "0xg", "0x0x1", "init_task"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(Values, Numbers) {
  EXPECT_EQ(*parse_number("-b", "0", 0, 31), 0U);
  EXPECT_EQ(*parse_number("-b", "31", 0, 31), 31U);
  EXPECT_EQ(parse_number("-b", "32", 0, 31).message(), "-b is a number from 0 to 31, not \"32\"");
  EXPECT_EQ(parse_number("-b", "0", 1, 31).message(), "-b is a number from 1 to 31, not \"0\"");
}

}  // namespace
}  // namespace vmsift
