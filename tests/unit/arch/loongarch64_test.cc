// SPDX-License-Identifier: GPL-2.0-or-later
// loongarch64: windows, how many levels are counted, entries (reference manual, volume 1, 5.4).
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

test::KernelShape shape(unsigned page_shift, const char* variant) {
  test::KernelShape s{.sections = 1, .page_shift = page_shift};
  s.machine = "loongarch64";
  s.variant = variant;
  return s;
}

TEST(Loongarch64, LevelsAreCounted) {
  struct Kernel {
    unsigned page_shift;
    const char* variant;
    std::size_t levels;
  };
  for (const Kernel& kernel :
       {Kernel{12, "", 3}, Kernel{12, "4-level", 4}, Kernel{14, "", 3}, Kernel{14, "2-level", 2},
        Kernel{16, "", 3}, Kernel{16, "2-level", 2}}) {
    const test::SyntheticKernel k(shape(kernel.page_shift, kernel.variant));
    const auto layout = k.layout();
    ASSERT_TRUE(layout) << layout.message();
    ASSERT_EQ(layout->table.levels.size(), kernel.levels);
    EXPECT_EQ(layout->table.levels.back().shift, kernel.page_shift);
    EXPECT_EQ(layout->table.levels.front().bits, kernel.page_shift - 3);
    EXPECT_FALSE(layout->tables_map_image);
  }
}

TEST(Loongarch64, LevelsThatNoKernelHasAreAnError) {
  const test::SyntheticKernel two(shape(12, "2-level"));  // pages of 4 KiB have 3 or 4
  ASSERT_FALSE(two.layout());
  EXPECT_NE(two.layout().message().find("2 levels"), std::string::npos);
  test::SyntheticKernel unreadable(shape(14, ""));
  unreadable.memory.set_unreadable(unreadable.pgd().value >> 14);
  ASSERT_FALSE(unreadable.layout());
  EXPECT_NE(unreadable.layout().message().find("swapper_pg_dir"), std::string::npos);
}

TEST(Loongarch64, TheRootIsAPageInTheWindow) {
  test::SyntheticKernel k(shape(14, ""));
  for (const char* value : {"9000000000c00008", "ffff800000c00000", "c00000", "9001000000c00000"}) {
    k.note.set("SYMBOL(swapper_pg_dir)", value);
    ASSERT_FALSE(k.layout()) << value;
    EXPECT_NE(k.layout().message().find("swapper_pg_dir"), std::string::npos);
  }
  EXPECT_TRUE(test::Note::real("loong64-7.2.13+deb14-loong64").get("SYMBOL(swapper_pg_dir)"));
}

TEST(Loongarch64, WindowsAndWhatTablesMap) {
  test::SyntheticKernel k(shape(14, ""));
  const std::uint64_t vmalloc = 0xffff800082008000;
  for (std::uint64_t i = 0; i < 8; ++i) k.map({vmalloc + i * 16384}, k.own(0x1f0 - 3 * i), 14);
  const auto layout = k.layout();
  ASSERT_TRUE(layout) << layout.message();
  AddressSpace memory(*layout, k.memory);
  for (std::uint64_t i = 0; i < 8; ++i) {
    const auto found = memory.translate({vmalloc + i * 16384 + 5});
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->paddr, k.own(0x1f0 - 3 * i) + 5);
  }
  EXPECT_FALSE(memory.translate({vmalloc + 8 * 16384}));
  EXPECT_FALSE(memory.translate({0xffffc00000000000}));       // an empty chain of tables
  EXPECT_FALSE(memory.translate({vmalloc & ~(1ULL << 60)}));  // torn
  EXPECT_FALSE(memory.translate({0x12008000}));
  for (const std::uint64_t window : {0x8ULL, 0x9ULL, 0xaULL}) {
    const auto found = memory.translate({window << 60 | 0x123456789});
    ASSERT_TRUE(found) << window;
    EXPECT_EQ(found->paddr.value, 0x123456789U);
  }
  EXPECT_FALSE(memory.translate({0xb000000000001000}));
}

TEST(Loongarch64, Entries) {
  const test::SyntheticKernel k(shape(14, ""));
  const PageTable table = k.layout()->table;
  const PageTableLevel root = table.levels[0], middle = table.levels[1], last = table.levels[2];
  constexpr std::uint64_t kPresent = 0x80, kHuge = 0x40, kHigh = 0xf800000000000000;
  const auto page = table.decode(0x0000abcdef124000 | kPresent | 0x17f | kHigh, last, table);
  EXPECT_EQ(page.kind, EntryKind::leaf);
  EXPECT_EQ(page.frame, 0x0000abcdef124000U);
  EXPECT_EQ(table.decode(0x0000abcdef124000 | 0x7f, last, table).kind, EntryKind::absent);
  EXPECT_EQ(table.decode(0x40, last, table).kind, EntryKind::absent) << "Global alone";
  for (const PageTableLevel& level : {root, middle}) {
    EXPECT_EQ(table.decode(0x1000000 | kPresent | kHuge, level, table).kind, EntryKind::leaf);
    EXPECT_EQ(table.decode(0x1000000 | kHuge, level, table).kind, EntryKind::absent);
    const auto next = table.decode(0x9000000001b24000, level, table);
    EXPECT_EQ(next.kind, EntryKind::table);
    EXPECT_EQ(next.frame, 0x1b24000U);
    EXPECT_EQ(table.decode(0x9000000001b21000, level, table).kind, EntryKind::absent);
    EXPECT_EQ(table.decode(0x0000000001b24000, level, table).kind, EntryKind::absent);
    EXPECT_EQ(table.decode(0, level, table).kind, EntryKind::absent);
  }
}

}  // namespace
}  // namespace vmsift
