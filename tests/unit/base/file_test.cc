// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/file.h"

#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace vmsift {
namespace {

using test::TempDir;

TEST(File, ReadsLessOnlyAtTheEnd) {
  const TempDir dir;
  const auto bytes = test::noise(1000, 1);
  test::write_file(dir.file("a"), bytes);
  auto file = File::open(dir.file("a"), O_RDONLY);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->size(), 1000U);
  std::array<std::byte, 64> into{};
  ASSERT_TRUE(file->read_exactly(936, into));
  EXPECT_TRUE(std::equal(into.begin(), into.end(), bytes.begin() + 936));
  EXPECT_EQ(*file->read_at(990, into), 10U);
  EXPECT_EQ(*file->read_at(1000, into), 0U);
  EXPECT_EQ(*file->read_at(5000, into), 0U);
}

TEST(File, OffsetsThatNoFileHasAreBehindTheEnd) {
  const TempDir dir;
  test::write_file(dir.file("a"), test::noise(100, 1));
  auto file = File::open(dir.file("a"), O_RDONLY);
  ASSERT_TRUE(file);
  std::array<std::byte, 16> into{};
  for (const std::uint64_t offset :
       {std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max(),
        (std::uint64_t{1} << 63) - 8, (std::uint64_t{1} << 63) - 16}) {
    auto got = file->read_at(offset, into);
    ASSERT_TRUE(got) << got.message();
    EXPECT_EQ(*got, 0U);
    EXPECT_FALSE(file->read_exactly(offset, into));
  }
}

TEST(File, AShortReadSaysWhereTheFileEnds) {
  const TempDir dir;
  test::write_file(dir.file("a"), test::noise(100, 1));
  auto file = File::open(dir.file("a"), O_RDONLY);
  ASSERT_TRUE(file);
  std::array<std::byte, 16> into{};
  const auto read = file->read_exactly(96, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.message(),
            dir.file("a") + ": ends at offset 0x64, 16 bytes were expected at 0x60");
  const auto far = file->read_exactly(0x1000, into);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.message(),
            dir.file("a") + ": ends at offset 0x64, 16 bytes were expected at 0x1000");
}

TEST(File, ErrorsNameTheFile) {
  const TempDir dir;
  const auto missing = File::open(dir.file("nothing"), O_RDONLY);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.message(), dir.file("nothing") + ": No such file or directory");

  auto file = File::open(dir.path(), O_RDONLY);
  ASSERT_TRUE(file);
  std::array<std::byte, 16> into{};
  const auto read = file->read_at(0, into);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.message(), dir.path() + ": reading 16 bytes at offset 0x0: Is a directory");

  test::write_file(dir.file("a"), into);
  auto read_only = File::open(dir.file("a"), O_RDONLY);
  ASSERT_TRUE(read_only);
  EXPECT_FALSE(read_only->write_at(0, into));
}

TEST(File, WritesWhereItIsTold) {
  const TempDir dir;
  auto file = File::open(dir.file("a"), O_RDWR | O_CREAT | O_EXCL, 0600);
  ASSERT_TRUE(file);
  const auto bytes = test::noise(10, 2);
  ASSERT_TRUE(file->write_at(5, bytes));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(file->close());
  EXPECT_FALSE(file->is_open());
  EXPECT_TRUE(file->close());  // again is no error
  auto expected = test::zeros(5);
  test::append(expected, bytes);
  EXPECT_EQ(test::read_file(dir.file("a")), expected);
}

TEST(File, ClosesItselfOnceAndIsNotInherited) {
  const TempDir dir;
  test::write_file(dir.file("a"), test::noise(10, 1));
  int fd;
  {
    auto file = File::open(dir.file("a"), O_RDONLY);
    ASSERT_TRUE(file);
    fd = file->fd();
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    File moved(std::move(*file));
    EXPECT_EQ(moved.fd(), fd);
    File other;
    other = std::move(moved);
    EXPECT_EQ(other.fd(), fd);
    EXPECT_EQ(other.path(), dir.file("a"));
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(File, KnowsItselfByAnyName) {
  const TempDir dir;
  test::write_file(dir.file("a"), test::noise(10, 1));
  test::write_file(dir.file("b"), test::noise(10, 1));
  ASSERT_EQ(::symlink("a", dir.file("link").c_str()), 0);
  ASSERT_EQ(::link(dir.file("a").c_str(), dir.file("hard").c_str()), 0);
  auto file = File::open(dir.file("a"), O_RDONLY);
  ASSERT_TRUE(file);
  EXPECT_TRUE(same_file(*file, dir.file("a")));
  EXPECT_TRUE(same_file(*file, dir.file("link")));
  EXPECT_TRUE(same_file(*file, dir.file("hard")));
  EXPECT_FALSE(same_file(*file, dir.file("b")));
  EXPECT_FALSE(same_file(*file, dir.file("nothing")));
}

}  // namespace
}  // namespace vmsift
