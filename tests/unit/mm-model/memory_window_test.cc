// SPDX-License-Identifier: GPL-2.0-or-later
// Memory through a buffer, and the reads of many pages that it makes.
#include "mm-model/memory_window.h"

#include "tests/unit/support/synthetic_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace vmsift {
namespace {

constexpr VirtAddr kBase{0xffffffff80000000};
constexpr Pfn kPages = 64;

class MemoryWindowTest : public testing::Test {
 protected:
  MemoryWindowTest() {
    source.add({0, kPages});
    for (std::uint64_t at = 0; at < kPages * 4096; at += 4) {
      source.put({at}, static_cast<std::uint32_t>(at));
    }
    layout.linear.push_back({kBase, {0}, kPages * 4096});
  }

  // Every 4th byte counts.
  static bool right(std::span<const std::byte> bytes, std::uint64_t at) {
    for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      if (load<std::uint32_t>(&bytes[i], ByteOrder::little) != at + i) return false;
    }
    return true;
  }

  test::SyntheticMemory source{kPages};
  AddressLayout layout;
};

TEST_F(MemoryWindowTest, FromBeginningToEndInAnyBuffer) {
  for (const std::size_t buffer : {std::size_t{256}, std::size_t{4096}, std::size_t{65536}}) {
    AddressSpace memory(layout, source);
    constexpr std::uint64_t kFrom = 0x124, kSize = 0x30000;
    MemoryWindow window(memory, kBase + kFrom, kSize, buffer);
    for (std::uint64_t at = 0; at + 64 <= kSize; at += 60) {
      const auto bytes = window.from(at, 64);
      ASSERT_GE(bytes.size(), 64U);
      ASSERT_LE(bytes.size(), buffer);
      ASSERT_TRUE(right(bytes, kFrom + at)) << at;
    }
  }
}

TEST_F(MemoryWindowTest, BackAndForth) {
  AddressSpace memory(layout, source);
  MemoryWindow window(memory, kBase, kPages * 4096, 1024);
  for (const std::uint64_t at : {0x8000U, 0x7ffcU, 0U, 0x3fffcU, 0x8004U, 0x8000U, 4U}) {
    EXPECT_TRUE(right(window.from(at, 4), at)) << at;
    EXPECT_EQ(window.from(at, 4).empty(), false) << at;
  }
}

TEST_F(MemoryWindowTest, NothingBeyondTheEnd) {
  AddressSpace memory(layout, source);
  MemoryWindow window(memory, kBase, 1000, 256);
  EXPECT_EQ(window.from(996, 4).size(), 4U);
  for (const auto& [at, n] : {std::pair<std::uint64_t, std::size_t>{997, 4},
                              {1000, 1},
                              {~std::uint64_t{0}, 4},
                              {~std::uint64_t{0} - 3, 4},
                              {0, 1001},
                              {0, 129}}) {
    EXPECT_TRUE(window.from(at, n).empty()) << at;
  }
  EXPECT_EQ(window.from(0, 128).empty(), false) << "half of the buffer is promised";
}

// What lies around is not asked for.
TEST_F(MemoryWindowTest, NeighboursMayBeMissing) {
  source.set_unreadable(9);
  source.set_unreadable(11);
  AddressSpace memory(layout, source);
  MemoryWindow window(memory, kBase, kPages * 4096, 65536);
  EXPECT_TRUE(right(window.from(10 * 4096, 64), 10 * 4096));
  EXPECT_EQ(window.from(10 * 4096, 64).size(), 64U);
  EXPECT_TRUE(window.from(11 * 4096 - 4, 8).empty());
  EXPECT_TRUE(right(window.from(12 * 4096, 8), 12 * 4096)) << "after a failure too";
}

TEST_F(MemoryWindowTest, ManyPagesAtATime) {
  source.limit_fetch(3);
  std::vector<std::byte> bytes(50 * 4096 + 20);
  for (const std::uint64_t from : {0U, 4U, 4096U, 4092U}) {
    AddressSpace memory(layout, source);
    ASSERT_TRUE(memory.read(kBase + from, bytes));
    EXPECT_TRUE(right(bytes, from)) << from;
  }
  source.disturb_once(20, std::byte{0x5a});
  AddressSpace memory(layout, source);
  ASSERT_TRUE(memory.read(kBase, bytes));
  EXPECT_TRUE(source.was_disturbed());
  EXPECT_TRUE(right(bytes, 0)) << "done over";
  source.set_unreadable(33);
  EXPECT_FALSE(memory.read(kBase, bytes));
}

}  // namespace
}  // namespace vmsift
