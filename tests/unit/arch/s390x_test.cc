// SPDX-License-Identifier: GPL-2.0-or-later
// s390x: layouts of real notes, entries of each level (Principles of Operation, "Dynamic Address
// Translation"), and notes and memory that say nothing, or nothing that can be.
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
using test::SyntheticMemory;

constexpr Pfn kPages = 0x18000;  // of the guests: 384 MiB
constexpr std::uint64_t kRoot612 = 0x3fffff40000 - 0x3fffe7f8000 + 0x8f8000;
constexpr std::uint64_t kOsInfo = 0x5000;

const Arch& s390x() {
  return *find_arch(EM_S390, "", 8);
}

Note note_of(const char* version) {
  return Note::real(version);
}
Note apart() {
  return note_of("s390x-6.12.107+deb13-s390x");
}
Note identity() {
  return note_of("s390x-6.1.0-50-s390x");
}

// Memory of a guest with nothing but the root of its tables, of empty entries of `type`.
struct Guest : SyntheticMemory {
  explicit Guest(std::uint64_t root, std::uint64_t type = 1)
      : SyntheticMemory(kPages, ByteOrder::big) {
    add({0, kPages});
    for (std::uint64_t i = 0; i < 2048; ++i) put(PhysAddr{root + i * 8}, 0x20 | type << 2);
  }
};

Result<AddressLayout> layout_of(const Note& note, const MemorySource& memory) {
  return s390x().detect_layout(memory, Vmcoreinfo(note.text()));
}

void put_os_info(SyntheticMemory& memory, std::uint64_t offset, std::uint64_t phys) {
  memory.put(PhysAddr{0xe18}, kOsInfo);
  memory.put(PhysAddr{kOsInfo}, std::uint64_t{0x4f53494e464f535a});
  const auto entry = [&](unsigned n) { return PhysAddr{kOsInfo + 32 + n * 20}; };
  memory.put(entry(5), offset);
  memory.put(entry(6), phys);
}

TEST(S390x, KernelsUpToSixNineHavePhysicalAddresses) {
  Guest memory(0x1290000);
  memory.put(PhysAddr{0x12da330}, std::uint64_t{0x17000000});  // high_memory
  const auto layout = layout_of(identity(), memory);
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_TRUE(layout->image.empty());
  ASSERT_EQ(layout->linear.size(), 1U);
  EXPECT_EQ(layout->linear[0].vaddr.value, 0U);
  EXPECT_EQ(layout->linear[0].paddr.value, 0U);
  EXPECT_EQ(layout->linear[0].size, 0x17000000U) << "up to high_memory";
  EXPECT_EQ(layout->table.root.value, 0x1290000U);
  EXPECT_EQ(layout->table.levels.size(), 3U);
  EXPECT_EQ(layout->table.upper_mask, ~std::uint64_t{0} << 42);
  EXPECT_EQ(layout->phys_base, 0U);
}

TEST(S390x, LaterOnesHaveTheImageApart) {
  struct Real {
    const char* name;
    std::uint64_t root, text, text_at;
  };
  // Numbers of the notes, by hand: address - KERNELOFFSET + KERNELOFFPHYS.
  for (const Real& real :
       {Real{"s390x-6.12.107+deb13-s390x", kRoot612, 0x3fffe8f8000, 0x9f8000},
        Real{"s390x-7.2.13+deb14-s390x", 0x3fffff54000 - 0x3fffe3a8000 + 0x9a8000, 0x3fffe4a8000,
             0xaa8000}}) {
    const auto layout = layout_of(note_of(real.name), Guest(real.root));
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->table.root.value, real.root);
    ASSERT_EQ(layout->image.size(), 1U);
    EXPECT_EQ(layout->image[0].vaddr.value, real.text);
    EXPECT_EQ(layout->image[0].paddr.value, real.text_at);
    ASSERT_EQ(layout->linear.size(), 1U);
    EXPECT_EQ(layout->linear[0].size, kPages * 4096);
    EXPECT_TRUE(layout->tables_map_image);
  }
}

TEST(S390x, WhereMemoryIsMovedTheLowcoreAndCodeOf31BitsAreNot) {
  Note note = apart();
  note.set("IDENTITYBASE", "2000000000");
  const Guest memory(kRoot612);
  const auto layout = layout_of(note, memory);
  ASSERT_TRUE(layout) << layout.message();
  AddressSpace space(*layout, memory);
  EXPECT_EQ(space.translate({0x2000001234})->paddr.value, 0x1234U);
  EXPECT_EQ(space.translate({0x1fff})->paddr.value, 0x1fffU);
  EXPECT_FALSE(space.translate({0x2000}));
  EXPECT_EQ(space.translate({0x9f5000})->paddr.value, 0x9f5000U);
  EXPECT_EQ(space.translate({0x9f7fff})->contiguous, 1U);
  EXPECT_FALSE(space.translate({0x9f8000}));
  // What begins behind memory ends it.
  note.set("SYMBOL(vmemmap)", "2000100000");
  EXPECT_EQ(layout_of(note, memory)->linear[0].size, 0x100000U);
  note.set("NUMBER(VMALLOC_START)", "0x2000080000");
  EXPECT_EQ(layout_of(note, memory)->linear[0].size, 0x80000U);
}

