// SPDX-License-Identifier: GPL-2.0-or-later
// The generic walker on the tables of x86_64, entry by entry (Intel SDM volume 3, 4.5).
#include "arch/page_table.h"

#include "arch/arch.h"
#include "tests/unit/support/synthetic_memory.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

namespace vmsift {
namespace {

constexpr std::uint64_t kPresent = 1, kLarge = 1U << 7, kPatOfLarge = 1U << 12;
constexpr std::uint64_t kFlags = 0xe66;  // all that is not address, present or size
constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
constexpr std::uint64_t kProtectionKeys = std::uint64_t{0x7ff} << 52;

// Tables in 8-byte words; a word that was not written cannot be read.
class Tables {
 public:
  explicit Tables(unsigned levels, std::uint64_t sme_mask = 0) {
    test::SyntheticMemory memory(0);
    DumpInfo& dump = memory.edit_info();
    dump.virtual_ranges.push_back({{0xffffffff81000000}, {0x1000000}, 0x1000000});
    const Vmcoreinfo note(
        "SYMBOL(swapper_pg_dir)=ffffffff81001000\nNUMBER(phys_base)=0\n"
        "NUMBER(pgtable_l5_enabled)=" +
        std::to_string(levels - 4) + "\nNUMBER(sme_mask)=" + std::to_string(sme_mask) + "\n");
    table = find_arch(EM_X86_64, "", 8)->detect_layout(memory, note)->table;
  }
  void set(std::uint64_t at, std::uint64_t value) { words_[at] = value; }
  std::optional<Translation> walk(std::uint64_t vaddr) const {
    return walk_page_table(table, {vaddr}, [this](PhysAddr at, std::span<std::byte> into) {
      const auto it = words_.find(at.value);
      if (it == words_.end()) return false;
      store(into.data(), it->second, table.order);
      return true;
    });
  }
  // Every entry of the table, absent.
  void clear(std::uint64_t at) {
    for (std::uint64_t i = 0; i < 512; ++i) words_.emplace(at + i * 8, 0);
  }
  auto first(std::uint64_t from, std::size_t* reads = nullptr) const {
    return first_mapping(table, {from}, [this, reads](PhysAddr at, std::span<std::byte> into) {
      if (reads != nullptr) ++*reads;
      const auto it = words_.find(at.value);
      if (it == words_.end()) return false;
      store(into.data(), it->second, table.order);
      return true;
    });
  }
  PageTable table;

 private:
  std::map<std::uint64_t, std::uint64_t> words_;
};

constexpr std::uint64_t kRoot = 0x1001000;
// A kernel address whose index is 0x101 + level at every level: with 4 levels all bits above the
// highest index repeat it.
constexpr std::uint64_t index_at(unsigned shift) {
  return 0x101 + shift / 9;
}
constexpr std::uint64_t address(unsigned levels) {
  std::uint64_t a = 0xabc;
  for (unsigned shift = 12; shift <= 48; shift += 9) a |= index_at(shift) << shift;
  return a | (levels == 5 ? 0xfe00000000000000 : 0xffff000000000000);
}
constexpr std::uint64_t entry(std::uint64_t table, unsigned shift) {
  return table + index_at(shift) * 8;
}

struct Path {
  unsigned levels;
  unsigned leaf;  // shift
};

class PageTableWalk : public testing::TestWithParam<Path> {
 protected:
  // Tables at 1 MiB steps from 256 MiB on down to the leaf; returns where the leaf's entry is.
  std::uint64_t build(Tables& tables, std::uint64_t c_bit = 0) {
    std::uint64_t table = kRoot;
    unsigned shift = GetParam().levels == 5 ? 48 : 39;
    for (std::uint64_t next = 0x10000000; shift > GetParam().leaf; shift -= 9, next += 0x100000) {
      tables.set(entry(table, shift), next | kPresent | kFlags | kNoExecute | c_bit);
      table = next;
    }
    return entry(table, shift);
  }
};

TEST_P(PageTableWalk, FindsTheFrame) {
  Tables tables(GetParam().levels);
  const unsigned shift = GetParam().leaf;
  const std::uint64_t frame = 0x000f0123c0000000;  // aligned to 1 GiB, 52 bits
  const std::uint64_t inside = address(GetParam().levels) & ((std::uint64_t{1} << shift) - 1);
  const std::uint64_t at = build(tables);
  const std::uint64_t large = shift > 12 ? kLarge | kPatOfLarge : kLarge;  // bit 7 of a PTE is PAT
  tables.set(at, frame | kPresent | large | kFlags | kNoExecute | kProtectionKeys);
  const auto found = tables.walk(address(GetParam().levels));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->paddr.value, frame + inside);
  EXPECT_EQ(found->contiguous, (std::uint64_t{1} << shift) - inside);
}

TEST_P(PageTableWalk, EncryptionBitIsNoAddressBit) {
  constexpr std::uint64_t kCBit = std::uint64_t{1} << 47;
  Tables tables(GetParam().levels, kCBit);
  const std::uint64_t at = build(tables, kCBit);
  tables.set(at, 0x40000000 | kCBit | kPresent | kLarge);
  const auto found = tables.walk(address(GetParam().levels));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->paddr.value & ~((std::uint64_t{1} << GetParam().leaf) - 1), 0x40000000U);
}

