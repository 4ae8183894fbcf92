// SPDX-License-Identifier: GPL-2.0-or-later
// The reading rules of a VMCOREINFO text: kernel/vmcore_info.c (kernel/crash_core.c before 6.9)
// writes it, vmcoreinfo_append_str() line by line from an 80-byte buffer.
#include "mm-model/vmcoreinfo.h"

#include "tests/unit/support/note.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Note;

TEST(Vmcoreinfo, ReadsEachKindInItsOwnNotation) {
  const Vmcoreinfo note(
      "SYMBOL(vmemmap)=ff9112ca80000000\n"
      "SIZE(page)=64\n"
      "OFFSET(page.flags)=0\n"
      "LENGTH(mem_section)=262144\n"
      "NUMBER(phys_base)=-683671552\n"
      "NUMBER(VMALLOC_START)=0xff58d9cbc0000000\n"
      "CRASHTIME=1700000000\n");
  EXPECT_EQ(note.symbol("vmemmap")->value, 0xff9112ca80000000U);
  EXPECT_EQ(note.size("page"), 64U);
  EXPECT_EQ(note.offset("page.flags"), 0U);
  EXPECT_EQ(note.length("mem_section"), 262144U);
  EXPECT_EQ(note.number("phys_base"), -683671552);
  EXPECT_EQ(static_cast<std::uint64_t>(note.number("VMALLOC_START").value()), 0xff58d9cbc0000000U);
  EXPECT_EQ(note.decimal("CRASHTIME"), 1700000000);
}

TEST(Vmcoreinfo, ASymbolWithoutAnAddressIsAbsent) {
  const Vmcoreinfo note("SYMBOL(a)=0\nSYMBOL(b)=ffffffffffffffff\nSYMBOL(c)=\nSYMBOL(d)=xyz\n");
  for (const char* name : {"a", "b", "c", "d", "e"}) EXPECT_FALSE(note.symbol(name)) << name;
  EXPECT_EQ(note.text("SYMBOL(a)"), "0");  // the raw value is there all the same
}

TEST(Vmcoreinfo, ValuesThatAreNoNumbersAreAbsent) {
  const Vmcoreinfo note(
      "NUMBER(empty)=\nNUMBER(word)=ten\nNUMBER(tail)=10x\nNUMBER(sign)=-\nNUMBER(hex)=0x\n"
      "NUMBER(big)=18446744073709551615\nSIZE(minus)=-1\nSIZE(big)=2147483648\nSIZE(hex)=0x40\n"
      "SIZE(limit)=2147483647\nNUMBER(ones)=0xffffffffffffffff\nSYMBOL(long)=1ffffffffffffffff\n");
  for (const char* name : {"empty", "word", "tail", "sign", "hex", "big"}) {
    EXPECT_FALSE(note.has_number(name)) << name;
  }
  EXPECT_FALSE(note.size("minus"));
  EXPECT_FALSE(note.size("big"));
  EXPECT_FALSE(note.size("hex"));
  EXPECT_FALSE(note.symbol("long"));
  EXPECT_EQ(note.size("limit"), 2147483647U);
  EXPECT_EQ(note.number("ones"), -1);
}

TEST(Vmcoreinfo, TheFirstOfDuplicatesCountsAndTheLastCrashtime) {
  const Vmcoreinfo note("PAGESIZE=4096\nCRASHTIME=1\nPAGESIZE=65536\nCRASHTIME=2\n");
  EXPECT_EQ(note.decimal("PAGESIZE"), 4096);
  EXPECT_EQ(note.decimal("CRASHTIME"), 2);
}

TEST(Vmcoreinfo, UnknownKeysAreKept) {
  const Vmcoreinfo note("KEY_OF_TOMORROW=a=b=c\nFUTURE(x)=1\n");
  EXPECT_EQ(note.text("KEY_OF_TOMORROW"), "a=b=c");
  EXPECT_EQ(note.entries().size(), 2U);
}

TEST(Vmcoreinfo, PaddingAndBlanksDoNotBelongToAValue) {
  const std::string text =
      std::string("PAGESIZE=4096\r\n SIZE(page) = 64 \nCRASHTIME=7") + std::string(9, '\0');
  const Vmcoreinfo note(text);
  EXPECT_EQ(note.decimal("PAGESIZE"), 4096);
  EXPECT_EQ(note.size("page"), 64U);
  EXPECT_EQ(note.decimal("CRASHTIME"), 7);
}

TEST(Vmcoreinfo, GarbageHasNoEntries) {
  EXPECT_TRUE(Vmcoreinfo().empty());
  EXPECT_TRUE(Vmcoreinfo("").empty());
  EXPECT_TRUE(Vmcoreinfo("\n\n=\n=5\n  =\nno equals sign\n").empty());
  EXPECT_TRUE(Vmcoreinfo(std::string(4096, '\0')).empty());
  std::string bytes;
  for (int i = 0; i < 100000; ++i) bytes += static_cast<char>(i * 7919 >> 3);
  const Vmcoreinfo note(bytes);
  EXPECT_FALSE(note.size("page"));
}

