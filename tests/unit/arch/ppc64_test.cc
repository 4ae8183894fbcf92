// SPDX-License-Identifier: GPL-2.0-or-later
// Where ppc64 places things: by release, MMU and page size, and by the kernel's own lists.
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmsift {
namespace {

using test::Era;
using test::Note;
using test::SyntheticKernel;
using test::SyntheticMemory;

constexpr std::uint64_t kBase = 0xc000000000000000;

const Arch& ppc64() {
  return *find_arch(EM_PPC64, "", 8);
}

Result<AddressLayout> layout_of(const MemorySource& memory, const Note& note) {
  return ppc64().detect_layout(memory, Vmcoreinfo(note.text()));
}

// A dump whose memory is zeros.
Result<AddressLayout> layout_of(const Note& note, std::size_t page_size) {
  SyntheticMemory memory(0x10000);
  memory.add({0, 0x10000});
  EXPECT_TRUE(memory.set_page_size(page_size));
  return layout_of(memory, note);
}

std::vector<unsigned> shape_of(const PageTable& table) {
  std::vector<unsigned> all;
  for (const PageTableLevel& level : table.levels) {
    all.push_back(level.shift);
    all.push_back(level.bits);
  }
  return all;
}

Note note_of(const char* release, const char* mmu) {
  Note note("SYMBOL(swapper_pg_dir)=c000000002740000\n");
  note.set("OSRELEASE", release);
  if (mmu != nullptr) note.set("NUMBER(RADIX_MMU)", mmu);
  return note;
}

TEST(Ppc64, BothNames) {
  EXPECT_EQ(find_arch(0, "ppc64le", 8), &ppc64());
  EXPECT_EQ(find_arch(0, "ppc64", 8), &ppc64());
  EXPECT_EQ(find_arch(EM_PPC64, "", 4), nullptr);
}

TEST(Ppc64, RealNotes) {
  struct Real {
    const char* name;
    std::size_t page;
    std::uint64_t root, linear;
    std::vector<unsigned> shape;
  };
  const std::vector<unsigned> radix4k = {39, 13, 30, 9, 21, 9, 12, 9};
  const std::vector<unsigned> radix64k = {39, 13, 30, 9, 21, 9, 16, 5};
  const std::uint64_t all = 0x8000000000000;
  for (const Real& real :
       {Real{"ppc64el-6.12.107+deb13-powerpc64le", 4096, 0x2750000, all, radix4k},
        Real{"ppc64el-7.2.13+deb14-powerpc64le", 4096, 0x29d0000, all, radix4k},
        Real{"ppc64el-6.12.107+deb13-powerpc64le-64k", 65536, 0x2830000, all, radix64k},
        Real{"ppc64el-6.12.107+deb13-powerpc64le-hash",
             4096,
             0x2750000,
             0x3d0000000000,
             {37, 9, 28, 9, 21, 7, 12, 9}}}) {
    const auto layout = layout_of(Note::real(real.name), real.page);
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->no_tables, "") << real.name;
    EXPECT_EQ(shape_of(layout->table), real.shape) << real.name;
    EXPECT_EQ(layout->table.root.value, real.root) << real.name;
    EXPECT_EQ(layout->table.order, ByteOrder::big);
    ASSERT_EQ(layout->linear.size(), 1U);
    EXPECT_EQ(layout->linear[0].vaddr.value, kBase);
    EXPECT_EQ(layout->linear[0].paddr.value, 0U);
    EXPECT_EQ(layout->linear[0].size, real.linear) << real.name;
    EXPECT_EQ(layout->tables_map_image, real.shape[1] == 13) << real.name;
    EXPECT_EQ(layout->phys_base, 0U);
  }
}

// The note of 6.1 does not say which MMU there is: sizes of pages in memory do.
TEST(Ppc64, TheMmuBySizesOfPages) {
  const Note note = Note::real("ppc64el-6.1.0-50-powerpc64le");
  const PhysAddr sizes{0x27593c8};
  const auto layout_with = [&](std::vector<std::pair<unsigned, unsigned>> entries) {
    SyntheticMemory memory(0x1000);
    memory.add({0, 0x1000});
    EXPECT_TRUE(memory.set_page_size(65536));
    for (const auto& [index, shift] : entries) {
      memory.put<std::uint32_t>(sizes + std::uint64_t{index} * 96, shift);
    }
    return layout_of(memory, note);
  };
  const std::vector<unsigned> radix = {39, 13, 30, 9, 21, 9, 16, 5};
  const std::vector<unsigned> hash = {44, 8, 34, 10, 24, 10, 16, 8};
  EXPECT_EQ(shape_of(layout_with({{0, 12}, {2, 16}, {7, 21}, {13, 30}})->table), radix);
  EXPECT_EQ(shape_of(layout_with({{0, 12}, {2, 16}, {10, 24}, {14, 34}})->table), hash);
  EXPECT_EQ(shape_of(layout_with({{0, 12}, {2, 16}})->table), hash);
  for (const auto& unclear : {layout_with({}), layout_with({{0, 12}, {7, 21}, {10, 24}})}) {
    ASSERT_TRUE(unclear) << unclear.message();
    EXPECT_EQ(unclear->table.decode, nullptr);
    EXPECT_NE(unclear->no_tables.find("RADIX_MMU"), std::string::npos);
    EXPECT_FALSE(unclear->tables_map_image);
  }
}

TEST(Ppc64, TheMmuByTheProcessor) {
  for (const std::uint32_t features : {0x40000041U, 0x40000001U}) {
    SyntheticMemory memory(0x10000);
    memory.add({0, 0x10000});
    EXPECT_TRUE(memory.set_page_size(65536));
    memory.put<std::uint64_t>({0x5000}, kBase + 0x6000);
    memory.put<std::uint32_t>({0x6020}, features);
    Note note = note_of("4.18.0-305.el8.ppc64le", nullptr);
    note.set_hex("SYMBOL(cur_cpu_spec)", kBase + 0x5000);
    note.set("OFFSET(cpu_spec.mmu_features)", 32);
    const auto layout = layout_of(memory, note);
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->table.levels.front().bits, (features & 0x40) != 0 ? 13 : 8);
  }
}

