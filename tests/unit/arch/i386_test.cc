// SPDX-License-Identifier: GPL-2.0-or-later
// i386: PAGE_OFFSET by tables that map themselves, and tables entry by entry (Intel SDM volume 3,
// 4.3 and 4.4).
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
using test::Note;
using test::SyntheticKernel;
using test::walk;

constexpr const char* kPae = "i386-6.1.0-50-686-pae";
constexpr const char* kNoPae = "i386-6.1.0-50-686";

const Arch& i386() {
  return *find_arch(EM_386, "", 4);
}

// Memory in which low memory of a real note is mapped at `page_offset`.
class Machine {
 public:
  explicit Machine(const char* name, std::uint64_t page_offset = 0xc0000000)
      : note(Note::real(name)), memory(0x18000), pae(note.get("CONFIG_X86_PAE").has_value()) {
    memory.add({0, 0x18000});
    memory.edit_info().abi = kdump::Abi::packed32;
    const VirtAddr linked = *Vmcoreinfo(note.text()).symbol("swapper_pg_dir");
    pgd = {linked.value - 0xc0000000};
    note.set_hex("SYMBOL(swapper_pg_dir)", page_offset + pgd.value);
    for (std::uint64_t at = 0; at < std::uint64_t{0x10000000}; at += large()) {
      map_large(page_offset + at, at);
    }
  }
  std::uint64_t large() const { return std::uint64_t{pae ? 2U : 4U} << 20; }
  void map_large(std::uint64_t vaddr, std::uint64_t frame) {
    if (!pae) {
      memory.put(pgd + (vaddr >> 22) * 4, static_cast<std::uint32_t>(frame | 0x1e3));
      return;
    }
    const PhysAddr pmd = pgd + 0x1000 + (vaddr >> 30) * 0x1000;
    memory.put<std::uint64_t>(pgd + (vaddr >> 30) * 8, pmd.value | 1);
    memory.put<std::uint64_t>(pmd + (vaddr >> 21 & 511) * 8, frame | 0x1e3);
  }
  Result<AddressLayout> layout() const {
    return i386().detect_layout(memory, Vmcoreinfo(note.text()));
  }
  Note note;
  test::SyntheticMemory memory;
  bool pae;
  PhysAddr pgd;
};

TEST(I386, ItsNames) {
  EXPECT_EQ(i386().name, "i686");
  for (const char* name : {"i386", "i486", "i586", "i686"}) {
    EXPECT_EQ(find_arch(EM_NONE, name, 4), &i386()) << name;
  }
}

TEST(I386, RealNotesAtAnySplit) {
  for (const char* name : {kPae, kNoPae}) {
    for (const std::uint64_t offset :
         {0xc0000000U, 0xb0000000U, 0x80000000U, 0x78000000U, 0x40000000U}) {
      const Machine machine(name, offset);
      const auto layout = machine.layout();
      ASSERT_TRUE(layout) << name << std::hex << offset << layout.message();
      EXPECT_EQ(layout->word_bytes, 4U);
      EXPECT_EQ(layout->table.levels.size(), machine.pae ? 3U : 2U);
      EXPECT_EQ(layout->table.root, machine.pgd);
      ASSERT_EQ(layout->linear.size(), 1U);
      EXPECT_EQ(layout->linear[0].vaddr.value, offset);
      EXPECT_EQ(layout->linear[0].paddr.value, 0U);
      EXPECT_EQ(layout->linear[0].size, 0x10000000U) << "what the tables map";
      EXPECT_TRUE(layout->tables_map_image);
      EXPECT_EQ(layout->section_size_bits, machine.pae ? 29U : 26U);
      EXPECT_EQ(layout->max_physmem_bits, machine.pae ? 36U : 32U);
    }
  }
}

// High memory has a PT_LOAD too, whose address is all ones.
TEST(I386, HeadersNameAnOffsetOfTheirOwn) {
  Machine machine(kPae, 0xa0000000);
  machine.memory.edit_info().virtual_ranges = {{{~std::uint64_t{0}}, {0x36ffe000}, 0x9002000},
                                               {{0xa0000000}, {0}, 0x10000000}};
  const auto layout = machine.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->linear[0].vaddr.value, 0xa0000000U);
  machine.memory.edit_info().virtual_ranges.clear();
  EXPECT_FALSE(machine.layout()) << "no CONFIG_VMSPLIT_* of Linux";
}

