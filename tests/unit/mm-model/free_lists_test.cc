// SPDX-License-Identifier: GPL-2.0-or-later
// Free lists as kernels leave them, and as nobody should believe them.
#include "mm-model/free_lists.h"

#include "tests/unit/support/synthetic_zones.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace vmsift {
namespace {

using test::Encoding;
using test::Era;
using test::KernelShape;
using test::SyntheticKernel;
using Layout = test::SyntheticZones;

constexpr PfnRange kAll{0, ~Pfn{0}};

struct FreeListsTest : testing::Test {
  explicit FreeListsTest(const KernelShape& shape = {}) : kernel(shape), zones(kernel) {}

  // The pages of all blocks that a walk finds, in order.
  std::vector<Pfn> walk() {
    const KernelModel model = kernel.model();
    EXPECT_TRUE(model.free_lists()) << model.no_zones();
    std::vector<Pfn> pages;
    if (!model.free_lists()) return pages;
    AddressSpace memory(model.addresses(), kernel.memory);
    totals = model.free_lists()->walk(kAll, *model.memory_map(), memory, [&](PfnRange block) {
      for (Pfn pfn = block.begin; pfn < block.end; ++pfn) pages.push_back(pfn);
    });
    EXPECT_EQ(totals.pages, pages.size());
    std::sort(pages.begin(), pages.end());
    return pages;
  }
  std::vector<Pfn> expected() const {
    std::vector<Pfn> pages;
    for (Pfn pfn = 0; pfn < kernel.expected.size(); ++pfn) {
      if (kernel.expected[pfn] == PageClass::free) pages.push_back(pfn);
    }
    return pages;
  }
  std::string why_not() const {
    const KernelModel model = kernel.model();
    const auto lists = FreeLists::detect(model.note(), model.pages(), *model.zones(), 0x10000, 8);
    return lists ? "" : lists.message();
  }