TEST(S390x, OsInfoSaysWhatTheNoteLacks) {
  Note note = apart();
  for (const char* key : {"IDENTITYBASE", "KERNELOFFSET", "KERNELOFFPHYS"}) note.remove(key);
  Guest memory(kRoot612);
  EXPECT_FALSE(layout_of(note, memory)) << "no table where the symbol would be in memory";
  put_os_info(memory, 0x3fffe7f8000, 0x8f8000);
  const auto layout = layout_of(note, memory);
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->table.root.value, kRoot612);
  memory.put(PhysAddr{kOsInfo}, std::uint64_t{0x4f53494e464f535b});
  EXPECT_FALSE(layout_of(note, memory)) << "another magic number";
}

TEST(S390x, KeysThatAreMissingOrCannotBe) {
  struct Wrong {
    const char *key, *value, *says;
  };
  for (const Wrong& w :
       {Wrong{"SYMBOL(swapper_pg_dir)", "", "swapper_pg_dir"},
        Wrong{"KERNELOFFSET", "", "KERNELOFFSET"}, Wrong{"KERNELOFFPHYS", "", "KERNELOFFPHYS"},
        Wrong{"KERNELOFFPHYS", "0", "KERNELOFFPHYS"},
        Wrong{"KERNELOFFPHYS", "8f8001", "KERNELOFFPHYS"},
        Wrong{"KERNELOFFPHYS", "ffffffffffff8000", "swapper_pg_dir"},
        Wrong{"KERNELOFFSET", "0", "KERNELOFFSET"}, Wrong{"KERNELOFFSET", "zz", "KERNELOFFSET"},
        Wrong{"KERNELOFFSET", "fffffffffffff000", "KERNELOFFSET"},
        Wrong{"IDENTITYBASE", "ffffffffffff0000", "IDENTITYBASE"},
        Wrong{"IDENTITYBASE", "12345", "IDENTITYBASE"},
        Wrong{"SYMBOL(_stext)", "fffffffffffffff0", "_stext"},
        Wrong{"SYMBOL(swapper_pg_dir)", "1000", "swapper_pg_dir"}}) {
    Note note = apart();
    if (*w.value == 0) {
      note.remove(w.key);
    } else {
      note.set(w.key, w.value);
    }
    const auto layout = layout_of(note, Guest(kRoot612));
    ASSERT_FALSE(layout) << w.key << "=" << w.value;
    EXPECT_NE(layout.message().find(w.says), std::string::npos) << layout.message();
  }
}

TEST(S390x, TablesSayHowManyLevelsThereAre) {
  for (const std::uint64_t type : {0U, 1U, 2U, 3U}) {
    const auto layout = layout_of(apart(), Guest(kRoot612, type));
    ASSERT_TRUE(layout) << layout.message();
    ASSERT_EQ(layout->table.levels.size(), 2 + type);
    EXPECT_EQ(layout->table.levels.front().shift, 20 + 11 * type);
    EXPECT_EQ(layout->table.levels.back().bits, 8U);
    EXPECT_EQ(layout->table.upper_mask, type == 3 ? 0 : ~std::uint64_t{0} << (31 + 11 * type));
    EXPECT_EQ(layout->table.upper, 0U);
  }
  Guest mixed(kRoot612, 1);
  mixed.put(PhysAddr{kRoot612 + 2047 * 8}, std::uint64_t{0x28});
  EXPECT_FALSE(layout_of(apart(), mixed));
  Guest zeros(kRoot612, 1);
  for (std::uint64_t i = 0; i < 2048; ++i) zeros.put(PhysAddr{kRoot612 + i * 8}, std::uint64_t{0});
  EXPECT_FALSE(layout_of(apart(), zeros));
  Guest gone(kRoot612, 1);
  gone.set_unreadable(kRoot612 >> 12);
  EXPECT_FALSE(layout_of(apart(), gone));
}

// ---- entries ----

PageTableEntry decode(std::uint64_t raw, unsigned shift) {
  const PageTable table = layout_of(apart(), Guest(kRoot612))->table;
  const std::uint8_t bits = shift == 12 ? 8 : 11;
  return table.decode(raw, {static_cast<std::uint8_t>(shift), bits}, table);
}

constexpr std::uint64_t kFrame = 0xabcdef0123456000;

TEST(S390x, EntriesOfRegionsAndSegments) {
  for (const std::uint64_t type : {0U, 1U, 2U, 3U}) {
    const unsigned shift = 20 + 11 * static_cast<unsigned>(type);
    const std::uint64_t others = 0x203;  // protection, and the length of the table
    const auto table = decode(kFrame | type << 2 | (type != 0 ? others : 0x200), shift);
    EXPECT_EQ(table.kind, EntryKind::table) << type;
    EXPECT_EQ(table.frame, kFrame);
    EXPECT_EQ(decode(kFrame | type << 2 | 0x20, shift).kind, EntryKind::absent);
    EXPECT_EQ(decode(kFrame | (type ^ 1) << 2, shift).kind, EntryKind::absent) << "another level's";
  }
  EXPECT_EQ(decode(kFrame | 0x800, 20).frame, kFrame | 0x800) << "page tables have half a page";
}

