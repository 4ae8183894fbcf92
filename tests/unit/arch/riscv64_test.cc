// SPDX-License-Identifier: GPL-2.0-or-later
// riscv64: layouts of real notes, entries of each level (privileged architecture, 12.4; Svnapot and
// Svpbmt), and notes and tables that contradict each other.
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Note;

constexpr std::uint16_t kRiscv = 243;
constexpr std::uint64_t kRam = 0x80000000;

const Arch& riscv64() {
  return *find_arch(kRiscv, "", 8);
}

Result<AddressLayout> layout_of(const Note& note, const DumpInfo& dump = {}) {
  test::SyntheticMemory memory(0);
  memory.edit_info() = dump;
  return riscv64().detect_layout(memory, Vmcoreinfo(note.text()));
}

Note sv57() {
  return Note::real("riscv64-6.12.107+deb13-riscv64");
}

TEST(Riscv64, RealNotes) {
  struct Real {
    const char* name;
    std::size_t levels;
    std::uint64_t root, direct, image_bytes;
  };
  // root: swapper_pg_dir - va_kernel_pa_offset; size: MODULES_VADDR + 2 GiB - MODULES_END, by hand.
  for (const Real& real :
       {Real{"riscv64-6.12.107+deb13-riscv64", 5, 0x81fca000, 0xff60000000000000, 0x1e6b000},
        Real{"riscv64-6.12.117+deb13-riscv64.sv39", 3, 0x81fcb000, 0xffffffd600000000, 0x1e6c000},
        Real{"riscv64-7.2.13+deb14-riscv64", 4, 0x82507000, 0xffffaf8000000000, 0x23a0000}}) {
    DumpInfo dump;
    dump.max_pfn = 0x98000;
    const auto layout = layout_of(Note::real(real.name), dump);
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->table.levels.size(), real.levels) << real.name;
    EXPECT_EQ(layout->table.root.value, real.root);
    ASSERT_EQ(layout->image.size(), 1U);
    EXPECT_EQ(layout->image[0].vaddr.value, 0xffffffff80000000U);
    EXPECT_EQ(layout->image[0].paddr.value, 0x80200000U);
    EXPECT_EQ(layout->image[0].size, real.image_bytes);
    ASSERT_EQ(layout->linear.size(), 1U);
    EXPECT_EQ(layout->linear[0].vaddr.value, real.direct);
    EXPECT_EQ(layout->linear[0].paddr.value, kRam);
    EXPECT_EQ(layout->linear[0].size, 0x18000000U);
    EXPECT_EQ(layout->phys_base, kRam);
  }
}

TEST(Riscv64, EachKeyIsNeeded) {
  for (const char* key : {"SYMBOL(swapper_pg_dir)", "NUMBER(VA_BITS)", "NUMBER(PAGE_OFFSET)",
                          "NUMBER(phys_ram_base)", "NUMBER(va_kernel_pa_offset)"}) {
    Note note = sv57();
    note.remove(key);
    const auto layout = layout_of(note);
    ASSERT_FALSE(layout) << key;
    EXPECT_NE(layout.message().find(key), std::string::npos) << layout.message();
  }
}

TEST(Riscv64, ValuesThatCannotBe) {
  struct Wrong {
    const char *key, *value;
  };
  for (const Wrong& w :
       {Wrong{"NUMBER(VA_BITS)", "64"}, Wrong{"NUMBER(VA_BITS)", "0"},
        Wrong{"NUMBER(VA_BITS)", "-1"}, Wrong{"NUMBER(VA_BITS)", "40"},
        Wrong{"NUMBER(satp)", "0x9000000000082507"}, Wrong{"NUMBER(satp)", "0"},
        Wrong{"NUMBER(satp)", "-1"}, Wrong{"NUMBER(PAGE_OFFSET)", "0x1000"},
        Wrong{"NUMBER(PAGE_OFFSET)", "0xffffffff80000000"}, Wrong{"NUMBER(phys_ram_base)", "-1"},
        Wrong{"NUMBER(va_kernel_pa_offset)", "0"}, Wrong{"NUMBER(KERNEL_LINK_ADDR)", "0x1000"},
        Wrong{"SYMBOL(swapper_pg_dir)", "81dca000"}}) {
    Note note = sv57();
    note.set(w.key, w.value);
    const auto layout = layout_of(note);
    ASSERT_FALSE(layout) << w.key << w.value;
    const std::string name = std::string(w.key).substr(0, std::string(w.key).find(')'));
    EXPECT_NE(layout.message().find(name), std::string::npos) << layout.message();
  }
}

TEST(Riscv64, TheModeOfTheProcessorIsEnough) {
  Note note = sv57();
  note.remove("NUMBER(VA_BITS)");
  note.set("NUMBER(satp)", "0xa000000000081fca");
  ASSERT_TRUE(layout_of(note));
  EXPECT_EQ(layout_of(note)->table.levels.size(), 5U);
}

TEST(Riscv64, BeforeSixFourTheHeadersSayWhereTheImageIs) {
  Note note = sv57();
  note.remove("NUMBER(va_kernel_pa_offset)");
  DumpInfo dump;
  dump.virtual_ranges = {{{0xff60000000000000}, {kRam}, 0x1000000},
                         {{0xffffffff80000000}, {0x80200000}, 0x2000000}};
  ASSERT_TRUE(layout_of(note, dump));
  EXPECT_EQ(layout_of(note, dump)->image[0].paddr.value, 0x80200000U);
}

