// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/open.h"

#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/flat_builder.h"
#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

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

// Each wrapping by itself and both together; what is inside is found.
TEST(OpenDump, WrappingsAreTakenOff) {
  const test::TempDir dir;
  test::ElfBuilder elf;
  elf.load(0x1000, test::noise(8192, 1)).load(0x100000, test::words(4096, 2));
  const test::Bytes plain = elf.build();
  const test::Bytes flat = test::FlatBuilder().dump(plain, 1000).end().bytes();
  for (const test::Bytes& file : {plain, flat, test::zstd_frame(plain), test::lz4_frame(flat),
                                  test::zstd_frame(flat, false)}) {
    test::write_file(dir.file("x"), file);
    const auto store = open_store(dir.file("x"));
    ASSERT_TRUE(store.ok()) << store.message();
    EXPECT_EQ(test::read_all_of(**store), plain);
    const auto source = open_dump(dir.file("x"), ReadMode::map);
    ASSERT_TRUE(source.ok()) << source.message();
    EXPECT_EQ((*source)->info().format, "ELF core");
    EXPECT_FALSE((*source)->info().incomplete);
  }
  // Other than inside out, or twice, is none of ours.
  for (const test::Bytes& file :
       {test::FlatBuilder().dump(test::zstd_frame(plain), 1000).end().bytes(),
        test::FlatBuilder().dump(flat, 1000).end().bytes(),
        test::zstd_frame(test::lz4_frame(plain))}) {
    test::write_file(dir.file("x"), file);
    EXPECT_NE(open_dump(dir.file("x"), ReadMode::map).message().find("neither an ELF core"),
              std::string::npos);
  }
}

TEST(OpenDump, AStreamCutShortIsIncomplete) {
  const test::TempDir dir;
  test::ElfBuilder elf;
  elf.load(0x1000, test::noise(8192, 1)).load(0x100000, test::words(4096, 2));
  test::Bytes flat = test::FlatBuilder().dump(elf.build(), 1000).end().bytes();
  flat.resize(flat.size() - 5);
  test::write_file(dir.file("x"), flat);
  const auto source = open_dump(dir.file("x"), ReadMode::map);
  ASSERT_TRUE(source.ok()) << source.message();
  EXPECT_TRUE((*source)->info().incomplete);
  ASSERT_EQ((*source)->info().warnings.size(), 1U);
  EXPECT_NE((*source)->info().warnings[0].find("flattened dump cut short"), std::string::npos);
}

TEST(OpenDump, PipesAreRefusedAtOnce) {
  const test::TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  EXPECT_NE(open_dump(dir.file("pipe"), ReadMode::map).message().find("vmsift -R DUMPFILE"),
            std::string::npos);
}

TEST(OpenDump, MembersOfASetAreKdumpCompressed) {
  const test::TempDir dir;
  test::ElfBuilder elf;
  elf.load(0x1000, test::noise(8192, 1));
  test::write_file(dir.file("a"), elf.build());
  const std::vector<std::string> paths = {dir.file("a"), dir.file("b")};
  EXPECT_EQ(open_dump(paths, ReadMode::map).message(),
            dir.file("a") + ": no member of a split dump: not kdump-compressed");
  EXPECT_TRUE(open_dump(std::span(paths).first(1), ReadMode::map).ok());
}

}  // namespace
}  // namespace vmsift