// A line of 79 characters or more loses its newline and the next one is glued to it.
class CutLine : public testing::TestWithParam<const char*> {};

TEST_P(CutLine, LosesItselfAndNotTheNextOne) {
  const std::string next = GetParam();
  const std::string name(90, 'n');
  const std::string cut = ("NUMBER(" + name + ")=17\n").substr(0, 79);
  const Vmcoreinfo note("PAGESIZE=4096\n" + cut + next + "\nSIZE(page)=64\n");
  const std::string key = next.substr(0, next.find('='));
  EXPECT_EQ(note.text(key), next.substr(next.find('=') + 1));
  EXPECT_EQ(note.entries().size(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Keys, CutLine,
                         testing::Values("SYMBOL(mem_section)=ff40bed30fa4f000",
                                         "OFFSET(mem_section.section_mem_map)=0",
                                         "NUMBER(phys_base)=-1", "LENGTH(zone.free_area)=11",
                                         "KERNELOFFSET=1c200000", "CONFIG_X86_PAE=y", "BUILD-ID=00",
                                         "IDENTITYBASE=0", "KERNELOFFPHYS=0", "SAMODE31=10000",
                                         "EAMODE31=30000"));

TEST(Vmcoreinfo, TwoCutLinesInARow) {
  const std::string first = ("OSRELEASE=" + std::string(100, 'r')).substr(0, 79);
  const std::string second = ("NUMBER(" + std::string(100, 'n')).substr(0, 79);
  const Vmcoreinfo note(first + second + "SIZE(page)=64\n");
  EXPECT_EQ(note.size("page"), 64U);
  EXPECT_EQ(note.entries().size(), 1U);
}

TEST(Vmcoreinfo, AValueThatWasCutIsNotTakenForAShorterOne) {
  const std::string key = "NUMBER(" + std::string(64, 'n') + ")";  // 72 characters
  const std::string cut = (key + "=1234567\n").substr(0, 79);      // ...=123456
  EXPECT_EQ(cut.back(), '6');
  // Followed by an entry, at the end of the note, and before its padding.
  EXPECT_FALSE(Vmcoreinfo(cut + "SIZE(page)=64\n").text(key));
  EXPECT_FALSE(Vmcoreinfo(cut).text(key));
  EXPECT_FALSE(Vmcoreinfo(cut + std::string(5, '\0')).text(key));
  // One character less fits with its newline.
  EXPECT_TRUE(Vmcoreinfo(key + "=12345\n").text(key));
}

TEST(Vmcoreinfo, TextBeyondTheBoundIsIgnored) {
  std::string text = "PAGESIZE=4096\n";
  text.resize(Vmcoreinfo::kMaxText - 10, '\n');
  text += "SIZE(page)=64\nSIZE(list_head)=16\n";  // the bound lies within "page)=64"
  const Vmcoreinfo note(text);
  EXPECT_EQ(note.decimal("PAGESIZE"), 4096);
  EXPECT_FALSE(note.size("list_head"));
  std::string split = "PAGESIZE=4096\n";
  split.resize(Vmcoreinfo::kMaxText - 12, '\n');
  split += "SIZE(page)=64\n";  // ... and here after the 6 of 64
  EXPECT_FALSE(Vmcoreinfo(split).size("page"));
}

TEST(Vmcoreinfo, TheReleaseIsTwoNumbers) {
  const auto of = [](const std::string& text) { return Vmcoreinfo("OSRELEASE=" + text).release(); };
  EXPECT_EQ(of("6.12.117+deb13-amd64"), (KernelRelease{6, 12}));
  EXPECT_EQ(of("2.6.32"), (KernelRelease{2, 6}));
  EXPECT_EQ(of("7.0-rc1"), (KernelRelease{7, 0}));
  EXPECT_GT(of("6.10"), (KernelRelease{6, 9}));
  for (const char* bad : {"", "6", "6.", ".1", "6,1", "6.x", "six.1", "-6.1", "6.-1",
                          "4294967296.1", "6.4294967296"}) {
    EXPECT_FALSE(of(bad)) << bad;
  }
  EXPECT_FALSE(Vmcoreinfo("PAGESIZE=4096").release());
}

TEST(Vmcoreinfo, ReadsEveryLineOfARealNote) {
  for (const char* name : {"amd64-5.10.0-32-amd64", "amd64-6.1.0-50-amd64",
                           "amd64-6.12.107+deb13-amd64", "amd64-7.3.4+deb13-amd64"}) {
    const Note real = Note::real(name);
    const Vmcoreinfo note(real.text());
    ASSERT_GT(real.lines().size(), 90U);
    for (const auto& [key, value] : real.lines()) EXPECT_EQ(note.text(key), value) << key;
    EXPECT_EQ(note.size("page"), 64U);
    EXPECT_LT(note.number("phys_base"), 0) << "these were taken under KASLR";
  }
}

}  // namespace
}  // namespace vmsift
