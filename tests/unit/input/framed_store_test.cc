// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/framed_store.h"

#include "tests/unit/support/flat_builder.h"

#include <gtest/gtest.h>

#include <thread>

namespace vmsift {
namespace {

using test::Bytes;
using test::noise;
using test::Random;

using MakeFrame = Bytes (*)(std::span<const std::byte>, bool, bool);
constexpr MakeFrame kMakers[] = {test::zstd_frame, test::lz4_frame};

std::unique_ptr<ByteStore> open(const Bytes& file) {
  auto store = FramedStore::open(test::store_of(file));
  if (!store) {
    ADD_FAILURE() << store.message();
    return nullptr;
  }
  return std::move(*store);
}

std::string open_error(const Bytes& file) {
  const auto store = FramedStore::open(test::store_of(file));
  return store ? "opened" : store.message();
}

Bytes part(const Bytes& of, std::size_t from, std::size_t size) {
  const auto first = of.begin() + static_cast<std::ptrdiff_t>(from);
  return {first, first + static_cast<std::ptrdiff_t>(size)};
}

TEST(FramedStore, FramesOfAnySize) {
  Random random(1);
  for (const MakeFrame frame : kMakers) {
    for (const bool with_size : {true, false}) {
      for (const bool checksums : {true, false}) {
        Bytes plain;
        Bytes file;
        // One-, two- and four-byte sizes in zstd's header; raw, repeated and compressed blocks.
        for (const std::size_t size : {1U, 16U, 255U, 256U, 5000U, 65'791U, 65'792U, 300'000U}) {
          for (const Bytes& bytes :
               {noise(size, size), test::words(size, size), test::zeros(size)}) {
            test::append(plain, bytes);
            test::append(file, frame(bytes, with_size, checksums));
          }
          test::append(file, test::skippable_frame(size % 50));
        }
        const auto store = open(file);
        ASSERT_NE(store, nullptr);
        test::expect_contents(*store, plain, random);
        EXPECT_FALSE(store->truncated());
        EXPECT_TRUE(store->warnings().empty());
      }
    }
  }
}

TEST(FramedStore, FramesOfNothingAndOfBothKinds) {
  Random random(2);
  const Bytes plain = noise(10'000, 1);
  Bytes file = test::skippable_frame(0);
  test::append(file, test::zstd_frame({}));
  test::append(file, test::lz4_frame({}, false));
  test::append(file, test::zstd_frame(std::span(plain).first(6000)));
  test::append(file, test::lz4_frame({}, false));
  test::append(file, test::lz4_frame(std::span(plain).subspan(6000)));
  test::append(file, test::zstd_frame({}));
  test::expect_contents(*open(file), plain, random);
  EXPECT_EQ(open(test::skippable_frame(3))->size(), 0U);
}

// More frames than places are kept of.
TEST(FramedStore, ManyFrames) {
  Random random(3);
  const std::size_t frames = 2 * FramedStore::kMaxEntries + 1000;
  Bytes plain;
  Bytes file;
  std::vector<Bytes> kinds;
  for (std::size_t i = 0; i < 50; ++i) kinds.push_back(noise(1 + i % 7, i));
  std::vector<Bytes> encoded;
  for (const Bytes& k : kinds) encoded.push_back(test::zstd_frame(k));
  for (std::size_t i = 0; i < frames; ++i) {
    test::append(plain, kinds[i % 50]);
    test::append(file, encoded[i % 50]);
  }
  const auto store = open(file);
  ASSERT_EQ(store->size(), plain.size());
  for (int i = 0; i < 2000; ++i) {
    const std::size_t at = random.below(plain.size() - 64);
    Bytes some(64);
    ASSERT_TRUE(store->read_exactly(at, some).ok());
    ASSERT_EQ(some, part(plain, at, 64));
  }
}

// Frames that do not tell their size cannot be walked: there may be only so many.
TEST(FramedStore, TooManyFramesWithoutSizes) {
  const Bytes one = test::lz4_frame(noise(3, 1), false, false);
  Bytes file;
  for (std::size_t i = 0; i <= FramedStore::kMaxEntries; ++i) test::append(file, one);
  EXPECT_NE(open_error(file).find("too many frames"), std::string::npos);
  file.resize(one.size() * FramedStore::kMaxEntries);
  EXPECT_EQ(open(file)->size(), 3 * FramedStore::kMaxEntries);
}

TEST(FramedStore, AFileCutAnywhereIsReadUpToItsLastWholeFrame) {
  for (const MakeFrame frame : kMakers) {
    const Bytes plain = test::words(600, 1);
    const Bytes first = frame(std::span(plain).first(300), true, true);
    Bytes file = first;
    test::append(file, frame(std::span(plain).subspan(300), true, true));
    for (std::size_t size = 1; size < file.size(); ++size) {
      const auto store = open(part(file, 0, size));
      ASSERT_NE(store, nullptr);
      ASSERT_EQ(store->size(), size < first.size() ? 0U : 300U) << size;
      ASSERT_EQ(store->truncated(), size != first.size()) << size;
      ASSERT_EQ(test::read_all_of(*store), part(plain, 0, store->size()));
    }
  }
}

TEST(FramedStore, WhatIsNoFrameEndsTheFile) {
  const Bytes plain = noise(300, 1);
  Bytes file = test::zstd_frame(plain);
  const std::size_t end = file.size();
  test::append(file, test::zeros(100));
  const auto store = open(file);
  EXPECT_EQ(test::read_all_of(*store), plain);
  EXPECT_TRUE(store->truncated());
  EXPECT_NE(store->warnings()[0].find(fmt::format("no zstd or lz4 frame at {:#x}", end)),
            std::string::npos);
}

TEST(FramedStore, DamageCostsItsFrameAlone) {
  for (const MakeFrame frame : kMakers) {
    const Bytes plain = noise(30'000, 1);
    Bytes file;
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < 3; ++i) {
      at.push_back(file.size());
      test::append(file, frame(std::span(plain).subspan(i * 10'000, 10'000), true, true));
    }
    file[at[1] + 5000] ^= std::byte{1};
    const auto store = open(file);
    Bytes some(10'000);
    EXPECT_TRUE(store->read_exactly(0, some).ok());
    EXPECT_TRUE(store->read_exactly(20'000, some).ok());
    for (const std::size_t n : {std::size_t{100}, some.size()}) {  // by way of the cache, and not
      const auto bad = store->read_exactly(10'000, std::span(some).first(n));
      ASSERT_FALSE(bad.ok());
      EXPECT_NE(bad.message().find(fmt::format("frame at offset {:#x}", at[1])), std::string::npos)
          << bad.message();
    }
  }
}

TEST(FramedStore, SizesThatAreNotTrue) {
  Bytes file = test::zstd_frame(noise(20'000, 1));
  test::poke(file, 5, static_cast<std::uint16_t>(20'001 - 256));
  Bytes some(100);
  EXPECT_FALSE(open(file)->read_exactly(0, some).ok());
  file = test::lz4_frame(noise(20'000, 1));
  test::poke(file, 6, std::uint64_t{19'999});
  EXPECT_FALSE(open(file)->read_exactly(0, some).ok());
}

TEST(FramedStore, FramesThatAreTooLarge) {
  const std::string refusal = "the frame at offset 0x0 holds more than 64 MiB";
  const Bytes most = test::zeros(FramedStore::kMaxFrame);
  const Bytes more = test::zeros(FramedStore::kMaxFrame + 1);
  for (const MakeFrame frame : kMakers) {
    for (const bool with_size : {true, false}) {
      EXPECT_NE(open_error(frame(more, with_size, true)).find(refusal), std::string::npos);
      const auto store = open(frame(most, with_size, true));
      ASSERT_NE(store, nullptr);
      Bytes some(100, std::byte{1});
      ASSERT_TRUE(store->read_exactly(most.size() - 100, some).ok());
      EXPECT_EQ(some, test::zeros(100));
    }
  }
  // One that only claims to be: nothing of that size may be allocated.
  Bytes file = test::lz4_frame(noise(20, 1));
  test::poke(file, 6, ~std::uint64_t{0});
  EXPECT_NE(open_error(file).find(refusal), std::string::npos);
  // And one that stores so much that its end is not looked for.
  file = part(test::lz4_frame(noise(20, 1), false), 0, 7);
  test::append(file, Bytes{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0x85}});
  file.resize(file.size() + (0x05000000U) + 100);
  EXPECT_NE(open_error(file).find(refusal), std::string::npos);
}

TEST(FramedStore, ReservedBlocksEndTheFile) {
  Bytes file = test::zstd_frame(noise(300, 1));
  file[7] |= std::byte{6};  // the type of the first block, behind a header of 7 bytes
  const auto store = open(file);
  EXPECT_EQ(store->size(), 0U);
  EXPECT_NE(store->warnings()[0].find("invalid block at 0x7"), std::string::npos);
}

TEST(FramedStore, ManyThreadsReadOneStore) {
  const Bytes plain = test::words(4'000'000, 1);
  Bytes file;
  for (std::size_t at = 0; at < plain.size(); at += 50'000) {
    test::append(file, test::zstd_frame(std::span(plain).subspan(at, 50'000)));
  }
  const auto store = open(file);
  std::vector<std::thread> threads;
  std::vector<int> wrong(8);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      Random random(t);
      Bytes some(30'000);
      for (int i = 0; i < 100; ++i) {
        const std::size_t at = random.below(plain.size() - some.size());
        const bool same = store->read_exactly(at, some).ok() &&
                          std::memcmp(some.data(), &plain[at], some.size()) == 0;
        if (!same) ++wrong[t];
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, std::vector<int>(8));
}

}  // namespace
}  // namespace vmsift
