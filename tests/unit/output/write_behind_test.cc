// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/write_behind.h"

#include "src/output/file_sink.h"
#include "tests/unit/output/output_fixture.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace vmsift {
namespace {

constexpr auto kChunk = static_cast<std::size_t>(WriteBehind::kChunkBytes);

TEST(WriteBehind, FilesHoldTheSameBytes) {
  const test::TempDir dir;
  const test::Bytes bytes = test::noise(3 * kChunk + 1000, 7);
  auto made = FileSink::create(dir.file("dump"), true, ByteSink::kNoLimit, true);
  ASSERT_TRUE(made);
  // In pieces, out of order, and over what was written before.
  constexpr std::size_t kPiece = 300000;
  ASSERT_TRUE((*made)->write_at(kChunk, std::span(bytes).first(kPiece)));
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    const std::size_t n = std::min(kPiece, bytes.size() - at);
    ASSERT_TRUE((*made)->write_at(at, std::span(bytes).subspan(at, n)));
  }
  test::Bytes back(bytes.size());
  EXPECT_TRUE((*made)->read_back(0, back));
  EXPECT_EQ(back, bytes);
  ASSERT_TRUE((*made)->finish());
  EXPECT_EQ(test::read_file(dir.file("dump")), bytes);
}

// A pipe has no pages to send anywhere: it is asked once, and never again.
TEST(WriteBehind, WhatCannotBeSentOffIsNoError) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe(ends.data()), 0);
  WriteBehind behind;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(behind.written(ends[1], kChunk), 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(WriteBehind, LessThanAChunkIsLeftAlone) {
  constexpr int kNoFile = -1;
  WriteBehind behind;
  EXPECT_EQ(behind.written(kNoFile, kChunk - 1), 0);
  EXPECT_EQ(behind.written(kNoFile, 1), EBADF);
  EXPECT_EQ(behind.written(kNoFile, kChunk - 1), 0) << "counts from there";
  EXPECT_EQ(behind.written(kNoFile, kChunk), EBADF) << "an error is no reason to stop looking";
}

}  // namespace
}  // namespace vmsift