TEST_P(PageTableWalk, StopsAtAnAbsentEntryOrTableOfAnyLevel) {
  const unsigned top = GetParam().levels == 5 ? 48 : 39;
  for (unsigned broken = top; broken >= GetParam().leaf; broken -= 9) {
    for (const bool unreadable : {false, true}) {
      Tables tables(GetParam().levels);
      std::uint64_t table = kRoot;
      std::uint64_t next = 0x10000000;
      for (unsigned shift = top; shift > broken; shift -= 9, next += 0x100000) {
        tables.set(entry(table, shift), next | kPresent);
        table = next;
      }
      // All set but the present bit: swapped out, or never there.
      if (!unreadable) tables.set(entry(table, broken), ~kPresent);
      EXPECT_FALSE(tables.walk(address(GetParam().levels)))
          << "level " << broken << " unreadable " << unreadable;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Leaves, PageTableWalk,
                         testing::Values(Path{4, 12}, Path{4, 21}, Path{4, 30}, Path{5, 12},
                                         Path{5, 21}, Path{5, 30}),
                         [](const auto& path) {
                           return std::to_string(path.param.levels) + "levels_leaf" +
                                  std::to_string(path.param.leaf);
                         });

TEST(PageTable, TheSizeBitOfTheUpperLevelsMakesNoLeaf) {
  // There are no leaves of 512 GiB; the bit is reserved and the entry that of a table.
  for (const unsigned levels : {4U, 5U}) {
    Tables tables(levels);
    tables.set(entry(kRoot, levels == 5 ? 48 : 39), 0x10000000 | kPresent | kLarge);
    EXPECT_FALSE(tables.walk(address(levels)));
  }
}

TEST(PageTable, TablesThatPointToThemselvesEnd) {
  Tables tables(5);
  for (unsigned shift = 12; shift <= 48; shift += 9) {
    tables.set(entry(kRoot, shift), kRoot | kPresent);
  }
  const auto found = tables.walk(address(5));
  ASSERT_TRUE(found);  // the last level says what it says
  EXPECT_EQ(found->paddr.value, kRoot + 0xabc);
}

TEST(PageTable, ReadsBothByteOrders) {
  Tables tables(4);
  tables.table.order = ByteOrder::big;
  tables.set(entry(kRoot, 39), 0x10000000 | kPresent);
  tables.set(entry(0x10000000, 30), 0x40000000 | kPresent | kLarge);
  ASSERT_TRUE(tables.walk(address(4)));
  EXPECT_EQ(tables.walk(address(4))->paddr.value, 0x40000000 + (address(4) & 0x3fffffff));
}

TEST(PageTable, ATornAddressIsNotTheOneOfItsLowBits) {
  for (const unsigned levels : {4U, 5U}) {
    Tables tables(levels);
    tables.set(entry(kRoot, levels == 5 ? 48 : 39), kRoot | kPresent);
    for (unsigned shift = 12; shift <= 39; shift += 9) {
      tables.set(entry(kRoot, shift), kRoot | kPresent);
    }
    EXPECT_TRUE(tables.walk(address(levels)));
    EXPECT_FALSE(tables.walk(address(levels) & ~(std::uint64_t{1} << 62)));
    EXPECT_FALSE(tables.walk(address(levels) & 0x00ffffffffffffff));
  }
}

TEST(PageTable, WithoutLevelsNothingIsMapped) {
  EXPECT_FALSE(walk_page_table({}, {0}, [](PhysAddr, std::span<std::byte>) { return true; }));
}

// ---- what x86_64 does not have ----

// Two levels of 1024 entries of 4 bytes. An entry is its frame, and in the low bits what it is: 1
// for a table, 2 for a leaf, 3 for one of 64 KiB, as 16 entries of the last level say together.
class SmallTables {
 public:
  explicit SmallTables(ByteOrder order) {
    table.levels = {{22, 10}, {12, 10}};
    table.root = {0x1000};
    table.order = order;
    table.entry_bytes = 4;
    table.upper_mask = ~std::uint64_t{0} << 32;
    table.decode = [](std::uint64_t raw, const PageTableLevel&, const PageTable&) {
      const std::uint64_t frame = align_down<std::uint64_t>(raw, 4096);
      if ((raw & 3) == 1) return PageTableEntry{EntryKind::table, frame};
      if ((raw & 3) == 0) return PageTableEntry{};
      return PageTableEntry{EntryKind::leaf, frame,
                            static_cast<std::uint8_t>((raw & 3) == 3 ? 16 : 0)};
    };
  }
  void set(std::uint64_t at, std::uint32_t value) {
    std::array<std::byte, 4> raw;
    store(raw.data(), value, table.order);
    for (std::size_t i = 0; i < raw.size(); ++i) bytes_[at + i] = raw[i];
  }
  ReadPhysical reader() const {
    return [this](PhysAddr at, std::span<std::byte> into) {
      for (std::size_t i = 0; i < into.size(); ++i) {
        const auto byte = bytes_.find(at.value + i);
        if (byte == bytes_.end()) return false;
        into[i] = byte->second;
      }
      return true;
    };
  }
  std::optional<Translation> walk(std::uint64_t vaddr) const {
    return walk_page_table(table, {vaddr}, reader());
  }
  PageTable table;

 private:
  std::map<std::uint64_t, std::byte> bytes_;
};

class SmallEntries : public testing::TestWithParam<ByteOrder> {
 protected:
  SmallEntries() {
    for (std::uint64_t i = 0; i < 1024; ++i) {
      tables.set(0x1000 + i * 4, 0);
      tables.set(0x2000 + i * 4, 0);
    }
    tables.set(0x1000 + 0x301 * 4, 0x2000 | 1);
    tables.set(0x2000 + 0x3ff * 4, 0xfffff000 | 2);  // nothing can be read behind it
    for (std::uint64_t i = 0x20; i < 0x30; ++i) tables.set(0x2000 + i * 4, 0x87650000 | 3);
  }
  SmallTables tables{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Orders, SmallEntries, testing::Values(ByteOrder::little, ByteOrder::big),
                         [](const auto& order) {
                           return order.param == ByteOrder::big ? "big" : "little";
                         });

TEST_P(SmallEntries, TheLastOfATableIsReadWhole) {
  const auto found = tables.walk(0xc07ffabc);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->paddr.value, 0xfffffabcU);
  EXPECT_EQ(found->contiguous, 0x1000U - 0xabc);
  EXPECT_FALSE(tables.walk(0xc07feabc));
}

TEST_P(SmallEntries, LeavesLargerThanTheirLevel) {
  for (std::uint64_t page = 0; page < 16; ++page) {
    const auto found = tables.walk(0xc0420123 + page * 4096);
    ASSERT_TRUE(found) << page;
    EXPECT_EQ(found->paddr.value, 0x87650123 + page * 4096);
    EXPECT_EQ(found->contiguous, 0x10000 - 0x123 - page * 4096);
  }
  EXPECT_FALSE(tables.walk(0xc041f000));
  EXPECT_FALSE(tables.walk(0xc0430000));
}

TEST_P(SmallEntries, TheFirstMapping) {
  const auto found = first_mapping(tables.table, {0x1000}, tables.reader());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->first.value, 0xc0420000U);
  EXPECT_EQ(found->second.contiguous, 0x10000U);
  const auto within = first_mapping(tables.table, {0xc0423123}, tables.reader());
  ASSERT_TRUE(within);
  EXPECT_EQ(within->first.value, 0xc0423123U);
  EXPECT_EQ(within->second.paddr.value, 0x87653123U);
  const auto behind = first_mapping(tables.table, {0xc0430000}, tables.reader());
  ASSERT_TRUE(behind);
  EXPECT_EQ(behind->first.value, 0xc07ff000U);
}

TEST_P(SmallEntries, UpperBitsSayWhoseAddressesTheyAre) {
  constexpr std::uint64_t kUpperOnes = ~std::uint64_t{0} << 32, kAt = 0xc0420000;
  EXPECT_TRUE(tables.walk(kAt));
  EXPECT_FALSE(tables.walk(kAt | kUpperOnes));
  tables.table.upper = kUpperOnes;
  EXPECT_TRUE(tables.walk(kAt | kUpperOnes));
  EXPECT_FALSE(tables.walk(kAt));
  tables.table.lower_half = true;
  EXPECT_TRUE(tables.walk(kAt | kUpperOnes));
  EXPECT_TRUE(tables.walk(kAt));
  for (unsigned bit = 32; bit < 64; ++bit) {
    EXPECT_FALSE(tables.walk(kAt | std::uint64_t{1} << bit)) << bit;
    EXPECT_FALSE(tables.walk((kAt | kUpperOnes) & ~(std::uint64_t{1} << bit))) << bit;
  }
}

TEST_P(SmallEntries, TheObserverSeesEachEntryWhereItStands) {
  std::vector<WalkStep> steps;
  const WalkObserver observer = [&](const WalkStep& step) { steps.push_back(step); };
  ASSERT_TRUE(walk_page_table(tables.table, {0xc07ff000}, tables.reader(), &observer));
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].at.value, 0x1000U + 0x301 * 4);
  EXPECT_EQ(steps[0].raw, 0x2001U);
  EXPECT_EQ(steps[1].at.value, 0x2000U + 0x3ff * 4);
  EXPECT_EQ(steps[1].raw, 0xfffff002U);
}