TEST(Ppc64, LevelsByRelease) {
  struct Row {
    const char* release;
    const char* mmu;
    std::size_t page;
    std::vector<unsigned> shape;
    ByteOrder order;
  };
  const ByteOrder little = ByteOrder::little, big = ByteOrder::big;
  for (const Row& row :
       {Row{"2.6.32-754.el6.ppc64", nullptr, 65536, {40, 4, 28, 12, 16, 12}, little},
        Row{"3.10.0-1160.el7.ppc64le", nullptr, 65536, {34, 12, 24, 10, 16, 8}, little},
        Row{"4.4.0-generic", nullptr, 65536, {34, 12, 24, 10, 16, 8}, little},
        Row{"4.6.0", nullptr, 65536, {34, 12, 29, 5, 24, 5, 16, 8}, little},
        Row{"4.7.0", "0", 65536, {34, 12, 29, 5, 24, 5, 16, 8}, big},
        Row{"4.12.14-lp", "0", 65536, {41, 8, 34, 7, 24, 10, 16, 8}, big},
        Row{"4.17.0", "0", 65536, {44, 8, 34, 10, 24, 10, 16, 8}, big},
        Row{"4.12.14-lp", "1", 65536, {39, 13, 30, 9, 21, 9, 16, 5}, big},
        Row{"3.6.0", nullptr, 4096, {35, 9, 28, 7, 21, 7, 12, 9}, little},
        Row{"3.7.0", nullptr, 4096, {37, 9, 28, 9, 21, 7, 12, 9}, little},
        Row{"5.10.0", "0", 4096, {37, 9, 28, 9, 21, 7, 12, 9}, big}}) {
    const auto layout = layout_of(note_of(row.release, row.mmu), row.page);
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(shape_of(layout->table), row.shape) << row.release;
    EXPECT_EQ(layout->table.order, row.order) << row.release;
  }
}

TEST(Ppc64, PhysmemBitsByRelease) {
  const auto bits = [](const char* release, std::size_t page) {
    return layout_of(note_of(release, "0"), page)->max_physmem_bits;
  };
  EXPECT_EQ(bits("3.6.0", 65536), 44U);
  EXPECT_EQ(bits("3.7.0", 65536), 46U);
  EXPECT_EQ(bits("4.19.0", 65536), 47U);
  EXPECT_EQ(bits("4.20.0", 65536), 51U);
  EXPECT_EQ(bits("4.20.0", 4096), 46U);
}

PageTableEntry entry(const char* release, std::size_t page, std::size_t level, std::uint64_t raw) {
  const auto layout = layout_of(note_of(release, "0"), page);
  return layout->table.decode(raw, layout->table.levels.at(level), layout->table);
}

