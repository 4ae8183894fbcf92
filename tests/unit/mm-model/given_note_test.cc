// SPDX-License-Identifier: GPL-2.0-or-later
// Which key comes from what the user gave, and which from the dump.
#include "mm-model/given_note.h"

#include "tests/unit/support/note.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Note;

constexpr std::uint64_t kImage = 0xffffffff80000000;

Vmcoreinfo merged(std::string_view given, std::string_view own, std::uint64_t image = kImage) {
  return Vmcoreinfo(merge_notes(Vmcoreinfo(given), Vmcoreinfo(own), image));
}

TEST(GivenNote, SymbolsOfAVmlinuxAreMoved) {
  const auto note = merged("SYMBOL(_stext)=ffffffff81000000\n", "KERNELOFFSET=2200000\n");
  EXPECT_EQ(note.symbol("_stext")->value, 0xffffffff83200000);
  EXPECT_EQ(note.text("KERNELOFFSET"), "2200000");
}

TEST(GivenNote, SymbolsOfACopiedNoteAreMovedFromItsBootToThisOne) {
  const std::string_view copy = "SYMBOL(_stext)=ffffffff83200000\nKERNELOFFSET=2200000\n";
  EXPECT_EQ(merged(copy, "KERNELOFFSET=2200000\n").symbol("_stext")->value, 0xffffffff83200000);
  EXPECT_EQ(merged(copy, "KERNELOFFSET=1e00000\n").symbol("_stext")->value, 0xffffffff82e00000);
  EXPECT_EQ(merged(copy, "KERNELOFFSET=1e00000\n").text("KERNELOFFSET"), "1e00000");
  EXPECT_EQ(merged(copy, "").symbol("_stext")->value, 0xffffffff83200000) << "all there is";
}

TEST(GivenNote, WithoutKernelOffsetSymbolsThatBothKnowTellTheDistance) {
  const std::string_view given =
      "SYMBOL(_stext)=ffffffff81000000\nSYMBOL(prb)=ffffffff82000000\n"
      "SYMBOL(init_uts_ns)=ffffffff81800000\n";
  EXPECT_EQ(merged(given, "SYMBOL(_stext)=ffffffff91000000\n").symbol("prb")->value,
            0xffffffff92000000);
  EXPECT_EQ(merged(given, "SYMBOL(init_uts_ns)=ffffffff91800000\n").symbol("prb")->value,
            0xffffffff92000000);
  EXPECT_EQ(merged(given, "PAGESIZE=4096\n").symbol("prb")->value, 0xffffffff82000000);
  EXPECT_EQ(merged(given, "KERNELOFFSET=nonsense\n").symbol("prb")->value, 0xffffffff82000000);
}

// s390x since 6.10: KERNELOFFSET is where the image is, not how far it was moved.
TEST(GivenNote, SymbolsThatBothKnowTellMoreThanKernelOffset) {
  const auto note = merged("SYMBOL(_stext)=3ffe0100000\nSYMBOL(prb)=3ffe2000000\n",
                           "SYMBOL(_stext)=3fffe8f8000\nKERNELOFFSET=3fffe7f8000\n", 0x10000);
  EXPECT_EQ(note.symbol("prb")->value, 0x3ffe2000000U + (0x3fffe8f8000U - 0x3ffe0100000U));
}

TEST(GivenNote, SymbolsOutsideOfTheImageAreTheDumpsOwn) {
  const std::string_view given = "SYMBOL(mem_section)=ff11000012340000\nSYMBOL(x)=12\n";
  const auto note = merged(given,
                           "SYMBOL(mem_section)=ff1e44e49fa50000\nKERNELOFFSET=2200000\n"
                           "SYMBOL(vmemmap)=ff87019ec0000000\n");
  EXPECT_EQ(note.symbol("mem_section")->value, 0xff1e44e49fa50000);
  EXPECT_EQ(note.symbol("vmemmap")->value, 0xff87019ec0000000);
  EXPECT_EQ(note.symbol("x")->value, 0x12U) << "the only value there is";
}

// arm64 has vmemmap and modules above its image.
TEST(GivenNote, SymbolsFarFromTheTextAreTheDumpsOwn) {
  const std::string_view given =
      "SYMBOL(_stext)=ffff800080010000\nSYMBOL(_text)=ffff800080000000\n"
      "SYMBOL(vmemmap)=fffffdffc0000000\nSYMBOL(mem_section)=ffff000007f5ddc0\n";
  const auto note = merged(given,
                           "KERNELOFFSET=1000000\nSYMBOL(vmemmap)=fffffdffbf000000\n"
                           "SYMBOL(mem_section)=ffff00000ff5ddc0\n",
                           0xffff000000000000);
  EXPECT_EQ(note.symbol("_stext")->value, 0xffff800081010000);
  EXPECT_EQ(note.symbol("_text")->value, 0xffff800081000000);
  EXPECT_EQ(note.symbol("vmemmap")->value, 0xfffffdffbf000000);
  EXPECT_EQ(note.symbol("mem_section")->value, 0xffff00000ff5ddc0);
}

TEST(GivenNote, NoAddressStaysNone) {
  const auto note = merged("SYMBOL(a)=ffffffffffffffff\nSYMBOL(b)=0\nSYMBOL(c)=zz\n",
                           "KERNELOFFSET=2200000\nSYMBOL(c)=ffffffff81000000\n");
  EXPECT_FALSE(note.symbol("a"));
  EXPECT_FALSE(note.symbol("b"));
  EXPECT_EQ(note.symbol("c")->value, 0xffffffff81000000);
}

