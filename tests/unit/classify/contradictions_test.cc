// SPDX-License-Identifier: GPL-2.0-or-later
// Notes and headers that contradict each other: nothing is left out, and both values are named.
// Headers that say nothing do not contradict.
#include "src/classify/contradictions.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::SyntheticKernel;

// Refused, with both values in the only downgrade.
void expect_refused(const SyntheticKernel& kernel, std::string_view one, std::string_view other) {
  const KernelModel model = kernel.model();
  EXPECT_FALSE(model.can_translate());
  EXPECT_FALSE(model.memory_map());
  ASSERT_EQ(model.downgrades().size(), 1U);
  EXPECT_EQ(model.downgrades()[0].rule, "all page classes");
  const std::string reason = model.downgrades()[0].reason;
  EXPECT_NE(reason.find("contradicts the dump's header"), std::string::npos) << reason;
  EXPECT_NE(reason.find(one), std::string::npos) << reason;
  EXPECT_NE(reason.find(other), std::string::npos) << reason;
  const auto classes = test::classify_pages(model, kernel.memory, {0x4000, 0x4100});
  EXPECT_EQ(classes, std::vector<PageClass>(0x100, PageClass::unknown));
}

void expect_believed(const SyntheticKernel& kernel, std::string_view what) {
  const KernelModel model = kernel.model();
  EXPECT_TRUE(model.can_translate()) << what;
  EXPECT_TRUE(model.memory_map()) << what;
}

TEST(Contradictions, PageSizesThatTheMachineHasNot) {
  SyntheticKernel kernel({});
  for (const char* size : {"16384", "65536", "0", "-4096"}) {
    kernel.note.set("PAGESIZE", std::string(size));
    expect_refused(kernel, fmt::format("PAGESIZE={}", size), "x86_64 has pages of 4096 bytes");
  }
  kernel.note.remove("PAGESIZE");
  expect_believed(kernel, "no page size");
}

TEST(Contradictions, PageSizesThatTheDumpHasNot) {
  for (const unsigned word : {4U, 8U}) {
    SyntheticKernel kernel({.made_up_word = word});
    kernel.note.set("PAGESIZE", std::string("16384"));
    expect_refused(kernel, "PAGESIZE=16384", "blocks are of 4096 bytes");
    SyntheticKernel large({.made_up_word = word, .page_shift = 14});
    expect_believed(large, "16 KiB");
    large.note.set("PAGESIZE", std::string("4096"));
    expect_refused(large, "PAGESIZE=4096", "blocks are of 16384 bytes");
  }
}

TEST(Contradictions, AddressesThatAPointerHasNoRoomFor) {
  SyntheticKernel kernel({.made_up_word = 4});
  expect_believed(kernel, "as it is");
  kernel.note.set("SYMBOL(zz_last)", std::string("ffffffff81000000"));
  expect_refused(kernel, "SYMBOL(zz_last)=ffffffff81000000", "addresses of 32 bits");
}

TEST(Contradictions, MemoryThatIsElsewhere) {
  for (const unsigned word : {0U, 4U, 8U}) {
    SyntheticKernel kernel({.made_up_word = word});
    auto& loads = kernel.memory.edit_info().virtual_ranges;
    const PhysAddr at{0x600000};
    loads = {{kernel.direct(at), at, 0x1000}};
    expect_believed(kernel, "where it is");
    loads.push_back({kernel.direct(at) + 0x200000, at, 0x1000});
    expect_refused(kernel, fmt::format("{:#x} is at 0x800000 by the note", loads[1].vaddr.value),
                   "0x600000 by its PT_LOAD");
  }
  // By the note alone, without the tables.
  SyntheticKernel kernel({});
  kernel.memory.edit_info().virtual_ranges = {{kernel.image(kernel.own(0)), kernel.own(1), 0x1000}};
  expect_refused(kernel, fmt::format("{:#x}", kernel.own(0).value),
                 fmt::format("{:#x} by its PT_LOAD", kernel.own(1).value));
}

TEST(Contradictions, AddressesOutOfReach) {
  SyntheticKernel four({.levels = 4});
  auto& loads = four.memory.edit_info().virtual_ranges;
  loads = {{{0xff11000000000000}, {0}, 0x1000}};  // of a kernel with 5 levels
  expect_refused(four, "0xff11000000000000", "0xffff800000000000");
  SyntheticKernel five({.levels = 5});
  five.memory.edit_info().virtual_ranges = loads;
  expect_believed(five, "5 levels reach it");
}

TEST(Contradictions, HeadersThatSayNothing) {
  for (const unsigned word : {0U, 4U, 8U}) {
    SyntheticKernel kernel({.made_up_word = word});
    auto& loads = kernel.memory.edit_info().virtual_ranges;
    loads = {{{0}, {0x600000}, 0x1000},         // QEMU
             {{0x600000}, {0x600000}, 0x1000},  // s390x
             {{0x80600000}, {0x80600000}, 0x1000},
             // Not mapped: kexec of some years took the direct map to be where it had been.
             {word == 4 ? VirtAddr{0xd8000000} : VirtAddr{0xffff880000000000}, {0}, 0x1000}};
    if (word != 4) loads.push_back({{0x7f0000000000}, {0x1000}, 0x1000});  // a process's
    expect_believed(kernel, fmt::format("word {}", word));
  }
}

TEST(Contradictions, OfSegmentsWithoutEndSomeAreLookedAt) {
  SyntheticKernel kernel({});
  auto& loads = kernel.memory.edit_info().virtual_ranges;
  const PhysAddr at{0x600000};
  loads.assign(kMostLoadsChecked, {kernel.direct(at), at, 0x1000});
  loads.push_back({kernel.direct(at), at + 0x1000, 0x1000});
  expect_believed(kernel, "the last one is too many");
  std::swap(loads.front(), loads.back());
  expect_refused(kernel, "0x600000 by the note", "0x601000 by its PT_LOAD");
}

}  // namespace
}  // namespace vmsift