  SyntheticKernel kernel;
  Layout zones;
  FreeListTotals totals;
};

class EveryModel : public testing::TestWithParam<KernelShape> {};

TEST_P(EveryModel, EveryBlockOfEveryOrderAndType) {
  SyntheticKernel kernel(GetParam());
  Layout zones(kernel);
  Pfn at = 0x8000 - 0x2000;
  for (unsigned order = 0; order < Layout::kOrders; ++order) {
    for (unsigned i = 0; i < 4; ++i) {
      at = align_up(at, Pfn{1} << order);
      zones.add(at, order, i % Layout::kTypes, false);
      // Without VMEMMAP the section's number stands in the top bits of page.flags, 25 here.
      if (!GetParam().vmemmap && at >= SyntheticKernel::kSection) kernel.set_flag(at, 64 - 25);
      at += Pfn{2} << order;
    }
  }
  const KernelModel model = kernel.model();
  ASSERT_TRUE(model.free_lists());
  AddressSpace memory(model.addresses(), kernel.memory);
  std::vector<PageClass> found(kernel.expected.size(), PageClass::kernel);
  const auto totals =
      model.free_lists()->walk(kAll, *model.memory_map(), memory, [&](PfnRange block) {
        std::fill_n(found.begin() + static_cast<std::ptrdiff_t>(block.begin), block.size(),
                    PageClass::free);
      });
  EXPECT_TRUE(found == kernel.expected);
  EXPECT_EQ(totals.lists, Layout::kOrders * Layout::kTypes);
  EXPECT_EQ(totals.torn_lists, 0U);
  EXPECT_EQ(totals.blocks, 4 * Layout::kOrders);
  EXPECT_EQ(totals.pages, 4 * 2047U);
  EXPECT_EQ(totals.counted, 4 * 2047U);
}

INSTANTIATE_TEST_SUITE_P(Shapes, EveryModel,
                         testing::Values(KernelShape{.era = Era::v5_10, .levels = 4},
                                         KernelShape{.era = Era::v6_1, .vmemmap = false},
                                         KernelShape{.era = Era::v6_12},
                                         KernelShape{.era = Era::v6_12, .order = ByteOrder::big},
                                         KernelShape{.era = Era::v7_1}));

// Each of these breaks the list of order 2 at its second element. The first one and the other lists
// are not touched by it.
struct Break {
  const char* name;
  std::function<void(SyntheticKernel&, Layout&)> doing;
};

constexpr Pfn kFirst = 0x5000, kSecond = 0x5010, kThird = 0x5020, kOther = 0x6000;

class Torn : public testing::TestWithParam<Break> {};

TEST_P(Torn, CostsTheRestOfThatListAlone) {
  SyntheticKernel kernel({.era = Era::v6_1});
  Layout zones(kernel);
  for (const Pfn pfn : {kFirst, kSecond, kThird}) zones.add(pfn, 2, 0, false);
  zones.add(kOther, 2, 1, false);
  zones.add(kOther + 0x100, 5, 0, false);
  GetParam().doing(kernel, zones);
  const KernelModel model = kernel.model();
  ASSERT_TRUE(model.free_lists());
  AddressSpace memory(model.addresses(), kernel.memory);
  std::vector<Pfn> heads;
  const auto totals = model.free_lists()->walk(
      kAll, *model.memory_map(), memory, [&](PfnRange block) { heads.push_back(block.begin); });
  EXPECT_EQ(heads, (std::vector<Pfn>{kFirst, kOther, kOther + 0x100}));
  EXPECT_EQ(totals.torn_lists, 1U);
  EXPECT_EQ(totals.pages, 4U + 4 + 32);
}

INSTANTIATE_TEST_SUITE_P(
    Breaks, Torn,
    testing::Values(
        Break{"back_link", [](auto&, auto& z) { z.put_word(z.lru(kSecond) + 8, 0x1234); }},
        Break{"back_link_to_the_head",
              [](auto&, auto& z) { z.put_word(z.lru(kSecond) + 8, z.head(1, 2, 0).value); }},
        Break{"leads_nowhere", [](auto&, auto& z) { z.put_word(z.lru(kFirst), 0x1234567890); }},
        Break{"null", [](auto&, auto& z) { z.put_word(z.lru(kFirst), 0); }},
        Break{"itself", [](auto&, auto& z) { z.put_word(z.lru(kFirst), z.lru(kFirst).value); }},
        Break{"poison", [](auto&, auto& z) { z.put_word(z.lru(kFirst), 0xdead000000000100); }},
        Break{"within_a_struct_page",
              [](auto&, auto& z) { z.link(z.lru(kFirst), z.lru(kSecond) + 16); }},
        Break{"another_list",
              [](auto&, auto& z) { z.put_word(z.lru(kFirst), z.lru(kOther).value); }},
        Break{"another_head",
              [](auto&, auto& z) { z.put_word(z.lru(kFirst), z.head(1, 3, 1).value); }},
        Break{"not_aligned", [](auto&, auto& z) { z.link(z.lru(kFirst), z.lru(kSecond + 2)); }},
        Break{"in_use",
              [](auto& k, auto&) { k.template put<std::uint32_t>(kSecond, Layout::kCount, 1); }},
        Break{
            "second_half_in_use",
            [](auto& k, auto&) { k.template put<std::uint32_t>(kSecond + 2, Layout::kCount, 1); }},
        Break{"slab", [](auto& k, auto&) { k.set_flag(kSecond, 9); }},
        Break{"second_half_is_slab", [](auto& k, auto&) { k.set_flag(kSecond + 2, 9); }},
        Break{"beyond_the_node",
              [](auto&, auto& z) {
                z.template put<std::uint64_t>(Layout::kNodeSpanned, 0x6124);
                z.template put<std::uint64_t>(Layout::zone(1) + Layout::kSpanned, 0x6124);
                z.link(z.lru(kFirst), z.lru(0x7000));
                z.link(z.lru(0x7000), z.head(1, 2, 0));
              }}),
    [](const auto& p) { return std::string(p.param.name); });

TEST_F(FreeListsTest, ACycleEndsWhateverItsBackLinksSay) {
  for (const Pfn pfn : {kFirst, kSecond, kThird}) zones.add(pfn, 2, 0, false);
  zones.link(zones.lru(kThird), zones.lru(kFirst));  // never back to the head
  EXPECT_EQ(walk().size(), 0U) << "the first element's back link is the third now";
  zones.put_word(zones.lru(kFirst) + 8, Layout::head(1, 2, 0).value);
  EXPECT_EQ(walk().size(), 12U);
  EXPECT_EQ(totals.torn_lists, 1U);
}

TEST_F(FreeListsTest, AZoneHasNoMoreFreePagesThanPages) {
  zones.add(0x4000, 10, 0, false);
  zones.add(0x4400, 10, 0, false);
  zones.add(0x4800, 0, 1, false);
  kernel.note.remove("OFFSET(pglist_data.node_spanned_pages)");
  zones.put<std::uint64_t>(Layout::zone(1) + Layout::kSpanned, 1500);
  EXPECT_EQ(walk().size(), 1025U);
  EXPECT_EQ(totals.torn_lists, 1U);
}

TEST_F(FreeListsTest, AHeadThatCannotBeReadIsAListThatIsTorn) {
  zones.add(kFirst, 2, 0, false);
  zones.put_word(Layout::head(1, 3, 1), ~std::uint64_t{0});
  zones.put_word(Layout::head(1, 0, 0), 0);
  EXPECT_EQ(walk(), expected());
  EXPECT_EQ(totals.torn_lists, 2U);
}

TEST_F(FreeListsTest, ACountThatCannotBeIsNotAddedUp) {
  zones.add(kFirst, 2, 0, false);
  zones.put<std::uint64_t>(Layout::area(1, 5) + Layout::kTypes * 16, ~std::uint64_t{0});
  walk();
  EXPECT_EQ(totals.counted, 4U);
}

TEST_F(FreeListsTest, WhatIsMissingIsNamed) {
  for (const char* key : {"OFFSET(zone.free_area)", "SIZE(free_area)",
                          "OFFSET(free_area.free_list)", "SIZE(list_head)",
                          "OFFSET(list_head.next)", "OFFSET(list_head.prev)", "OFFSET(page.lru)"}) {
    const auto whole = kernel.note;
    kernel.note.remove(key);
    EXPECT_EQ(why_not(), std::string(key) + " is missing");
    EXPECT_FALSE(kernel.model().free_lists());
    kernel.note = whole;
  }
  kernel.note.remove("OFFSET(page._refcount)");
  EXPECT_EQ(why_not(), "OFFSET(page._count) is missing");
  kernel.note.set("OFFSET(page._count)", Layout::kCount);
  EXPECT_EQ(why_not(), "");
}

TEST_F(FreeListsTest, WhatContradictsItselfIsNamed) {
  const std::pair<const char*, const char*> contradictions[] = {
      {"SIZE(list_head)", "8"},
      {"OFFSET(list_head.next)", "8"},
      {"OFFSET(page.lru)", "56"},
      {"OFFSET(page.lru)", "4"},
      {"LENGTH(free_area.free_list)", "3"},
      {"LENGTH(free_area.free_list)", "0"},
      {"LENGTH(free_area.free_list)", "17"},
      {"LENGTH(zone.free_area)", "0"},
      {"LENGTH(zone.free_area)", "33"},
      {"LENGTH(zone.free_area)", "13"},
      {"OFFSET(zone.free_area)", "2147483640"},
      {"OFFSET(page._refcount)", "61"}};
  for (const auto& [key, value] : contradictions) {
    const auto whole = kernel.note;
    kernel.note.set(key, value);
    EXPECT_NE(why_not(), "") << key << "=" << value;
    kernel.note = whole;
  }
}

// Before 2.6.24 an order had one list.
TEST_F(FreeListsTest, OneListAnOrder) {
  kernel.note.remove("LENGTH(free_area.free_list)");
  zones.add(kFirst, 4, 0, false);
  EXPECT_EQ(walk(), expected());
  EXPECT_EQ(totals.lists, Layout::kOrders);
}

}  // namespace
}  // namespace vmsift
