// SPDX-License-Identifier: GPL-2.0-or-later
// mips64: segments, where entries have their page frame, chains of tables (MIPS64 Architecture,
// volume III, 4.3 and 9.6).
#include "arch/arch.h"
#include "arch/linked_tables.h"
#include "mm-model/virtual_maps.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

constexpr std::uint64_t kVmalloc = 0xc000000000000000, kModules = 0xffffffffc0000000;

const Arch& mips64() {
  return *find_arch(EM_MIPS, "", 8);
}

test::KernelShape shape(unsigned page_shift, const char* variant = "",
                        ByteOrder order = ByteOrder::little) {
  test::KernelShape s{.order = order, .sections = 1, .page_shift = page_shift};
  s.vmemmap = false;
  s.machine = "mips64";
  s.variant = variant;
  return s;
}

TEST(Mips64, TheWordSizeTellsItFromMips) {
  EXPECT_EQ(mips64().name, "mips64");
  EXPECT_NE(find_arch(EM_MIPS, "", 4), &mips64());
}

TEST(Mips64, EntriesOfAnyPageSizeAndByteOrder) {
  for (const unsigned page_shift : {12U, 14U, 16U}) {
    for (const char* variant : {"", "no-rixi"}) {
      for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
        test::SyntheticKernel k(shape(page_shift, variant, order));
        k.map({kModules + 3 * k.machine().page()}, k.own(0x77), page_shift);
        const auto layout = k.layout();
        ASSERT_TRUE(layout) << layout.message();
        EXPECT_EQ(layout->no_tables, "");
        AddressSpace memory(*layout, k.memory);
        for (std::uint64_t i = 0; i < 8; ++i) {  // as machine_mips64.cc maps them
          const auto found = memory.translate({kVmalloc + (i + 2) * k.machine().page() + 9});
          ASSERT_TRUE(found) << page_shift << variant << i;
          EXPECT_EQ(found->paddr, k.own(0x1f0 - 3 * i) + 9);
        }
        EXPECT_FALSE(memory.translate({kVmalloc}));
        EXPECT_FALSE(memory.translate({kVmalloc + (1ULL << 33)}));
        const auto module = memory.translate({kModules + 3 * k.machine().page()});
        ASSERT_TRUE(module);
        EXPECT_EQ(module->paddr, k.own(0x77));
      }
    }
  }
}

// CONFIG_MIPS_VA_BITS_48: without it 16 KiB pages have one page of root, behind which lies another
// table.
TEST(Mips64, ARootOfTwoPages) {
  test::SyntheticKernel k(shape(14));
  EXPECT_EQ(k.layout()->table.levels.front().bits, 11U);
  for (std::uint64_t i = 0; i < 2048; ++i) {
    k.put_word(k.pgd() + 16384 + i * 8, k.get_word(k.pgd() + 1024 * 8));
  }
  EXPECT_EQ(k.layout()->table.levels.front().bits, 12U);
}

TEST(Mips64, Segments) {
  const test::SyntheticKernel k(shape(12));
  const auto layout = k.layout();
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->linear.front().vaddr.value, 0x9800000000000000U) << "as tables are cached";
  AddressSpace memory(*layout, k.memory);
  for (std::uint64_t way = 0; way < 8; ++way) {
    const auto found = memory.translate({1ULL << 63 | way << 59 | 0x123456789});
    ASSERT_TRUE(found) << way;
    EXPECT_EQ(found->paddr.value, 0x123456789U);
  }
  EXPECT_EQ(memory.translate({0xffffffff81f50400})->paddr.value, 0x1f50400U);
  EXPECT_EQ(memory.translate({0xffffffffa1f50400})->paddr.value, 0x1f50400U);
  EXPECT_FALSE(memory.translate({0x7fffffff81f50400}));
  const VirtualMaps maps = find_virtual_maps(k.memory, &*layout);
  EXPECT_EQ(maps.direct_map, 0x9800000000000000U);
  ASSERT_EQ(maps.image.size(), 1U);
  EXPECT_EQ(maps.image[0].vaddr.value, 0xffffffff80000000U);
}

// All that the note has is the root; a kernel that is mapped itself is another matter.
TEST(Mips64, TheRootIsAPageInAWindow) {
  test::SyntheticKernel k(shape(12));
  for (const char* value : {"c000000000c00000", "ffffffffc0c00000", "ffffffff80c00008", "c00000"}) {
    k.note.set("SYMBOL(swapper_pg_dir)", value);
    ASSERT_FALSE(k.layout()) << value;
    EXPECT_NE(k.layout().message().find("swapper_pg_dir"), std::string::npos);
  }
  EXPECT_TRUE(test::Note::real("mips64el-6.1.0-50-5kc-malta").get("SYMBOL(swapper_pg_dir)"));
}

// Memory is read all the same: only what tables map is out of reach, and that is said.
TEST(Mips64, TablesThatAreNotUnderstoodAreNotUsed) {
  test::SyntheticKernel wrong(shape(12));
  for (std::uint64_t i = 0; i < 8; ++i) {  // cached in another way than the direct map
    wrong.map({kVmalloc + (i + 2) * 4096}, wrong.own(0x1f0), 12);
  }
  const auto whole = wrong.layout();
  ASSERT_TRUE(whole);
  AddressSpace memory(*whole, wrong.memory);
  const WalkObserver spoil = [&](const WalkStep& step) {
    if (step.entry.kind != EntryKind::leaf) return;
    for (std::uint64_t i = 0; i < 8; ++i) {
      wrong.memory.put<std::uint64_t>(step.at + i * 8, 0x1234567000001U);
    }
  };
  ASSERT_TRUE(memory.walk({kVmalloc + 2 * 4096}, &spoil));
  const auto layout = wrong.layout();
  ASSERT_TRUE(layout);
  EXPECT_NE(layout->no_tables.find("swapper_pg_dir"), std::string::npos);
  EXPECT_EQ(layout->table.decode, nullptr);
  EXPECT_FALSE(AddressSpace(*layout, wrong.memory).translate({kVmalloc + 2 * 4096}));
  EXPECT_EQ(wrong.model().warnings().size(), 1U);
  EXPECT_TRUE(wrong.model().memory_map());
}

// ---- chains ----

std::optional<PhysAddr> identity(std::uint64_t raw, std::uint64_t page_size) {
  if (raw == 0 || raw % page_size != 0) return std::nullopt;
  return PhysAddr{raw};
}

TEST(LinkedTables, CyclesAndManyTablesEnd) {
  test::SyntheticMemory source(0x1000);
  source.add({0, 0x1000});
  const AddressLayout none;
  AddressSpace memory(none, source);
  for (std::uint64_t i = 0; i < 512; ++i) source.put<std::uint64_t>({0x1000 + i * 8}, 0x1000);
  EXPECT_LE(follow_links(memory, {0x1000}, source.info(), identity).levels, kMostLinkedLevels);
  for (std::uint64_t i = 0; i < 512; ++i) {
    source.put<std::uint64_t>({0x1000 + i * 8}, 0x10000 + i * 0x1000);
    source.put<std::uint64_t>({0x10000 + i * 0x1000}, 7);
  }
  const LinkedTables many = follow_links(memory, {0x1000}, source.info(), identity);
  EXPECT_EQ(many.levels, 2U);
  EXPECT_LE(many.links.size(), kMostLinkedTables);
  EXPECT_LE(many.entries.size(), kMostLinkedTables);
  EXPECT_EQ(follow_links(memory, {0x2000000}, source.info(), identity).levels, 0U);
}

}  // namespace
}  // namespace vmsift
