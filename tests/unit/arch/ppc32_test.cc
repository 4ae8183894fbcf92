// SPDX-License-Identifier: GPL-2.0-or-later
// Where ppc32 places things. No real note of it is at hand.
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <string>

namespace vmsift {
namespace {

using test::Note;
using test::SyntheticKernel;
using test::SyntheticMemory;

Result<AddressLayout> layout_of(const MemorySource& memory, const Note& note) {
  return find_arch(EM_PPC, "", 4)->detect_layout(memory, Vmcoreinfo(note.text()));
}

SyntheticKernel kernel_of(const char* variant) {
  return SyntheticKernel({.vmemmap = false,
                          .order = ByteOrder::big,
                          .model = test::Model::flat,
                          .kaslr = false,
                          .machine = "ppc",
                          .variant = variant});
}

TEST(Ppc32, VmallocThroughTheTables) {
  for (const char* variant : {"", "e500"}) {
    SyntheticKernel kernel = kernel_of(variant);
    kernel.map({0xf1003000}, {0x5000000}, 12);
    const auto layout = layout_of(kernel.memory, kernel.note);
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->no_tables, "");
    EXPECT_FALSE(layout->tables_map_image);
    AddressSpace memory(*layout, kernel.memory);
    const auto at = [&](std::uint64_t vaddr) {
      const auto t = memory.translate({vaddr});
      return t ? std::optional(t->paddr.value) : std::nullopt;
    };
    EXPECT_EQ(at(0xf1003004), 0x5000004U) << variant;
    EXPECT_EQ(at(0xf1000000), kernel.own(0x211).value);
    EXPECT_FALSE(memory.translate({0xf1004000}));
    EXPECT_FALSE(memory.translate({0x31003000}));
    EXPECT_EQ(at(0xc0001234), 0x1234U);
    EXPECT_FALSE(memory.translate({0xbffffffc}));
  }
}

TEST(Ppc32, LowMemoryByTheHeaders) {
  SyntheticKernel kernel = kernel_of("");
  auto& ranges = kernel.memory.edit_info().virtual_ranges;
  Note note = kernel.note;
  // Not at 0xc0000000, in two pieces; high memory has no address.
  ranges = {{{0x80000000}, {0}, 0x4000000},
            {{0x84000000}, {0x4000000}, 0x2000000},
            {{0xffffffff}, {0x30000000}, 0x10000000}};
  note.set("SYMBOL(_stext)", "80000000");
  note.set("SYMBOL(swapper_pg_dir)", "80300000");
  const auto layout = layout_of(kernel.memory, note);
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->linear[0].vaddr.value, 0x80000000U);
  EXPECT_EQ(layout->linear[0].size, 0x6000000U);
  ranges = {{{0xc0000000}, {0}, 0x60000000}};
  EXPECT_EQ(layout_of(kernel.memory, kernel.note)->linear[0].size, 0x30000000U);
}

TEST(Ppc32, WhatIsNotKnownIsNamed) {
  SyntheticKernel kernel = kernel_of("");
  for (const char* key : {"swapper_pg_dir", "_stext"}) {
    Note note = kernel.note;
    note.remove(std::string("SYMBOL(") + key + ")");
    const auto layout = layout_of(kernel.memory, note);
    ASSERT_FALSE(layout);
    EXPECT_NE(layout.message().find(key), std::string::npos);
    note.set(std::string("SYMBOL(") + key + ")", "80000000");
    EXPECT_FALSE(layout_of(kernel.memory, note)) << key;
  }
  // Tables of 8-byte entries begin with what is a user's half here.
  for (std::uint64_t i = 768; i < 1024; ++i) {
    kernel.memory.put<std::uint32_t>(kernel.pgd() + i * 4, 0);
  }
  const auto layout = layout_of(kernel.memory, kernel.note);
  ASSERT_TRUE(layout);
  EXPECT_NE(layout->no_tables.find("PTE_64BIT"), std::string::npos);
  EXPECT_EQ(layout->table.decode, nullptr);
  // Both kinds of addresses.
  kernel.memory.put<std::uint32_t>(kernel.pgd() + 900 * 4, 0xc0123000);
  kernel.memory.put<std::uint32_t>(kernel.pgd() + 901 * 4, 0x123000);
  EXPECT_FALSE(layout_of(kernel.memory, kernel.note)->no_tables.empty());
}

TEST(Ppc32, EntriesOneByOne) {
  const SyntheticKernel kernel = kernel_of("");
  const auto layout = layout_of(kernel.memory, kernel.note);
  const PageTable& table = layout->table;
  EXPECT_EQ(table.decode(0x12345591, table.levels[1], table).kind, EntryKind::leaf);
  EXPECT_EQ(table.decode(0x12345591, table.levels[1], table).frame, 0x12345000U);
  EXPECT_EQ(table.decode(0x12345590, table.levels[1], table).kind, EntryKind::absent);
  EXPECT_EQ(table.decode(0x12345000, table.levels[0], table).kind, EntryKind::table);
  EXPECT_EQ(table.decode(0, table.levels[0], table).kind, EntryKind::absent);
}

}  // namespace
}  // namespace vmsift