constexpr std::uint64_t kUpper = 0xffff800000000000;

TEST(FirstMapping, FindsTheLowestLeafOfEachSize) {
  for (const unsigned leaf : {12U, 21U, 30U}) {
    Tables tables(4);
    tables.clear(kRoot);
    // An empty table in front of the one that maps.
    tables.clear(0x20000000);
    tables.set(kRoot + 0x100 * 8, 0x20000000 | kPresent);
    std::uint64_t table = kRoot;
    std::uint64_t next = 0x10000000;
    for (unsigned shift = 39; shift > leaf; shift -= 9, next += 0x100000) {
      tables.set(entry(table, shift), next | kPresent);
      tables.clear(next);
      table = next;
    }
    tables.set(entry(table, leaf), 0x40000000 | kPresent | kLarge);
    tables.set(table + 511 * 8, 0x80000000 | kPresent | kLarge);
    const std::uint64_t expected = address(4) & ~((std::uint64_t{1} << leaf) - 1);
    const auto found = tables.first(kUpper);
    ASSERT_TRUE(found) << leaf;
    EXPECT_EQ(found->first.value, expected);
    EXPECT_EQ(found->second.paddr.value, 0x40000000U);
    EXPECT_EQ(found->second.contiguous, std::uint64_t{1} << leaf);
    // From within the leaf on, and from behind it.
    const auto within = tables.first(expected + 0x123);
    ASSERT_TRUE(within);
    EXPECT_EQ(within->first.value, expected + 0x123);
    EXPECT_EQ(within->second.paddr.value, 0x40000123U);
    const auto behind = tables.first(expected + (std::uint64_t{1} << leaf));
    ASSERT_TRUE(behind);
    EXPECT_EQ(behind->second.paddr.value, 0x80000000U);
    EXPECT_EQ(tables.walk(behind->first.value)->paddr.value, 0x80000000U);
  }
}

