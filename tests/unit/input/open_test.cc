// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/open.h"

#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

TEST(OpenDump, WhatIsNoDumpIsNamed) {
  const test::TempDir dir;
  const auto message = [&](const test::Bytes& bytes) {
    test::write_file(dir.file("x"), bytes);
    const auto source = open_dump(dir.file("x"), ReadMode::map);
    return source ? std::string("opened") : source.message();
  };
  const std::string neither = dir.file("x") + ": neither an ELF core nor a kdump-compressed dump";
  EXPECT_EQ(message({}), neither);
  EXPECT_EQ(message(test::text_bytes("\x7f"
                                     "EL")),
            neither);
  EXPECT_EQ(message(test::text_bytes("KDUMP  ")), neither);
  EXPECT_EQ(message(test::noise(5000, 1)), neither);
  EXPECT_EQ(message(test::zeros(5000)), neither);
  EXPECT_NE(message(test::text_bytes("KDUMP   ")), neither);
  EXPECT_NE(message(test::text_bytes("VMSIFT  ")), neither);
  EXPECT_NE(message(test::text_bytes("\x7f"
                                     "ELF")),
            neither);
}

TEST(OpenDump, MissingFilesAndDirectories) {
  const test::TempDir dir;
  EXPECT_EQ(open_dump(dir.file("none"), ReadMode::map).message(),
            dir.file("none") + ": No such file or directory");
  EXPECT_NE(open_dump(dir.path(), ReadMode::map).message().find("Is a directory"),
            std::string::npos);
}

}  // namespace
}  // namespace vmsift
