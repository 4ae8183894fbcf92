// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/json.h"

#include "tests/unit/support/json_check.h"

#include <gtest/gtest.h>

#include <limits>

namespace vmsift {
namespace {

using test::JsonCheck;

TEST(JsonCheck, KnowsJsonFromWhatIsNot) {
  for (const char* text : {"{}", "[]", " {\"a\": [1, -2.5, true, null, \"x\\u00e9\"]} ", "0"}) {
    EXPECT_TRUE(JsonCheck::read(text)) << text;
  }
  for (const char* text : {"", "{", "{]", "[1,]", "{\"a\"}", "{\"a\":1,\"a\":2}", "01", "nan",
                           "{} x", "\"\\x\"", "\"\n\"", "{a:1}", "1.", "[1 2]"}) {
    EXPECT_FALSE(JsonCheck::read(text)) << text;
  }
}

TEST(JsonString, EscapesWhatMustNotStandInAString) {
  EXPECT_EQ(json_string("plain text"), "\"plain text\"");
  EXPECT_EQ(json_string("a\"b\\c\nd"), "\"a\\\"b\\\\c\\nd\"");
  EXPECT_EQ(json_string(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\\u007f\"");
  EXPECT_EQ(json_string("\xe9\xff"), "\"\\u00e9\\u00ff\"");
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_TRUE(JsonCheck::read(json_string(all)));
}

TEST(JsonWriter, NestsAndSeparates) {
  JsonWriter json;
  json.begin_object();
  json.field("text", "a \"b\"").field("yes", true).field("no", false).field("half", 0.5);
  json.field("most", std::numeric_limits<std::uint64_t>::max())
      .field("least", std::numeric_limits<std::int64_t>::min());
  json.begin_array("empty").end_array();
  json.begin_object("nothing").end_object();
  json.begin_array("list").element("x").element("y");
  json.begin_object().field("deep", 1).end_object();
  json.begin_object().field("deep", 2).end_object();
  json.end_array().field("last", std::string("z")).end_object();
  const std::string text = json.take();
  EXPECT_EQ(text.back(), '\n');
  const auto values = JsonCheck::read(text);
  ASSERT_TRUE(values) << text;
  EXPECT_EQ(values->at("text"), "\"a \\\"b\\\"\"");
  EXPECT_EQ(values->at("most"), "18446744073709551615");
  EXPECT_EQ(values->at("least"), "-9223372036854775808");
  EXPECT_EQ(values->at("half"), "0.500000");
  EXPECT_EQ(values->at("list[1]"), "\"y\"");
  EXPECT_EQ(values->at("list[3].deep"), "2");
  EXPECT_EQ(values->at("last"), "\"z\"");
}

}  // namespace
}  // namespace vmsift