// KASLR moves the image; BPF programs are in front of it then.
TEST(Riscv64, TheImageBeginsWhereModulesEnd) {
  Note note = sv57();
  note.set("NUMBER(MODULES_END)", "0xffffffff80002000");
  const auto layout = layout_of(note);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->image[0].vaddr.value, 0xffffffff80002000U);
  EXPECT_EQ(layout->image[0].paddr.value, 0x80202000U);
  for (const char* value : {"0", "-1", "0xffffffff90000000", "junk"}) {  // behind _stext, below
    note.set("NUMBER(MODULES_END)", value);
    note.set("NUMBER(MODULES_VADDR)", value);
    ASSERT_TRUE(layout_of(note)) << value;
    const VirtualRange image = layout_of(note)->image[0];
    EXPECT_EQ(image.vaddr.value, 0xffffffff80000000U);
    EXPECT_GE(image.size, 0x1dcb000U);
    EXPECT_LE(image.size, std::uint64_t{2} << 30);
  }
}

// ---- entries ----

constexpr std::uint64_t kV = 1, kR = 2, kW = 4, kX = 8, kUser = 16, kNapot = 1ULL << 63;
constexpr std::uint64_t kOthers = 0x3e0, kUncached = 1ULL << 61, kIo = 1ULL << 62;

std::uint64_t entry(std::uint64_t frame, std::uint64_t flags) {
  return frame >> 12 << 10 | flags;
}

PageTableEntry decode(std::uint64_t raw, unsigned shift) {
  const PageTable table = layout_of(sv57())->table;
  return table.decode(raw, {static_cast<std::uint8_t>(shift), 9}, table);
}

TEST(Riscv64, LeavesOfEachLevel) {
  for (const unsigned shift : {12U, 21U, 30U, 39U, 48U}) {
    const std::uint64_t frame = std::uint64_t{0xab} << 48;  // 56 bits
    for (const std::uint64_t kind : {kR, kX, kR | kX, kR | kW, kR | kW | kX}) {
      const auto leaf = decode(entry(frame, kV | kind | kOthers | kUncached | kIo), shift);
      EXPECT_EQ(leaf.kind, EntryKind::leaf) << shift;
      EXPECT_EQ(leaf.frame, frame);
      EXPECT_EQ(leaf.shift, 0U);
      EXPECT_EQ(decode(entry(frame, kind | kOthers), shift).kind, EntryKind::absent);
    }
    const auto pointer = decode(entry(0x00abcdef12345000, kV | kOthers), shift);
    EXPECT_EQ(pointer.kind, shift == 12 ? EntryKind::absent : EntryKind::table);
    EXPECT_EQ(pointer.frame, shift == 12 ? 0 : 0x00abcdef12345000U);
  }
  EXPECT_EQ(decode(~kV, 12).kind, EntryKind::absent);
  EXPECT_EQ(decode(kUser, 12).kind, EntryKind::absent);
}

TEST(Riscv64, SixteenEntriesMaySayOnePage) {
  const auto leaf = decode(entry(0x40018000, kV | kR | kW | kNapot), 12);
  EXPECT_EQ(leaf.kind, EntryKind::leaf);
  EXPECT_EQ(leaf.shift, 16U);
  // Another size is reserved, and at other levels the bit is.
  EXPECT_EQ(decode(entry(0x40014000, kV | kR | kNapot), 12).shift, 0U);
  EXPECT_EQ(decode(entry(0x40018000, kV | kR | kNapot), 21).shift, 0U);
}

// ---- a kernel in memory ----

test::KernelShape shape(const char* variant) {
  test::KernelShape s{.sections = 1, .first_pfn = 0x80000};
  s.machine = "riscv64";
  s.variant = variant;
  return s;
}

TEST(Riscv64, ScatteredPagesOfVmalloc) {
  for (const char* variant : {"sv39", "sv48", "sv57"}) {
    test::SyntheticKernel k(shape(variant));
    const std::uint64_t vmalloc = k.machine().vmemmap + 0x40000000;
    for (std::uint64_t i = 0; i < 8; ++i) {
      k.map({vmalloc + i * 4096}, k.own(0x1f0 - 3 * i), 12);
      k.memory.put<std::uint64_t>(k.own(0x1f0 - 3 * i), 0x1111 * i);
    }
    // 64 KiB in one page, which each of 16 entries says.
    for (std::uint64_t i = 0; i < 16; ++i) k.map({vmalloc + 0x10000 + i * 4096}, k.own(0x60), 12);
    const auto layout = k.layout();
    ASSERT_TRUE(layout) << layout.message();
    AddressSpace memory(*layout, k.memory);
    for (std::uint64_t i = 0; i < 8; ++i) {
      EXPECT_EQ(memory.read_value<std::uint64_t>({vmalloc + i * 4096}), 0x1111 * i) << variant;
    }
    EXPECT_FALSE(memory.translate({vmalloc + 8 * 4096}));
    // A torn address is not the one of its low bits.
    EXPECT_TRUE(memory.translate({vmalloc}));
    EXPECT_FALSE(memory.translate({vmalloc & ~(1ULL << 63)}));
  }
}

TEST(Riscv64, TablesThatContradictTheNoteAreAnError) {
  test::SyntheticKernel k(shape("sv39"));
  k.map({k.machine().direct}, {kRam + 0x40000000}, 30);
  const auto layout = k.layout();
  ASSERT_FALSE(layout);
  EXPECT_NE(layout.message().find("phys_ram_base"), std::string::npos);
}

// Until 6.3 PAGE_OFFSET is that of the image, and phys_ram_base below it.
TEST(Riscv64, TheDirectMapMayBeginWithTheImage) {
  test::SyntheticKernel k(shape("sv39"));
  k.note.set("NUMBER(phys_ram_base)", static_cast<long long>(kRam - 0x200000));
  const auto layout = k.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->linear[0].paddr.value, kRam);
}

}  // namespace
}  // namespace vmsift
