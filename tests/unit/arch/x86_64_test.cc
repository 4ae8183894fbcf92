// SPDX-License-Identifier: GPL-2.0-or-later
// Where x86_64 places things, from the note and from the headers.
#include "arch/arch.h"

#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_memory.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace vmsift {
namespace {

using test::Note;

constexpr std::uint64_t kStartKernelMap = 0xffffffff80000000;

Result<AddressLayout> layout_of(const Note& note, const DumpInfo& dump = {}) {
  test::SyntheticMemory memory(0);
  memory.edit_info() = dump;
  return find_arch(EM_X86_64, "", 8)->detect_layout(memory, Vmcoreinfo(note.text()));
}

Note smallest() {
  return Note("SYMBOL(swapper_pg_dir)=ffffffff9e80a000\nNUMBER(phys_base)=-331350016\n");
}

TEST(ArchRegistry, NamesAndNumbersAreUnique) {
  std::set<std::string_view> names;
  std::set<std::pair<std::uint16_t, unsigned>> machines;
  for (const Arch* a : all_archs()) {
    EXPECT_TRUE(names.insert(a->name).second) << a->name;
    EXPECT_TRUE(machines.insert({a->elf_machine, a->word_bytes}).second) << a->name;
    EXPECT_EQ(find_arch(a->elf_machine, "", a->word_bytes), a);
    EXPECT_EQ(find_arch(0, a->name, a->word_bytes), a);
    EXPECT_NE(a->detect_layout, nullptr);
    ASSERT_FALSE(a->page_sizes.empty()) << a->name;
    for (const std::size_t size : a->page_sizes) EXPECT_EQ(size & (size - 1), 0U) << a->name;
  }
}

TEST(ArchRegistry, TheNumberWinsOverTheName) {
  EXPECT_EQ(find_arch(EM_S390 + 1000, "x86_64", 8), nullptr);
  EXPECT_EQ(find_arch(0, "pdp11", 8), nullptr);
  EXPECT_EQ(find_arch(0, "", 8), nullptr);
  EXPECT_EQ(find_arch(EM_X86_64, "", 4), nullptr);
}

TEST(ArchRegistry, OtherNames) {
  Arch named{};
  named.name = "made-up";
  named.other_names = "pdp8 vax*";
  named.word_bytes = 4;
  const std::array<const Arch*, 1> archs = {&named};
  for (const char* name : {"made-up", "pdp8", "vax", "vax780"}) {
    EXPECT_EQ(find_arch(0, name, 4, archs), &named) << name;
    EXPECT_EQ(find_arch(0, name, 8, archs), nullptr) << name;
  }
  for (const char* name : {"", "pdp", "pdp88", "va", "made-up2", "pdp8 vax*", "*"}) {
    EXPECT_EQ(find_arch(0, name, 4, archs), nullptr) << name;
  }
}

// Every architecture meets notes that lack a line of it: an error or a layout, no more.
TEST(ArchRegistry, AnEmptyNoteIsAnErrorThatNamesAKey) {
  for (const Arch* a : all_archs()) {
    const auto layout = a->detect_layout(test::SyntheticMemory(0), Vmcoreinfo());
    ASSERT_FALSE(layout);
    EXPECT_FALSE(layout.message().empty());
  }
}

TEST(X86_64, RealNotes) {
  struct Real {
    const char* name;
    std::size_t levels;
    std::uint64_t root;
  };
  // root: swapper_pg_dir - __START_KERNEL_map + phys_base, by hand.
  for (const Real& real : {Real{"amd64-5.10.0-32-amd64", 4, 0x1e80a000 - 331350016ULL},
                           Real{"amd64-6.1.0-50-amd64", 5, 0x39410000 - 838860800ULL},
                           Real{"amd64-6.12.107+deb13-amd64", 5, 0x38422000 - 683671552ULL},
                           Real{"amd64-7.3.4+deb13-amd64", 5, 0x1f22a000 - 329252864ULL}}) {
    const auto layout = layout_of(Note::real(real.name));
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_EQ(layout->table.levels.size(), real.levels) << real.name;
    EXPECT_EQ(layout->table.root.value, real.root) << real.name;
    ASSERT_EQ(layout->image.size(), 1U);
    EXPECT_EQ(layout->image[0].size, std::uint64_t{1} << 30);
    EXPECT_EQ(layout->table.encryption_mask, 0U);
  }
}

TEST(X86_64, TheRootHadOtherNames) {
  for (const char* name :
       {"SYMBOL(swapper_pg_dir)", "SYMBOL(init_top_pgt)", "SYMBOL(init_level4_pgt)"}) {
    Note note("NUMBER(phys_base)=0\n");
    note.set(name, "ffffffff81c0a000");
    const auto layout = layout_of(note);
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->table.root.value, 0x1c0a000U) << name;
  }
  const auto none = layout_of(Note("NUMBER(phys_base)=0\n"));
  ASSERT_FALSE(none);
  EXPECT_NE(none.message().find("swapper_pg_dir"), std::string::npos);
}

TEST(X86_64, PhysBaseFromTheHeadersWhereTheNoteLacksIt) {
  Note note = smallest();
  note.remove("NUMBER(phys_base)");
  DumpInfo dump;
  dump.virtual_ranges = {{{0xffff888000000000}, {0}, 0x80000000},
                         {{0xffffffff9d200000}, {0x9600000}, 0x1e00000}};
  const auto layout = layout_of(note, dump);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->phys_base, 0x9600000 - (0xffffffff9d200000 - kStartKernelMap));
  EXPECT_FALSE(layout_of(note));
}

TEST(X86_64, ImageSizeIsWithinTheTopTwoGiB) {
  for (const char* value : {"0", "-1", "9223372036854775807", "4294967296", "junk"}) {
    Note note = smallest();
    note.set("NUMBER(KERNEL_IMAGE_SIZE)", value);
    EXPECT_EQ(layout_of(note)->image.at(0).size, std::uint64_t{512} << 20) << value;
  }
}

// The C-bit is one address bit that CPUID 0x8000001f names: 47 or 51 so far. Anything else would
// quietly lead every translation somewhere else.
TEST(X86_64, AnEncryptionMaskThatIsNoCBitIsAnError) {
  for (const char* value : {"140737488355328", "2251799813685248", "0x800000000000"}) {
    Note note = smallest();
    note.set("NUMBER(sme_mask)", value);
    const auto layout = layout_of(note);
    ASSERT_TRUE(layout) << value;
    EXPECT_NE(layout->table.encryption_mask, 0U);
  }
  for (const char* value : {"-1", "1", "4096", "2147483648", "2147483647", "211106232532992"}) {
    Note note = smallest();
    note.set("NUMBER(sme_mask)", value);
    const auto layout = layout_of(note);
    ASSERT_FALSE(layout) << value;
    EXPECT_NE(layout.message().find("sme_mask"), std::string::npos);
  }
}

}  // namespace
}  // namespace vmsift