TEST(Ppc64, EntriesOneByOne) {
  const char* const now = "6.1.0";
  // As the kernel of a real guest had them: PRESENT, PTE, and flags in the low byte.
  EXPECT_EQ(entry(now, 65536, 3, 0xc00000001234018e).kind, EntryKind::leaf);
  EXPECT_EQ(entry(now, 65536, 3, 0xc00000001234018e).frame, 0x12340000U);
  EXPECT_EQ(entry(now, 65536, 2, 0xc00000001200018e).kind, EntryKind::leaf);
  EXPECT_EQ(entry(now, 65536, 3, 0x400000001234018e).kind, EntryKind::absent);  // not present
  EXPECT_EQ(entry(now, 65536, 3, 0xc000000012340000).kind, EntryKind::absent);  // no flags
  EXPECT_EQ(entry(now, 65536, 3, 0x8000000012340000).kind, EntryKind::absent);  // no leaf
  EXPECT_EQ(entry(now, 65536, 3, 0).kind, EntryKind::absent);
  EXPECT_EQ(entry(now, 65536, 1, 0x8000000012345609).kind, EntryKind::table);
  EXPECT_EQ(entry(now, 65536, 1, 0x8000000012345609).frame, 0x12345600U);
  EXPECT_EQ(entry(now, 65536, 1, 0xc000000012345600).kind, EntryKind::absent);  // Book3E's
  EXPECT_EQ(entry(now, 65536, 1, 0).kind, EntryKind::absent);
  // Keys and hash slots are above the frame.
  EXPECT_EQ(entry(now, 4096, 3, 0xffe000001234518e).frame, 0x12345000U);

  for (const auto& [release, page, shift, raw] :
       {std::tuple{"3.10.0", 65536, 16, 0x1234ULL << 30 | 0x3ffffff7},
        std::tuple{"3.10.0", 4096, 12, 0x12345ULL << 17 | 0x1fff7},
        std::tuple{"4.5.0", 4096, 12, 0x12345ULL << 18 | 0x3fff7}}) {
    const auto layout = layout_of(note_of(release, nullptr), static_cast<std::size_t>(page));
    const PageTable& table = layout->table;
    const auto decode = [&](std::uint64_t value, std::size_t level) {
      return table.decode(value, table.levels.at(level), table);
    };
    const std::size_t last = table.levels.size() - 1;
    EXPECT_EQ(decode(raw, last).kind, EntryKind::leaf);
    EXPECT_EQ(decode(raw, last).frame >> shift, 0x12345U >> (shift - 12)) << release;
    EXPECT_EQ(decode(raw & ~1ULL, last).kind, EntryKind::absent);
    EXPECT_EQ(decode(0xc00000000123d000, 0).frame, 0x123d000U);
    EXPECT_EQ(decode(0xc00000000123d20f, 0).frame, 0x123d200U);
    EXPECT_EQ(decode(0xc00000000123d20f, last - 1).frame, 0x123d000U);
    EXPECT_EQ(decode(0x123d000, 0).kind, EntryKind::absent);
    EXPECT_EQ(decode(0, 0).kind, EntryKind::absent);
  }
}

// vmalloc maps scattered pages; addresses that only look alike are not mapped.
TEST(Ppc64, VmallocThroughTheTables) {
  struct Kernel {
    Era era;
    unsigned page_shift;
    ByteOrder order;
    const char* variant;
    std::uint64_t vmalloc;
  };
  for (const Kernel& k :
       {Kernel{Era::v6_12, 12, ByteOrder::little, "radix", 0xc008000000000000},
        Kernel{Era::v6_12, 16, ByteOrder::big, "radix", 0xc008000000000000},
        Kernel{Era::v6_1, 16, ByteOrder::little, "radix-listed", 0xc008000000000000},
        Kernel{Era::v6_12, 12, ByteOrder::little, "hash", 0xc0003d0000000000},
        Kernel{Era::v6_1, 16, ByteOrder::little, "hash", 0xc008000000000000},
        Kernel{Era::v4_19, 16, ByteOrder::big, "hash", 0xd000000000000000},
        Kernel{Era::v3_10, 16, ByteOrder::big, "hash", 0xd000000000000000},
        Kernel{Era::v4_4, 12, ByteOrder::little, "hash", 0xd000000000000000}}) {
    SyntheticKernel kernel({.era = k.era,
                            .order = k.order,
                            .sections = 16,
                            .kaslr = false,
                            .page_shift = k.page_shift,
                            .machine = "ppc64",
                            .variant = k.variant});
    const std::uint64_t page = std::uint64_t{1} << k.page_shift;
    kernel.map({k.vmalloc + 5 * page}, kernel.own(0x340), k.page_shift);
    kernel.map({k.vmalloc + 6 * page}, kernel.own(0x33e), k.page_shift);
    const auto layout = layout_of(kernel.memory, kernel.note);
    ASSERT_TRUE(layout) << layout.message();
    ASSERT_EQ(layout->no_tables, "");
    AddressSpace memory(*layout, kernel.memory);
    const auto at = [&](std::uint64_t vaddr) {
      const auto t = memory.translate({vaddr});
      return t ? std::optional(t->paddr.value) : std::nullopt;
    };
    EXPECT_EQ(at(k.vmalloc + 5 * page + 3), kernel.own(0x340).value + 3) << k.variant;
    EXPECT_EQ(at(k.vmalloc + 6 * page), kernel.own(0x33e).value);
    EXPECT_EQ(at(k.vmalloc + 7 * page), std::nullopt);
    EXPECT_EQ(at((k.vmalloc ^ std::uint64_t{1} << 59) + 5 * page), std::nullopt);
    EXPECT_EQ(at(5 * page), std::nullopt);
    EXPECT_EQ(at(kBase + 0x123456), 0x123456U);
    const Pfn some = kernel.end() - 1;
    EXPECT_EQ(at(kernel.struct_address(some).value), kernel.struct_place(some).value) << k.variant;
  }
}

