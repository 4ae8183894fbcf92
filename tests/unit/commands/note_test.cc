// SPDX-License-Identifier: GPL-2.0-or-later
// Which note a dump is read with, and when one that was given is not of this dump.
#include "src/commands/note.h"

#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_memory.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::SyntheticMemory;

const Log kQuiet(0, stdout);
const std::string kBuildA(40, 'a');
const std::string kBuildB(40, 'b');

struct Dump : SyntheticMemory {
  explicit Dump(std::string note = {}) : SyntheticMemory(64) {
    add({0, 64});
    edit_info().path = "core";
    edit_info().machine = EM_X86_64;
    edit_info().vmcoreinfo = std::move(note);
  }
};

ChosenNote choose(Dump& dump, const std::string& given) {
  return choose_note({given, "vmlinux"}, dump, kQuiet);
}

TEST(ChooseNote, NothingGivenIsTheDumpsOwn) {
  Dump dump("OSRELEASE=6.1.0\n");
  const auto chosen = choose_note({}, dump, kQuiet);
  EXPECT_EQ(chosen.text, "OSRELEASE=6.1.0\n");
  EXPECT_TRUE(chosen.mismatch.empty());
}

TEST(ChooseNote, BothAreMerged) {
  Dump dump("OSRELEASE=6.1.0\nKERNELOFFSET=2200000\nNUMBER(phys_base)=77\n");
  const Vmcoreinfo note(choose(dump, "OSRELEASE=6.1.0\nSYMBOL(x)=ffffffff81000000\n").text);
  EXPECT_EQ(note.symbol("x")->value, 0xffffffff83200000);
  EXPECT_EQ(note.number("phys_base"), 77);
}

TEST(ChooseNote, AMachineThatIsNotKnownIsNotMoved) {
  Dump dump("OSRELEASE=6.1.0\nKERNELOFFSET=2200000\n");
  dump.edit_info().machine = 0xffff;
  const Vmcoreinfo note(choose(dump, "OSRELEASE=6.1.0\nSYMBOL(x)=ffffffff81000000\n").text);
  EXPECT_EQ(note.symbol("x")->value, 0xffffffff81000000);
}

TEST(ChooseNote, AnotherReleaseIsAMismatchThatNamesBoth) {
  Dump dump("OSRELEASE=6.1.0\n");
  const auto chosen = choose(dump, "OSRELEASE=6.1.1\n");
  EXPECT_EQ(chosen.mismatch, "vmlinux is of kernel 6.1.1, core of 6.1.0");
  EXPECT_FALSE(chosen.doubted_build);
}

TEST(ChooseNote, AnotherBuildIsInDoubt) {
  Dump dump("OSRELEASE=6.1.0\nBUILD-ID=" + kBuildA + "\n");
  const auto chosen = choose(dump, "OSRELEASE=6.1.0\nBUILD-ID=" + kBuildB + "\n");
  EXPECT_EQ(chosen.mismatch, "vmlinux is of kernel build " + kBuildB + ", core of " + kBuildA);
  EXPECT_TRUE(chosen.doubted_build);
}

TEST(ChooseNote, TheHeaderOfAKdumpNamesARelease) {
  Dump dump;
  dump.edit_info().utsname[2] = "6.1.0";
  const std::string saved = "NUMBER(phys_base)=0\nOSRELEASE=6.1.";
  EXPECT_EQ(choose(dump, saved + "1\n").mismatch, "vmlinux is of kernel 6.1.1, core of 6.1.0");
  EXPECT_TRUE(choose(dump, saved + "0\n").mismatch.empty());
  dump.edit_info().vmcoreinfo = "OSRELEASE=6.1.1\n";
  EXPECT_TRUE(choose(dump, saved + "1\n").mismatch.empty()) << "the note knows better";
}

TEST(ChooseNote, AKernelThatIsNotInMemoryIsAMismatch) {
  Dump dump;
  const std::string given =
      "OSRELEASE=6.1.0\nSYMBOL(swapper_pg_dir)=ffffffff82a10000\n"
      "SYMBOL(init_uts_ns)=ffffffff82bfb100\n";
  EXPECT_EQ(choose(dump, given).mismatch,
            "vmlinux is of kernel 6.1.0, which is not in the memory of core");
  std::uint64_t at = 0x5000;
  for (const char c : std::string("Linux version 5.10.0 (me@here)")) {
    dump.put<std::uint8_t>({at++}, static_cast<std::uint8_t>(c));
  }
  EXPECT_EQ(choose(dump, given).mismatch,
            "vmlinux is of kernel 6.1.0, which is not in the memory of core: that names 5.10.0");
}

TEST(ChooseNote, ATextOfThisBootNeedsNoSearch) {
  Dump dump;
  const std::string copy = "OSRELEASE=6.1.0\nNUMBER(phys_base)=0\n";
  const auto chosen = choose(dump, copy);
  EXPECT_EQ(chosen.text, copy) << "to the letter";
  EXPECT_TRUE(chosen.mismatch.empty());
}

TEST(ChooseNote, WithoutAnythingToFindTheKernelByTheTextIsTakenAsItIs) {
  Dump dump;
  const auto chosen = choose(dump, "OSRELEASE=6.1.0\n");
  EXPECT_EQ(chosen.text, "OSRELEASE=6.1.0\n");
  EXPECT_TRUE(chosen.mismatch.empty());
}

// The note of some kernels has a wrong build id, their memory the right one.
TEST(ConfirmBuild, TheKernelsOwnNotesDecide) {
  test::SyntheticKernel kernel({});
  const auto base =
      static_cast<std::uint64_t>(Vmcoreinfo(kernel.note.text()).number("phys_base").value_or(0));
  constexpr std::uint64_t kPlace = 1 << 20;
  kernel.note.set_hex("SYMBOL(__start_notes)", 0xffffffff80000000 + kPlace - base);
  const GivenNote given{"BUILD-ID=" + kBuildA + "\n", "vmlinux"};
  EXPECT_FALSE(confirm_build_in_memory(given, kernel.model(), kernel.memory));
  for (std::uint64_t i = 0; i < 20; ++i) {
    kernel.memory.put<std::uint8_t>({kPlace + 500 + i}, 0xaa);
  }
  EXPECT_TRUE(confirm_build_in_memory(given, kernel.model(), kernel.memory));
  EXPECT_FALSE(confirm_build_in_memory({"BUILD-ID=" + kBuildB + "\n", "vmlinux"}, kernel.model(),
                                       kernel.memory));
  kernel.note.remove("SYMBOL(__start_notes)");
  EXPECT_FALSE(confirm_build_in_memory(given, kernel.model(), kernel.memory));
}

}  // namespace
}  // namespace vmsift