TEST(I386, HeadersThatSayThePhysicalAddressAreNotBelieved) {
  Machine machine(kNoPae);
  for (const std::uint64_t wrong : {0x0U, 0x80000000U, 0xd0000000U}) {
    machine.memory.edit_info().virtual_ranges = {{{wrong}, {0}, 0x10000000}};
    const auto layout = machine.layout();
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->linear[0].vaddr.value, 0xc0000000U);
  }
}

// Until 3.6 the memory maps of other nodes stood in the direct map's place.
TEST(I386, WhatIsMappedElsewhereEndsTheDirectMap) {
  for (const char* name : {kPae, kNoPae}) {
    Machine machine(name);
    machine.map_large(0xcf000000, 0x01000000);
    machine.map_large(0xc0400000, 0x02000000);
    const auto layout = machine.layout();
    ASSERT_TRUE(layout) << layout.message();
    const VirtualRange& linear = layout->linear.at(0);
    EXPECT_EQ(linear.vaddr.value, 0xc0400000 + machine.large());
    EXPECT_EQ(linear.vaddr.value - linear.paddr.value, 0xc0000000U);
    EXPECT_EQ(linear.vaddr.value + linear.size, 0xcf000000U);
    AddressSpace memory(*layout, machine.memory);
    EXPECT_EQ(memory.translate({0xcf000123})->paddr.value, 0x1000123U);
    EXPECT_EQ(memory.translate({0xc0400123})->paddr.value, 0x2000123U);
    EXPECT_EQ(memory.translate({0xc0000123})->paddr.value, 0x123U);
  }
}

TEST(I386, BadNotes) {
  for (const char* name : {kPae, kNoPae}) {
    for (const char* root :
         {"0", "ffffffff", "fffff000", "c6", "1c6e98000", "ffffffffc6e98000", "d6e98000", "zz"}) {
      Machine machine(name);
      machine.note.set("SYMBOL(swapper_pg_dir)", root);
      const auto layout = machine.layout();
      ASSERT_FALSE(layout) << root;
      EXPECT_NE(layout.message().find("swapper_pg_dir"), std::string::npos);
    }
  }
  Machine without(kPae);
  without.note.remove("SYMBOL(swapper_pg_dir)");
  EXPECT_EQ(without.layout().message(), "SYMBOL(swapper_pg_dir) is missing");
  Machine taken_for_two_levels(kPae);
  taken_for_two_levels.note.remove("CONFIG_X86_PAE");
  EXPECT_FALSE(taken_for_two_levels.layout());
  Machine taken_for_pae(kNoPae);
  taken_for_pae.note.set("CONFIG_X86_PAE", "y");
  EXPECT_FALSE(taken_for_pae.layout());
  test::SyntheticMemory nothing(0);
  EXPECT_FALSE(i386().detect_layout(nothing, Vmcoreinfo(Note::real(kPae).text())));
}

// ---- tables ----