TEST(Ppc64, WhatIsMissingOrCannotBeIsNamed) {
  const auto message = [](const Note& note, std::size_t page = 65536) {
    const auto layout = layout_of(note, page);
    return layout ? "no error, " + layout->no_tables : std::string(layout.message());
  };
  Note note = note_of("6.1.0", "1");
  note.remove("SYMBOL(swapper_pg_dir)");
  EXPECT_NE(message(note).find("swapper_pg_dir"), std::string::npos);
  note.set("SYMBOL(swapper_pg_dir)", "2740000");
  EXPECT_NE(message(note).find("direct map"), std::string::npos);
  for (const char* release : {"", "x", "6", "6.", "-1.2", "99999999999.1"}) {
    EXPECT_NE(message(note_of(release, "1")).find("OSRELEASE"), std::string::npos) << release;
  }
  EXPECT_NE(message(note_of("6.1.0", "1"), 16384).find("16384"), std::string::npos);
  // Book3E: its vmalloc has moved from 0x8 to where that of hash kernels was.
  for (const char* start : {"0x8000000000000000", "0xc000100000000000", "0", "-1"}) {
    note = note_of("6.12.0", "0");
    note.set("NUMBER(VMALLOC_START)", start);
    EXPECT_NE(message(note, 4096).find("VMALLOC_START"), std::string::npos) << start;
  }
}

// ---- the list of memory behind vmemmap ----

class VmemmapList : public testing::Test {
 protected:
  static constexpr std::uint64_t kHead = 0x1000, kIndex = 0x1008, kSizes = 0x1100, kFirst = 0x4000;
  static constexpr std::uint64_t kVirt = 0xf000000000000000, kSize = 0x10000;

  VmemmapList() : memory_(0x1000) {
    memory_.add({0, 0x1000});
    EXPECT_TRUE(memory_.set_page_size(65536));
    memory_.put<std::uint32_t>({kIndex}, 2);
    memory_.put<std::uint32_t>({kSizes + 2 * 96}, 16);
    note_.set_hex("SYMBOL(vmemmap_list)", kBase + kHead);
    note_.set_hex("SYMBOL(mmu_vmemmap_psize)", kBase + kIndex);
    note_.set_hex("SYMBOL(mmu_psize_defs)", kBase + kSizes);
    note_.set("SIZE(vmemmap_backing)", 24);
    note_.set("OFFSET(vmemmap_backing.list)", 0);
    note_.set("OFFSET(vmemmap_backing.phys)", 8);
    note_.set("OFFSET(vmemmap_backing.virt_addr)", 16);
    note_.set("SIZE(mmu_psize_def)", 96);
    note_.set("OFFSET(mmu_psize_def.shift)", 0);
  }
  void element(std::uint64_t at, std::uint64_t next, std::uint64_t phys, std::uint64_t virt) {
    memory_.put<std::uint64_t>({at}, next == 0 ? 0 : kBase + next);
    memory_.put<std::uint64_t>({at + 8}, phys);
    memory_.put<std::uint64_t>({at + 16}, virt);
  }
  void head(std::uint64_t at) { memory_.put<std::uint64_t>({kHead}, kBase + at); }
  Result<AddressLayout> layout() { return layout_of(memory_, note_); }
  std::string message() {
    const auto found = layout();
    return found ? "no error" : std::string(found.message());
  }

  SyntheticMemory memory_;
  Note note_ = note_of("4.4.0", nullptr);
};

