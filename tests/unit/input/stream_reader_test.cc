// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/stream_reader.h"

#include "tests/unit/support/flat_builder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

namespace vmsift {
namespace {

using test::Bytes;
using test::noise;

struct Taken {
  Bytes bytes;
  std::string failure;
};

Taken take_all(const File& file, std::size_t most) {
  StreamReader stream(file);
  Taken taken;
  for (;;) {
    auto bytes = stream.next(most);
    if (!bytes) {
      taken.failure = bytes.message();
      break;
    }
    EXPECT_LE(bytes->size(), most);
    if (bytes->empty()) break;
    test::append(taken.bytes, *bytes);
  }
  EXPECT_EQ(stream.position(), taken.bytes.size());
  return taken;
}

Taken take_from_file(const Bytes& bytes, std::size_t most = 1U << 20) {
  File file(::memfd_create("test", MFD_CLOEXEC), "stream");
  EXPECT_TRUE(file.write_at(0, bytes).ok());
  return take_all(file, most);
}

// A writer that gives `step` bytes at a time.
Taken take_from_pipe(const Bytes& bytes, std::size_t step) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      const std::size_t n = std::min(step, bytes.size() - at);
      if (::write(ends[1], bytes.data() + at, n) != static_cast<ssize_t>(n)) break;
    }
    ::close(ends[1]);
  });
  const File file(ends[0], "stream");
  Taken taken = take_all(file, 5000);
  writer.join();
  return taken;
}

TEST(StreamReader, PlainBytes) {
  for (const std::size_t size : {0U, 1U, 3U, 4U, 5U, 3'000'000U}) {
    const Bytes plain = noise(size, 1);
    for (const std::size_t most : {7U, 1U << 20}) {
      if (size / most > 10'000'000) continue;
      const auto taken = take_from_file(plain, most);
      EXPECT_EQ(taken.bytes, plain);
      EXPECT_EQ(taken.failure, "");
    }
  }
  EXPECT_EQ(take_from_pipe(noise(300'000, 2), 511).bytes, noise(300'000, 2));
}

Bytes in_frames(const Bytes& plain) {
  Bytes file = test::skippable_frame(5);
  std::size_t at = 0;
  for (const std::size_t n : {16U, 1'500'000U, 1U, 100'000U}) {
    const auto some = std::span(plain).subspan(at, n);
    test::append(file, at == 0 ? test::zstd_frame(some) : test::lz4_frame(some, false));
    test::append(file, test::zstd_frame({}));
    at += n;
  }
  test::append(file, test::zstd_frame(std::span(plain).subspan(at), false));
  return file;
}

TEST(StreamReader, FramesOfBothKinds) {
  Bytes plain = noise(1'000'000, 1);
  test::append(plain, test::words(3'000'000, 2));
  const Bytes file = in_frames(plain);
  EXPECT_EQ(take_from_file(file).bytes, plain);
  EXPECT_EQ(take_from_file(file).failure, "");
  EXPECT_EQ(take_from_pipe(file, 701).bytes, plain);
}

TEST(StreamReader, OneHugeFrame) {
  Bytes plain = test::zeros(100U << 20);
  test::append(plain, noise(1000, 1));
  EXPECT_EQ(take_from_file(test::zstd_frame(plain, false)).bytes, plain);
  EXPECT_EQ(take_from_file(test::lz4_frame(plain, false)).bytes, plain);
}

TEST(StreamReader, WhatFollowsTheLastFrameIsNotThere) {
  const Bytes plain = noise(1000, 1);
  Bytes file = test::zstd_frame(plain);
  test::append(file, test::zeros(5000));
  const auto taken = take_from_file(file);
  EXPECT_EQ(taken.bytes, plain);
  EXPECT_EQ(taken.failure, "");
}

TEST(StreamReader, CutAndDamagedFramesAreErrors) {
  const Bytes plain = noise(1000, 1);
  for (const Bytes& frame : {test::zstd_frame(plain), test::lz4_frame(plain)}) {
    for (std::size_t size = 5; size < frame.size(); ++size) {
      const auto taken =
          take_from_file(Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size)));
      ASSERT_NE(taken.failure.find("ends within a"), std::string::npos) << size << taken.failure;
      ASSERT_LE(taken.bytes.size(), plain.size());
    }
    Bytes bad = frame;
    bad[bad.size() - 1] ^= std::byte{1};  // checksum
    EXPECT_NE(take_from_file(bad).failure.find("near offset"), std::string::npos);
  }
}

TEST(StreamReader, ReadErrorsAreTold) {
  const auto directory = File::open("/", O_RDONLY | O_DIRECTORY);
  EXPECT_NE(take_all(*directory, 100).failure.find("Is a directory"), std::string::npos);
}

}  // namespace
}  // namespace vmsift
