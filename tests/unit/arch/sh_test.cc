// SPDX-License-Identifier: GPL-2.0-or-later
// sh: segments, where memory begins, and tables entry by entry (SH-4 manual, 3.2 and 3.3).
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/arch/scattered_pages.h"
#include "tests/unit/support/entry_walk.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::KernelShape;
using test::SyntheticKernel;
using test::walk;

const Arch& sh() {
  return *find_arch(EM_SH, "", 4);
}

struct Kind {
  unsigned page_shift;
  const char* variant;
  Pfn first_mib;  // of memory
  ByteOrder order;
};

KernelShape shape(const Kind& kind) {
  KernelShape s;
  s.machine = "sh";
  s.variant = kind.variant;
  s.page_shift = kind.page_shift;
  s.first_pfn = kind.first_mib << (20 - kind.page_shift);
  s.order = kind.order;
  s.model = test::Model::flat;
  s.sections = 1;
  return s;
}

TEST(Sh, ItsNames) {
  EXPECT_EQ(find_arch(EM_NONE, "sh4a", 4), &sh());
  EXPECT_EQ(find_arch(EM_NONE, "sh", 4), &sh());
}

class ShKernel : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, ShKernel,
                         testing::Values(Kind{12, "", 128, ByteOrder::little},
                                         Kind{12, "", 1024, ByteOrder::big},
                                         Kind{14, "", 0, ByteOrder::big},
                                         Kind{16, "", 128, ByteOrder::little},
                                         Kind{12, "x2tlb", 1024, ByteOrder::little},
                                         Kind{12, "x2tlb", 1152, ByteOrder::big},
                                         Kind{16, "x2tlb", 0, ByteOrder::little}));

TEST_P(ShKernel, ScatteredPagesAreReadInOne) {
  SyntheticKernel kernel(shape(GetParam()));
  const std::uint64_t page = kernel.machine().page();
  const VirtAddr start{0xc0800000 + page};
  const test::ScatteredPages pages(kernel, start);
  const auto layout = kernel.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->no_tables, "");
  EXPECT_FALSE(layout->tables_map_image);
  EXPECT_EQ(layout->table.root, kernel.pgd());
  AddressSpace memory(*layout, kernel.memory);
  pages.expect_in(memory);
  EXPECT_FALSE(memory.translate({start.value | std::uint64_t{1} << 32})) << "torn";
  EXPECT_FALSE(memory.translate({start.value - 0x40000000 - 0x40000000})) << "of a process";
  const PhysAddr text = kernel.own(0x210);
  EXPECT_EQ(memory.translate(kernel.image(text))->paddr, text);
}

// P2 is P1 without the cache; with 32 bits it is not.
TEST(Sh, Segments) {
  const SyntheticKernel low(shape({12, "", 128, ByteOrder::little}));
  const auto first = low.layout();
  ASSERT_TRUE(first);
  ASSERT_EQ(first->linear.size(), 2U);
  EXPECT_EQ(first->linear[0].vaddr.value, 0x80000000U);
  AddressSpace memory(*first, low.memory);
  EXPECT_EQ(memory.translate({0x88123456})->paddr.value, 0x8123456U);
  EXPECT_EQ(memory.translate({0xa8123456})->paddr.value, 0x8123456U);
  EXPECT_EQ(memory.translate({0x88123456})->contiguous, 0x20000000U - 0x8123456);
  EXPECT_FALSE(memory.translate({0x7fffffff}));

  const SyntheticKernel high(shape({12, "", 1024, ByteOrder::little}));
  const auto second = high.layout();
  ASSERT_TRUE(second);
  ASSERT_EQ(second->linear.size(), 1U);
  AddressSpace memory_above(*second, high.memory);
  EXPECT_EQ(memory_above.translate({0x80123456})->paddr.value, 0x40123456U);
  EXPECT_FALSE(memory_above.translate({0xa0123456}));
}

TEST(Sh, HeadersSayWhereP1Is) {
  SyntheticKernel kernel(shape({12, "", 1024, ByteOrder::little}));
  // Memory at 0 that could be it too.
  kernel.memory.add({0, 0x400});
  EXPECT_EQ(kernel.layout()->linear.at(0).paddr.value, 0U);
  auto& ranges = kernel.memory.edit_info().virtual_ranges;
  ranges = {{{0x80000000}, {0x40000000}, 0x8000000}};
  EXPECT_EQ(kernel.layout()->linear.at(0).paddr.value, 0x40000000U);
  for (const std::uint64_t wrong : {0x41000000ULL, 0x140000000ULL, ~0ULL << 12}) {
    ranges = {{{0x80000000}, {wrong}, 0x8000000}};
    const auto layout = kernel.layout();
    ASSERT_FALSE(layout) << std::hex << wrong;
    EXPECT_NE(layout.message().find("512 MiB"), std::string::npos);
  }
}

TEST(Sh, BadNotes) {
  for (const char* text : {"0", "c0200000", "a0200000", "7fffffff", "180200000"}) {
    SyntheticKernel kernel(shape({12, "", 0, ByteOrder::little}));
    kernel.note.set("SYMBOL(_stext)", text);
    ASSERT_FALSE(kernel.layout()) << text;
    EXPECT_NE(kernel.layout().message().find("_stext"), std::string::npos);
  }
  SyntheticKernel kernel(shape({12, "", 0, ByteOrder::little}));
  kernel.note.set("SYMBOL(_stext)", "9f000000");
  EXPECT_FALSE(kernel.layout()) << "in no memory";
  kernel.note.set_hex("SYMBOL(_stext)", 0x80000000 + kernel.end() * 4096);
  EXPECT_FALSE(kernel.layout()) << "right behind memory";
  kernel.note.remove("SYMBOL(_stext)");
  EXPECT_EQ(kernel.layout().message(), "SYMBOL(_stext) is missing");
}