TEST(FirstMapping, NothingBelowAndNothingAtAll) {
  Tables tables(4);
  tables.clear(kRoot);
  EXPECT_FALSE(tables.first(kUpper));
  tables.set(kRoot, 0x10000000 | kPresent);  // user space
  tables.clear(0x10000000);
  tables.set(0x10000000, 0x40000000 | kPresent | kLarge);
  EXPECT_FALSE(tables.first(kUpper)) << "it lies below";
  EXPECT_FALSE(tables.first(~std::uint64_t{0}));
}

TEST(FirstMapping, TablesThatCannotBeReadArePassedOver) {
  Tables tables(4);
  EXPECT_FALSE(tables.first(kUpper)) << "not even the root";
  tables.clear(kRoot);
  tables.set(kRoot + 0x100 * 8, 0x7000000000 | kPresent);
  tables.set(kRoot + 0x101 * 8, 0x10000000 | kPresent);
  tables.clear(0x10000000);
  tables.set(0x10000000, 0x40000000 | kPresent | kLarge);
  const auto found = tables.first(kUpper);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->first.value, 0xffff808000000000);
}

// A table of nothing but itself would be 512 to the power of the levels.
TEST(FirstMapping, CyclesEnd) {
  for (const unsigned levels : {4U, 5U}) {
    Tables tables(levels);
    constexpr std::uint64_t kEmpty = 0x20000000;
    tables.clear(kEmpty);
    for (std::uint64_t i = 0; i < 512; ++i) {
      tables.set(kRoot + i * 8, kRoot | kPresent);
    }
    EXPECT_TRUE(tables.first(kUpper)) << "the last level says what it says";
    // Tables of tables of empty ones: the search has an end.
    for (std::uint64_t i = 0; i < 512; ++i) {
      tables.set(kRoot + i * 8, 0x30000000 | kPresent);
      tables.set(0x30000000 + i * 8, kEmpty | kPresent);
    }
    std::size_t reads = 0;
    EXPECT_FALSE(tables.first(kUpper, &reads));
    EXPECT_LE(reads, kMostTablesSearched * 512U);
  }
}

TEST(FirstMapping, AsManyTablesAsTheBoundAndNoMore) {
  for (const std::uint64_t empty : {kMostTablesSearched - 3U, kMostTablesSearched - 2U}) {
    Tables tables(4);
    tables.clear(kRoot);
    tables.clear(0x10000000);
    tables.clear(0x20000000);
    tables.set(kRoot + 0x100 * 8, 0x10000000 | kPresent);
    for (std::uint64_t i = 0; i < empty; ++i) {
      tables.set(0x10000000 + i * 8, 0x20000000 | kPresent);
    }
    tables.set(0x10000000 + empty * 8, 0x30000000 | kPresent);
    tables.clear(0x30000000);
    tables.set(0x30000000, 0x40000000 | kPresent | kLarge);
    EXPECT_EQ(tables.first(kUpper).has_value(), empty == kMostTablesSearched - 3U) << empty;
  }
}

TEST(FirstMapping, WithoutLevelsNothingIsMapped) {
  EXPECT_FALSE(first_mapping({}, {0}, [](PhysAddr, std::span<std::byte>) { return true; }));
}

}  // namespace
}  // namespace vmsift
