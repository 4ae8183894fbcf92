// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/live_note.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

TEST(LiveNote, PlacesAsTheKernelPrintsThem) {
  const auto place = parse_live_note_place("0x0000000100c66000 1024\n");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->begin.value, 0x100c66000U);
  EXPECT_EQ(place->size, 0x1024U);
  EXPECT_TRUE(parse_live_note_place("7f000 1000"));
}

TEST(LiveNote, AnythingElseIsNone) {
  for (const char* text : {"", "0x", "0x1000", "0x1000 ", "0x1000 x", "x 1000", "0x1000 10 20",
                           "0x1000 0", "0x1000 100001", "0x1000 fffffffffffffffff",
                           "0xfffffffffffffffff 1000", "-1 1000", "0x1000,1000"}) {
    EXPECT_FALSE(parse_live_note_place(text)) << text;
  }
  EXPECT_TRUE(parse_live_note_place("0x1000 100000"));  // the most
}

}  // namespace
}  // namespace vmsift