TEST(I386, TwoLevels) {
  using Entries = std::vector<std::uint32_t>;
  const Machine machine(kNoPae);
  const PageTable table = machine.layout()->table;
  const auto at = [&](const Entries& entries) { return walk(table, 0xf8723456, entries); };
  EXPECT_EQ(at({0x10000067, 0xfffff163})->paddr.value, 0xfffff456U);
  EXPECT_EQ(at({0x10000067, 0x20000163})->contiguous, 0x1000U - 0x456);
  EXPECT_EQ(at({0x10000067, 0x200001e3})->paddr.value, 0x20000456U) << "bit 7 of a page is PAT";
  EXPECT_EQ(at({0x204001e3})->paddr.value, 0x20723456U) << "4 MiB";
  EXPECT_EQ(at({0x204001e3})->contiguous, 0x400000U - 0x323456);
  EXPECT_EQ(at({0x204011e3})->paddr.value, 0x20723456U) << "bit 12 of a large page is PAT";
  // PSE-36: bits 13 to 20 are the address's bits 32 to 39.
  EXPECT_EQ(at({0x204021e3})->paddr.value, 0x120723456U);
  EXPECT_EQ(at({0x205fe1e3})->paddr.value, 0xff20723456U);
  EXPECT_FALSE(at({0x10000066}));
  EXPECT_FALSE(at({0x204001e2}));
  EXPECT_FALSE(at({0x10000067, 0x20000162}));
  EXPECT_FALSE(at({0x10000067}));
  EXPECT_FALSE(at({}));
  std::vector<std::uint64_t> asked;
  walk(table, 0xf8723456, Entries{0x10000fff & ~0x80U, 0x20000163}, &asked);
  EXPECT_EQ(asked,
            (std::vector<std::uint64_t>{machine.pgd.value + 0x3e1 * 4, 0x10000000 + 0x323 * 4}));
  EXPECT_TRUE(walk(table, 0xf8723456, Entries{0x204001e3}));
  EXPECT_FALSE(walk(table, 0x1f8723456, Entries{0x204001e3})) << "torn";
  EXPECT_FALSE(walk(table, 0xfffffffff8723456, Entries{0x204001e3})) << "torn";
}

TEST(I386, Pae) {
  using Entries = std::vector<std::uint64_t>;
  constexpr std::uint64_t kNever = std::uint64_t{1} << 63;
  const Machine machine(kPae);
  const PageTable table = machine.layout()->table;
  const auto at = [&](const Entries& entries) { return walk(table, 0xf8723456, entries); };
  EXPECT_EQ(at({0x10000001, 0x20000067, 0xf30000163 | kNever})->paddr.value, 0xf30000456U);
  EXPECT_EQ(at({0x10000001, 0x20000067, 0x300001e3})->contiguous, 0x1000U - 0x456);
  EXPECT_EQ(at({0x10000001, 0xf202001e3 | kNever})->paddr.value, 0xf20323456U) << "2 MiB";
  EXPECT_EQ(at({0x10000001, 0x202001e3})->contiguous, 0x200000U - 0x123456);
  EXPECT_EQ(at({0x10000001, 0x202011e3})->paddr.value, 0x20323456U) << "bit 12 is PAT";
  // The root has no large pages.
  EXPECT_EQ(at({0x10000081, 0x202001e3})->paddr.value, 0x20323456U);
  EXPECT_FALSE(at({0x10000081}));
  EXPECT_FALSE(at({0x10000000, 0x202001e3}));
  EXPECT_FALSE(at({0x10000001, 0x202001e2}));
  EXPECT_FALSE(at({0x10000001, 0x20000067, 0x30000162}));
  EXPECT_FALSE(at({0x10000001, 0x20000067}));
  EXPECT_FALSE(at({0x10000001}));
  std::vector<std::uint64_t> asked;
  walk(table, 0xf8723456, Entries{0x10000001, 0x220000067, 0x30000163}, &asked);
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{machine.pgd.value + 3 * 8, 0x10000000 + 0x1c3 * 8,
                                               0x220000000 + 0x123 * 8}));
  EXPECT_TRUE(walk(table, 0xf8723456, Entries{0x10000001, 0x202001e3}));
  EXPECT_FALSE(walk(table, 0x1f8723456, Entries{0x10000001, 0x202001e3})) << "torn";
}

// ---- kernels ----

class I386Kernel : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Variants, I386Kernel, testing::Values("", "2g", "pae", "pae-2g"),
                         [](const auto& variant) {
                           std::string name = "v" + std::string(variant.param);
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(I386Kernel, ScatteredPagesAreReadInOne) {
  KernelShape shape;
  shape.machine = "i386";
  shape.variant = GetParam();
  shape.model = test::Model::flat;
  shape.sections = 1;
  SyntheticKernel kernel(shape);
  const VirtAddr start{0xf8801000};
  const test::ScatteredPages pages(kernel, start);
  const auto layout = kernel.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->linear.at(0).vaddr.value, kernel.machine().direct);
  EXPECT_EQ(layout->linear.at(0).size, std::uint64_t{128} << 20) << "not what vmalloc() has";
  AddressSpace memory(*layout, kernel.memory);
  pages.expect_in(memory);
}

}  // namespace
}  // namespace vmsift