TEST_F(VmemmapList, IsSortedAndJoined) {
  element(0x4000, 0x4018, 0x230000, kVirt + 3 * kSize);
  element(0x4018, 0x4030, 0x220000, kVirt + 2 * kSize);
  element(0x4030, 0x4048, 0x900000, kVirt + 8 * kSize);
  element(0x4048, 0, 0x210000, kVirt + kSize);
  head(0x4000);
  const auto found = layout();
  ASSERT_TRUE(found) << found.message();
  ASSERT_EQ(found->listed.size(), 2U);
  EXPECT_EQ(found->listed[0].vaddr.value, kVirt + kSize);
  EXPECT_EQ(found->listed[0].paddr.value, 0x210000U);
  EXPECT_EQ(found->listed[0].size, 3 * kSize);
  EXPECT_EQ(found->listed[1].vaddr.value, kVirt + 8 * kSize);
  AddressSpace space(*found, memory_);
  const auto inside = space.translate({kVirt + 3 * kSize + 5});
  const auto alone = space.translate({kVirt + 8 * kSize});
  ASSERT_TRUE(inside && alone);
  EXPECT_EQ(inside->paddr.value, 0x230005U);
  EXPECT_EQ(inside->contiguous, kSize - 5);
  EXPECT_EQ(alone->paddr.value, 0x900000U);
  EXPECT_FALSE(space.translate({kVirt}));
  EXPECT_FALSE(space.translate({kVirt + 4 * kSize}));
  EXPECT_FALSE(space.translate({kVirt + 9 * kSize}));
}

TEST_F(VmemmapList, EmptyOrNotNamed) {
  EXPECT_TRUE(layout()->listed.empty());
  note_.remove("SYMBOL(vmemmap_list)");
  element(0x4000, 0, 0x230000, kVirt);
  head(0x4000);
  EXPECT_TRUE(layout()->listed.empty());
}

TEST_F(VmemmapList, ThatDoesNotEnd) {
  element(0x4000, 0x4018, 0x230000, kVirt);
  element(0x4018, 0x4000, 0x450000, kVirt + kSize);
  head(0x4000);
  EXPECT_NE(message().find("no end"), std::string::npos);
}

TEST_F(VmemmapList, ThatIsTornOrContradictsItself) {
  const auto with = [&](std::uint64_t phys, std::uint64_t virt) {
    element(0x4000, 0x4018, 0x230000, kVirt);
    element(0x4018, 0, phys, virt);
    head(0x4000);
    return message();
  };
  EXPECT_EQ(with(0x450000, kVirt + kSize), "no error");
  EXPECT_NE(with(0x450000, kVirt).find("twice"), std::string::npos);
  EXPECT_NE(with(0x450000, kVirt + kSize + 4096).find(" to "), std::string::npos);
  EXPECT_NE(with(0x450000, 0x10000).find(" to "), std::string::npos);
  EXPECT_NE(with(std::uint64_t{1} << 56, kVirt + kSize).find(" to "), std::string::npos);
  head(0x40000000);
  EXPECT_NE(message().find("cannot be read"), std::string::npos);
}

TEST_F(VmemmapList, FieldsAndSizesAreChecked) {
  element(0x4000, 0, 0x230000, kVirt);
  head(0x4000);
  const Note whole = note_;
  for (const char* key : {"SYMBOL(mmu_vmemmap_psize)", "SYMBOL(mmu_psize_defs)",
                          "SIZE(vmemmap_backing)", "OFFSET(vmemmap_backing.list)",
                          "OFFSET(vmemmap_backing.phys)", "OFFSET(vmemmap_backing.virt_addr)",
                          "SIZE(mmu_psize_def)", "OFFSET(mmu_psize_def.shift)"}) {
    note_ = whole;
    note_.remove(key);
    EXPECT_NE(message().find(key), std::string::npos) << key << ": " << message();
    if (std::string(key).starts_with("SYMBOL")) continue;
    note_.set(key, "2000000000");
    EXPECT_NE(message().find(key), std::string::npos) << key << ": " << message();
  }
  note_ = whole;
  for (const std::uint32_t index : {16U, 0xffffffffU}) {
    memory_.put<std::uint32_t>({kIndex}, index);
    EXPECT_NE(message().find("mmu_vmemmap_psize"), std::string::npos);
  }
  memory_.put<std::uint32_t>({kIndex}, 2);
  for (const std::uint32_t shift : {0U, 11U, 35U, 64U, 0xffffffffU}) {
    memory_.put<std::uint32_t>({kSizes + 2 * 96}, shift);
    EXPECT_NE(message().find("shift"), std::string::npos);
  }
}

}  // namespace
}  // namespace vmsift