// Memory is read all the same, and what tables map is said to be out of reach.
TEST(Sh, TablesThatAreNotUnderstoodAreNotUsed) {
  for (const char* root :
       {"0", "c0300000", "a0300000", "80400000", "9ffff000", "180300000", "zz"}) {
    SyntheticKernel kernel(shape({12, "", 0, ByteOrder::little}));
    kernel.note.set("SYMBOL(swapper_pg_dir)", root);
    const auto layout = kernel.layout();
    ASSERT_TRUE(layout) << root;
    EXPECT_NE(layout->no_tables.find("swapper_pg_dir"), std::string::npos) << root;
    EXPECT_TRUE(layout->table.levels.empty());
    EXPECT_FALSE(AddressSpace(*layout, kernel.memory).translate({0xd1000000}));
  }
  SyntheticKernel kernel(shape({12, "", 0, ByteOrder::big}));
  kernel.note.set("CONFIG_X2TLB", "y");
  EXPECT_NE(kernel.layout()->no_tables.find("3 levels"), std::string::npos);
}

TEST(Sh, PagesOfOtherSizesAreNotKnown) {
  SyntheticKernel kernel(shape({12, "", 0, ByteOrder::little}));
  kernel.memory.edit_info().page_size = 32768;
  ASSERT_FALSE(kernel.layout());
  EXPECT_NE(kernel.layout().message().find("32768"), std::string::npos);
}

// ---- tables ----

PageTable table_of(const Kind& kind) {
  return SyntheticKernel(shape(kind)).layout()->table;
}

TEST(Sh, TwoLevels) {
  using Entries = std::vector<std::uint32_t>;
  const PageTable low = table_of({12, "", 128, ByteOrder::little});
  const auto at = [&](const Entries& entries) { return walk(low, 0xd1234567, entries); };
  EXPECT_EQ(at({0x88010000, 0x0a00013e})->paddr.value, 0xa000567U);
  EXPECT_EQ(at({0x88010000, 0x0a00013e})->contiguous, 0x1000U - 0x567);
  EXPECT_EQ(at({0x88010000, 0xea00013e})->paddr.value, 0xa000567U) << "bits for PCMCIA";
  EXPECT_FALSE(at({0x88010000, 0x0a00003e})) << "not valid";
  EXPECT_FALSE(at({0x88010000}));
  EXPECT_FALSE(at({0, 0x0a00013e}));
  EXPECT_FALSE(at({0x08010000, 0x0a00013e})) << "not in P1";
  EXPECT_FALSE(at({0xa8010000, 0x0a00013e})) << "not in P1";
  EXPECT_FALSE(at({0x88010004, 0x0a00013e})) << "no page";
  std::vector<std::uint64_t> asked;
  walk(low, 0xd1234567, Entries{0x88010000, 0x0a00013e}, &asked);
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{low.root.value + 0x344 * 4, 0x8010000 + 0x234 * 4}));

  const PageTable high = table_of({12, "", 1024, ByteOrder::big});
  asked.clear();
  EXPECT_EQ(walk(high, 0xd1234567, Entries{0x80010000, 0x4a00013e}, &asked)->paddr.value,
            0x4a000567U);
  EXPECT_EQ(asked.back(), 0x40010000 + 0x234 * 4U);
}

TEST(Sh, TwoLevelsOf64K) {
  using Entries = std::vector<std::uint32_t>;
  const PageTable table = table_of({16, "", 128, ByteOrder::little});
  std::vector<std::uint64_t> asked;
  const auto found = walk(table, 0xd1234567, Entries{0x88010000, 0x0a0001ae}, &asked);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->paddr.value, 0xa004567U);
  EXPECT_EQ(found->contiguous, 0x10000U - 0x4567);
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{table.root.value + 3 * 4, 0x8010000 + 0x1123 * 4}));
  EXPECT_FALSE(walk(table, 0xd1234567, Entries{0x88011000, 0x0a0001ae})) << "no page";
}

TEST(Sh, X2tlb) {
  using Entries = std::vector<std::uint64_t>;
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const PageTable table = table_of({12, "x2tlb", 1024, order});
    const auto leaf = [&](std::uint64_t first, std::uint64_t second) {
      return order == ByteOrder::big ? first << 32 | second : second << 32 | first;
    };
    std::vector<std::uint64_t> asked;
    const auto found =
        walk(table, 0xd1234567, Entries{0x80010000, 0x80020000, leaf(0x4a00013e, 0x3900)}, &asked);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->paddr.value, 0x4a000567U);
    EXPECT_EQ(asked, (std::vector<std::uint64_t>{table.root.value + 3 * 8, 0x40010000 + 0x89 * 8,
                                                 0x40020000 + 0x34 * 8}));
    EXPECT_FALSE(walk(table, 0xd1234567, Entries{0x80010000, 0x80020000, leaf(0x4a00003e, 0x3900)}))
        << "not valid, whatever the other word says";
    EXPECT_FALSE(walk(table, 0xd1234567, Entries{0x80010000, 0x40020000, leaf(0x4a00013e, 0)}));
    EXPECT_FALSE(walk(table, 0xd1234567, Entries{0x180010000, 0x80020000, leaf(0x4a00013e, 0)}));
    EXPECT_FALSE(walk(table, 0xd1234567, Entries{0, 0x80020000, leaf(0x4a00013e, 0)}));
  }
}

}  // namespace
}  // namespace vmsift