TEST(S390x, LeavesOfEachSize) {
  const auto page = decode(kFrame | 0x2ff, 12);
  EXPECT_EQ(page.kind, EntryKind::leaf);
  EXPECT_EQ(page.frame, kFrame);
  EXPECT_EQ(decode(kFrame | 0x400, 12).kind, EntryKind::absent);
  EXPECT_EQ(decode(kFrame | 0x800, 12).kind, EntryKind::absent);
  const auto segment = decode(0x12300000 | 0x3000 | 0x403, 20);
  EXPECT_EQ(segment.kind, EntryKind::leaf);
  EXPECT_EQ(segment.frame, 0x12300000U);
  const auto region = decode(std::uint64_t{5} << 31 | 0x3000 | 0x400 | 4, 31);
  EXPECT_EQ(region.kind, EntryKind::leaf);
  EXPECT_EQ(region.frame, std::uint64_t{5} << 31);
  EXPECT_EQ(decode(0x12300000 | 0x420, 20).kind, EntryKind::absent);
  EXPECT_EQ(decode(kFrame | 0x400 | 8, 42).kind, EntryKind::table) << "no leaves of 4 TiB";
}

TEST(S390x, PagesOfVmallocAreWhereTheTablesSay) {
  for (const char* variant : {"", "4-level", "5-level"}) {
    test::KernelShape shape;
    shape.machine = "s390x";
    shape.variant = variant;
    shape.order = ByteOrder::big;
    test::SyntheticKernel kernel(shape);
    const VirtAddr vmalloc{0x3ff7e000000};
    kernel.map(vmalloc, {0x5555000}, 12);
    kernel.map(vmalloc + 4096, {0x4321000}, 12);
    kernel.map(vmalloc + 0x200000, {0x6700000}, 20);
    const auto layout = layout_of(kernel.note, kernel.memory);
    ASSERT_TRUE(layout) << layout.message();
    AddressSpace space(*layout, kernel.memory);
    EXPECT_EQ(space.translate(vmalloc + 0x10)->paddr.value, 0x5555010U);
    EXPECT_EQ(space.translate(vmalloc + 0x10)->contiguous, 0xff0U);
    EXPECT_EQ(space.translate(vmalloc + 0x1010)->paddr.value, 0x4321010U);
    EXPECT_EQ(space.translate(vmalloc + 0x234567)->paddr.value, 0x6734567U);
    EXPECT_FALSE(space.translate({vmalloc.value - 0x80000000}));
    EXPECT_FALSE(space.translate({std::uint64_t{1} << 63 | vmalloc.value}));
    // The tables map memory and image too, to where the note has them.
    for (const VirtAddr at : {kernel.direct({0x123456}), kernel.image({0x300010})}) {
      EXPECT_EQ(space.walk(at)->paddr, space.translate(at)->paddr) << variant;
    }
  }
}

// ---- the kernel's own note ----

void put_note(SyntheticMemory& memory, std::uint64_t at, const std::string& text) {
  memory.put(PhysAddr{0xe0c}, at);
  memory.put(PhysAddr{at}, std::uint32_t{11});
  memory.put(PhysAddr{at + 4}, static_cast<std::uint32_t>(text.size()));
  const std::string bytes = std::string("VMCOREINFO\0\0", 12) + text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    memory.put(PhysAddr{at + 12 + i}, static_cast<std::uint8_t>(bytes[i]));
  }
}

TEST(S390x, TheLowcorePointsToTheNoteOfTheBoot) {
  const std::string text = apart().text();
  const Vmcoreinfo given("OSRELEASE=6.12.107+deb13-s390x\n");
  Guest memory(kRoot612);
  EXPECT_FALSE(s390x().find_boot(memory, given)) << "no pointer";
  put_note(memory, 0x7fc0, text);
  const auto found = s390x().find_boot(memory, given);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(**found, text);
  const auto other = s390x().find_boot(memory, Vmcoreinfo("OSRELEASE=6.1\n"));
  ASSERT_TRUE(other);
  EXPECT_FALSE(*other) << "not that kernel";
  memory.put(PhysAddr{0x7fc4}, std::uint32_t{4 * 4096 + 1});
  EXPECT_FALSE(s390x().find_boot(memory, given)) << "no kernel writes that much";
  put_note(memory, 0x7fc0, text);
  memory.put(PhysAddr{0x7fcc}, std::uint8_t{'X'});
  EXPECT_FALSE(s390x().find_boot(memory, given)) << "another name";
  put_note(memory, 0x7fc0, text);
  memory.put(PhysAddr{0xe0c}, std::uint64_t{0x7fc1});
  EXPECT_FALSE(s390x().find_boot(memory, given)) << "early in the boot";
  memory.put(PhysAddr{0xe0c}, ~std::uint64_t{3});
  EXPECT_FALSE(s390x().find_boot(memory, given)) << "outside of memory";
}

}  // namespace
}  // namespace vmsift
