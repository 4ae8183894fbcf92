// SPDX-License-Identifier: GPL-2.0-or-later
// Windows classified by free lists, in place of marks that are not known.
#include "src/classify/free_list_pages.h"

#include "src/classify/classify_dump.h"
#include "tests/unit/support/synthetic_zones.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vmsift {
namespace {

using test::Era;
using test::Kind;
using test::SyntheticKernel;
using Layout = test::SyntheticZones;

struct FreeListPagesTest : testing::Test {
  FreeListPagesTest() : kernel({.era = Era::v6_1}), zones(kernel) {
    kernel.note.remove("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)");
  }

  // By windows, with what level 31 drops.
  std::vector<PageClass> classify(unsigned threads = 1) {
    const KernelModel model = kernel.model();
    std::vector<PageClass> classes;
    auto done =
        classify_dump(kernel.memory, model, dropped_classes(kMaxLevel), threads,
                      [&](const WindowResult& window) -> Result<void> {
                        classes.insert(classes.end(), window.classes.begin(), window.classes.end());
                        return {};
                      });
    EXPECT_TRUE(done);
    if (done) totals = *done;
    return classes;
  }

  SyntheticKernel kernel;
  Layout zones;
  ClassifyTotals totals;
};

TEST_F(FreeListPagesTest, PagesOnListsAreFree) {
  zones.add(0x5000, 0, 0, false);
  zones.add(0x7c00, 10, 1, false);
  zones.add(0x9000, 5, 0, false);
  kernel.anon(0x5001);
  kernel.file(0x9020, false);
  EXPECT_TRUE(classify() == kernel.expected);
  EXPECT_TRUE(classify(4) == kernel.expected);
  EXPECT_EQ(totals.counts[static_cast<std::size_t>(PageClass::free)], 1U + 1024 + 32);
}

TEST_F(FreeListPagesTest, TheRuleIsOnAndSaysByWhat) {
  const KernelModel model = kernel.model();
  EXPECT_NE(model.free_list_pages(), nullptr);
  EXPECT_TRUE(model.tells(PageClass::free));
  for (const RuleStatus& rule : model.rules().rules()) {
    if (rule.filter->page_class != PageClass::free) continue;
    EXPECT_EQ(rule.off, "");
    EXPECT_EQ(rule.evidence, "free lists of 1 zones");
  }
  for (const Downgrade& d : model.downgrades()) EXPECT_NE(d.rule, "free pages") << d.reason;
}

TEST_F(FreeListPagesTest, WithoutListsBothReasonsAreNamed) {
  kernel.note.remove("SIZE(free_area)");
  const KernelModel model = kernel.model();
  EXPECT_FALSE(model.tells(PageClass::free));
  const auto downgrades = model.downgrades();
  ASSERT_EQ(downgrades.size(), 1U);
  EXPECT_EQ(downgrades[0].rule, "free pages");
  EXPECT_EQ(downgrades[0].reason,
            "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE) is missing, and for free lists: SIZE(free_area) is "
            "missing");
}

// A list cannot be right about these, whoever put the block there.
TEST_F(FreeListPagesTest, PagesThatCannotBeFreeAreNot) {
  zones.add(0x6000, 4, 0, false);
  kernel.poison(0x6001);
  kernel.slab(0x6002, 0);
  kernel.offline(0x6003);
  kernel.hugetlb(0x6004, 1);
  EXPECT_TRUE(classify() == kernel.expected);
  EXPECT_EQ(kernel.expected[0x6004], PageClass::hugetlb);
}

TEST_F(FreeListPagesTest, WhatTheDumpDoesNotHoldStaysAbsent) {
  zones.add(0x5000, 4, 0, false);
  kernel.memory.clear_ranges();
  kernel.memory.add({0, 0x5000});
  kernel.memory.add_absent({0x5000, 0x5008});
  kernel.memory.add({0x5010, 0x10000});
  classify();
  EXPECT_EQ(totals.counts[static_cast<std::size_t>(PageClass::absent)], 8U);
  EXPECT_EQ(totals.absent_counts[static_cast<std::size_t>(PageClass::free)], 8U);
  EXPECT_EQ(totals.counts[static_cast<std::size_t>(PageClass::free)], 0U);
}

// Blocks of a stride are found by one walk, and the strides by who needs them.
TEST_F(FreeListPagesTest, AStrideIsWalkedForOnce) {
  zones.add(0x5000, 4, 0, false);
  const KernelModel model = kernel.model();
  AddressSpace memory(model.addresses(), kernel.memory);
  FreeListPages pages(*model.free_lists(), FreeListPages::kStridePages);
  const auto first = pages.stride_of(0x123, *model.memory_map(), memory);
  EXPECT_EQ(first->pages, (PfnRange{0, FreeListPages::kStridePages}));
  EXPECT_EQ(first->free.size(), FreeListPages::kStridePages / 8);
  EXPECT_EQ(first->free[0x5000 / 8], std::byte{0xff});
  EXPECT_EQ(pages.stride_of(0x9000, *model.memory_map(), memory), first);
  const auto second = pages.stride_of(FreeListPages::kStridePages, *model.memory_map(), memory);
  EXPECT_EQ(second->pages.begin, FreeListPages::kStridePages);
  EXPECT_EQ(std::count(second->free.begin(), second->free.end(), std::byte{0}),
            static_cast<std::ptrdiff_t>(second->free.size()));
  EXPECT_EQ(pages.stride_of(0, *model.memory_map(), memory), first) << "two are remembered";
}

// With less memory for each walk there are more walks, and the same pages are free.
TEST_F(FreeListPagesTest, SmallerStridesFindTheSame) {
  zones.add(0x5000, 4, 0, false);
  zones.add(0xc000, 6, 0, false);
  KernelModel model = kernel.model();
  AddressSpace memory(model.addresses(), kernel.memory);
  FreeListPages pages(*model.free_lists(), 0x8000);
  const auto first = pages.stride_of(0x7fff, *model.memory_map(), memory);
  const auto second = pages.stride_of(0x8000, *model.memory_map(), memory);
  EXPECT_EQ(first->pages, (PfnRange{0, 0x8000}));
  EXPECT_EQ(second->pages, (PfnRange{0x8000, 0x10000}));
  EXPECT_EQ(second->free.size(), 0x8000U / 8);
  EXPECT_EQ(first->free[0x5000 / 8], std::byte{0xff});
  EXPECT_EQ(second->free[(0xc000 - 0x8000) / 8], std::byte{0xff});
}

// No walk is for more page frames than there are.
TEST_F(FreeListPagesTest, TheStrideFitsTheMachine) {
  KernelModel model = kernel.model();
  EXPECT_EQ(model.free_list_stride(), FreeListPages::kLeastStridePages);
  model.use_free_lists();
  model.set_free_list_stride(0x8000);
  ASSERT_NE(model.free_list_pages(), nullptr);
  AddressSpace memory(model.addresses(), kernel.memory);
  EXPECT_EQ(model.free_list_pages()->stride_of(0, *model.memory_map(), memory)->pages.end, 0x8000U);
}

}  // namespace
}  // namespace vmsift
