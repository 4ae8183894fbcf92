// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/flattened_store.h"

#include "src/input/framed_store.h"
#include "tests/unit/support/flat_builder.h"

#include <gtest/gtest.h>

#include <thread>

namespace vmsift {
namespace {

using test::Bytes;
using test::FlatBuilder;
using test::noise;
using test::Random;

std::unique_ptr<ByteStore> open(const Bytes& stream) {
  auto store = FlattenedStore::open(test::store_of(stream));
  if (!store) {
    ADD_FAILURE() << store.message();
    return nullptr;
  }
  return std::move(*store);
}

std::string open_error(const Bytes& stream) {
  const auto store = FlattenedStore::open(test::store_of(stream));
  return store ? "opened" : store.message();
}

TEST(FlattenedStore, RecordsInOrder) {
  Random random(1);
  FlatBuilder flat;
  flat.dump(noise(100'000, 1), 1000).end();
  const auto store = open(flat.bytes());
  test::expect_contents(*store, flat.plain(), random);
  EXPECT_FALSE(store->truncated());
  EXPECT_TRUE(store->warnings().empty());
  EXPECT_EQ(store->path(), "test");
}

TEST(FlattenedStore, SequencesThatTakeTurns) {
  Random random(2);
  FlatBuilder flat;
  flat.record(0, noise(500, 1));
  for (std::uint64_t i = 0; i < 300; ++i) {
    if (i % 5 == 0) flat.record(1000 + i / 5 * 24, noise(24, i));
    flat.record(20'000 + i * 200, noise(200, 1000 + i));
  }
  flat.end();
  test::expect_contents(*open(flat.bytes()), flat.plain(), random);
}

TEST(FlattenedStore, GapsAreZerosAndHoles) {
  Random random(3);
  FlatBuilder flat;
  flat.record(5000, noise(100, 1)).record(9000, noise(100, 2)).end();
  const auto store = open(flat.bytes());
  test::expect_contents(*store, flat.plain(), random);
  EXPECT_EQ(store->next_data(0), 5000U);
  EXPECT_EQ(store->next_data(5050), 5050U);
  EXPECT_EQ(store->next_data(5100), 9000U);
  EXPECT_EQ(store->next_data(9100), 9100U);
  EXPECT_FALSE(store->piece_at(0));
  EXPECT_FALSE(store->piece_at(5100));
  EXPECT_FALSE(store->piece_at(9100));
}

// Against a plain copy of the same writes, with every order and overlap that comes up.
TEST(FlattenedStore, AnyOrderAndAnyOverlap) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    FlatBuilder flat;
    const std::uint64_t space = 20 + random.below(400);
    std::vector<std::uint64_t> ends = {0};
    const auto records = 1 + random.below(60);
    for (std::uint64_t i = 0; i < records; ++i) {
      // Mostly where some earlier record ended, so that runs form, meet and are cut.
      const std::uint64_t at =
          random.below(3) != 0 ? ends[random.below(ends.size())] : random.below(space);
      flat.record(at, noise(1 + random.below(30), random.next()));
      ends.push_back(flat.plain().size());
      ends.push_back(at + 1 + random.below(20));
    }
    flat.end();
    test::expect_contents(*open(flat.bytes()), flat.plain(), random);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
}

// The same when runs are joined into longer walks: enough records for that, some written over.
TEST(FlattenedStore, ManyRecords) {
  Random random(5);
  FlatBuilder flat;
  const std::uint64_t records = 3 * RecordIndexBuilder::kMaxRuns;
  for (std::uint64_t i = 0; i < records; ++i) {
    flat.record(i / 2 * 4 + i % 2 * 4 * records, noise(4, i));
    if (i % 5000 == 4999) flat.record(random.below(2 * i), noise(1 + random.below(40), i));
  }
  flat.end();
  const auto store = open(flat.bytes());
  test::expect_contents(*store, flat.plain(), random);
}

TEST(FlattenedStore, WhatIsBehindTheEndRecordIsNotThere) {
  Random random(6);
  FlatBuilder flat;
  flat.record(0, noise(1000, 1)).end();
  Bytes stream = flat.bytes();
  test::append(stream, FlatBuilder().record(0, noise(2000, 2)).bytes());
  const auto store = open(stream);
  test::expect_contents(*store, flat.plain(), random);
  EXPECT_FALSE(store->truncated());
}

TEST(FlattenedStore, AStreamCutAnywhereIsReadAsFarAsItGoes) {
  FlatBuilder flat;
  flat.record(0, noise(100, 1)).record(100, noise(100, 2)).record(50, noise(30, 3)).end();
  const Bytes& whole = flat.bytes();
  for (std::size_t size = flattened::kHeaderFieldBytes; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto store = open(cut);
    ASSERT_NE(store, nullptr);
    EXPECT_TRUE(store->truncated()) << size;
    ASSERT_EQ(store->warnings().size(), 1U);
    EXPECT_NE(store->warnings()[0].find(fmt::format("offset {:#x}", size)), std::string::npos)
        << store->warnings()[0];
    const std::size_t first = 4096 + 16;
    const std::size_t expected = size <= first ? 0
                                 : size <= first + 100 + 16
                                     ? std::min<std::size_t>(size - first, 100)
                                     : std::min<std::size_t>(size - first - 16, 200);
    ASSERT_EQ(store->size(), expected) << size;
    const Bytes got = test::read_all_of(*store);
    const std::size_t same = std::min<std::size_t>(expected, 50);
    ASSERT_EQ(
        Bytes(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(same)),
        Bytes(flat.plain().begin(), flat.plain().begin() + static_cast<std::ptrdiff_t>(same)));
  }
}

TEST(FlattenedStore, ImpossibleRecordsEndTheStream) {
  const std::pair<std::uint64_t, std::uint64_t> cases[] = {
      {0, 0},
      {~std::uint64_t{0}, 5},
      {5, ~std::uint64_t{0}},
      {std::uint64_t{1} << 63, 1},
      {flattened::kMaxOffset, 1},
  };
  for (const auto& [offset, size] : cases) {
    FlatBuilder flat;
    flat.record(0, noise(100, 1)).header(offset, size).record(100, noise(100, 2)).end();
    const auto store = open(flat.bytes());
    EXPECT_EQ(store->size(), 100U);
    EXPECT_TRUE(store->truncated());
    ASSERT_EQ(store->warnings().size(), 1U);
    EXPECT_NE(store->warnings()[0].find("offset 0x1074: impossible record"), std::string::npos)
        << store->warnings()[0];
  }
}

TEST(FlattenedStore, ARecordThatIsLargerThanTheFile) {
  Random random(7);
  FlatBuilder flat;
  flat.record(0, noise(100, 1)).header(1000, flattened::kMaxOffset - 1000);
  Bytes stream = flat.bytes();
  const Bytes rest = noise(50, 2);
  test::append(stream, rest);
  const auto store = open(stream);
  ASSERT_EQ(store->size(), 1050U);
  Bytes got(50);
  ASSERT_TRUE(store->read_exactly(1000, got).ok());
  EXPECT_EQ(got, rest);
  EXPECT_TRUE(store->truncated());
}

TEST(FlattenedStore, TooFarOutOfOrder) {
  FlatBuilder flat;
  for (std::uint64_t i = 0; i <= RecordIndexBuilder::kMaxRuns; ++i) {
    flat.record((RecordIndexBuilder::kMaxRuns - i) * 2, Bytes(1, std::byte{1}));
  }
  EXPECT_NE(open_error(flat.end().bytes()).find("rebuild it first: vmsift -R"), std::string::npos);
}

TEST(FlattenedStore, OtherHeaders) {
  FlatBuilder flat;
  flat.record(0, noise(10, 1)).end();
  Bytes stream = flat.bytes();
  stream[23] = std::byte{7};
  EXPECT_NE(open_error(stream).find("type 7"), std::string::npos);
  stream.resize(20);
  EXPECT_NE(open_error(stream).find("ends at offset 0x14"), std::string::npos);
}

TEST(FlattenedStore, InFrames) {
  Random random(8);
  FlatBuilder flat;
  flat.record(0, noise(500, 1));
  for (std::uint64_t i = 0; i < 100; ++i) {
    flat.record(2000 + i * 8, noise(8, i)).record(10'000 + i * 300, test::words(300, i));
  }
  flat.end();
  Bytes framed;
  for (std::size_t at = 0; at < flat.bytes().size(); at += 777) {
    const std::size_t n = std::min<std::size_t>(777, flat.bytes().size() - at);
    test::append(framed, test::zstd_frame(std::span(flat.bytes()).subspan(at, n)));
  }
  auto frames = FramedStore::open(test::store_of(framed));
  ASSERT_TRUE(frames.ok()) << frames.message();
  auto store = FlattenedStore::open(std::move(*frames));
  ASSERT_TRUE(store.ok()) << store.message();
  test::expect_contents(**store, flat.plain(), random);
  EXPECT_FALSE((*store)->truncated());
}

TEST(FlattenedStore, ManyThreadsReadOneStore) {
  FlatBuilder flat;
  flat.dump(noise(400'000, 1), 100).end();
  const auto store = open(flat.bytes());
  std::vector<std::thread> threads;
  std::vector<int> wrong(8);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      Random random(t);
      Bytes some(3000);
      for (int i = 0; i < 300; ++i) {
        const std::size_t at = random.below(flat.plain().size() - some.size());
        const bool same = store->read_exactly(at, some).ok() &&
                          std::memcmp(some.data(), &flat.plain()[at], some.size()) == 0;
        if (!same) ++wrong[t];
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, std::vector<int>(8));
}

}  // namespace
}  // namespace vmsift