TEST(GivenNote, NothingIsMovedWhereTheImageIsNotKnown) {
  const auto note = merged("SYMBOL(_stext)=c000000000000000\n", "KERNELOFFSET=2200000\n", 0);
  EXPECT_EQ(note.symbol("_stext")->value, 0xc000000000000000);
}

// ppc64 has the image and what a boot allocates in one mapping.
TEST(GivenNote, WhatABootAllocatesIsTheDumpsOwnWhereverTheImageIs) {
  const std::string_view given = "SYMBOL(mem_section)=c00000001fefab00\nSYMBOL(vmemmap)=1\n";
  const auto note =
      merged(given, "SYMBOL(mem_section)=c00000002ff5ab00\nSYMBOL(vmemmap)=c00c000000000000\n", 0);
  EXPECT_EQ(note.symbol("mem_section")->value, 0xc00000002ff5ab00);
  EXPECT_EQ(note.symbol("vmemmap")->value, 0xc00c000000000000);
  EXPECT_EQ(merged(given, "", 0).symbol("mem_section")->value, 0xc00000001fefab00);
}

// x86_64 has the pointer in its image.
TEST(GivenNote, WhatTheDumpDoesNotHaveMovesWithTheImage) {
  const auto note =
      merged("SYMBOL(mem_section)=ffffffff82c00000\n", "KERNELOFFSET=2200000\nSYMBOL(x)=1\n");
  EXPECT_EQ(note.symbol("mem_section")->value, 0xffffffff84e00000);
}

TEST(GivenNote, LayoutIsTheGivenOne) {
  const auto note = merged("SIZE(page)=64\nOFFSET(page.lru)=8\nNUMBER(PG_lru)=4\nOSRELEASE=6.1\n",
                           "SIZE(page)=56\nOFFSET(page.lru)=16\nNUMBER(PG_lru)=5\nOSRELEASE=6.2\n");
  EXPECT_EQ(note.size("page"), 64U);
  EXPECT_EQ(note.offset("page.lru"), 8U);
  EXPECT_EQ(note.number("PG_lru"), 4);
  EXPECT_EQ(note.text("OSRELEASE"), "6.1");
}

TEST(GivenNote, WhatABootDecidesIsTheDumps) {
  const std::string_view given =
      "NUMBER(phys_base)=1\nNUMBER(sme_mask)=1\nCRASHTIME=1\nNUMBER(pgtable_l5_enabled)=1\n"
      "NUMBER(MAX_PHYSMEM_BITS)=1\nLENGTH(mem_section)=1\nKERNELOFFSET=1\n";
  const auto note = merged(given,
                           "NUMBER(phys_base)=2\nNUMBER(sme_mask)=2\nCRASHTIME=2\n"
                           "NUMBER(pgtable_l5_enabled)=2\nNUMBER(MAX_PHYSMEM_BITS)=2\n"
                           "LENGTH(mem_section)=2\nKERNELOFFSET=2\n");
  for (const auto& [key, value] : note.entries()) EXPECT_EQ(value, "2") << key;
  const auto alone = merged(given, "");
  for (const auto& [key, value] : alone.entries()) EXPECT_EQ(value, "1") << key;
}

TEST(GivenNote, WhatOnlyOneHasIsTaken) {
  const auto note = merged("SIZE(page)=64\nLINUX_BANNER=Linux version 6.1\n", "SIZE(zone)=1536\n");
  EXPECT_EQ(note.size("page"), 64U);
  EXPECT_EQ(note.size("zone"), 1536U);
  EXPECT_FALSE(note.text("LINUX_BANNER")) << "no line of a note";
}

TEST(GivenNote, ARealNoteOverItselfChangesNothing) {
  for (const char* name : {"amd64-5.10.0-32-amd64", "amd64-6.1.0-50-amd64",
                           "amd64-6.12.107+deb13-amd64", "amd64-7.3.4+deb13-amd64"}) {
    const Vmcoreinfo real(Note::real(name).text());
    EXPECT_EQ(Vmcoreinfo(merge_notes(real, real, kImage)).entries(), real.entries()) << name;
  }
}

TEST(GivenNote, ReleasesAreCompared) {
  const auto compare = [](const char* given, const char* own) {
    return compare_notes(Vmcoreinfo(given), Vmcoreinfo(own));
  };
  EXPECT_EQ(compare("OSRELEASE=6.1\n", "OSRELEASE=6.1\n"), NoteMatch::same);
  EXPECT_EQ(compare("OSRELEASE=6.1\n", "OSRELEASE=6.2\n"), NoteMatch::other_release);
  EXPECT_EQ(compare("OSRELEASE=6.1\n", ""), NoteMatch::same);
  EXPECT_EQ(compare("", "OSRELEASE=6.1\n"), NoteMatch::same);
}

TEST(GivenNote, BuildIdsAreComparedWhereTheyAreSome) {
  const std::string a(40, 'a');
  const std::string b(40, 'b');
  const auto compare = [](const std::string& given, const std::string& own) {
    return compare_notes(Vmcoreinfo("OSRELEASE=6.1\nBUILD-ID=" + given + "\n"),
                         Vmcoreinfo("OSRELEASE=6.1\nBUILD-ID=" + own + "\n"));
  };
  EXPECT_EQ(compare(a, a), NoteMatch::same);
  EXPECT_EQ(compare(a, b), NoteMatch::other_build);
  for (const std::string& odd :
       {a.substr(1), a + "a", std::string(40, 'x'), std::string(), std::string("(null)")}) {
    EXPECT_EQ(compare(a, odd), NoteMatch::same) << odd;
    EXPECT_EQ(compare(odd, b), NoteMatch::same) << odd;
  }
}

}  // namespace
}  // namespace vmsift
