// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/zones.h"

#include "tests/unit/support/synthetic_zones.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::KernelShape;
using test::SyntheticKernel;
using Layout = test::SyntheticZones;

struct ZonesTest : testing::TestWithParam<ByteOrder> {
  ZonesTest() : kernel({.order = GetParam()}), zones(kernel) {}

  Result<Zones> detect() {
    const KernelModel model = kernel.model();
    AddressSpace memory(model.addresses(), kernel.memory);
    const Vmcoreinfo note(kernel.note.text());
    auto nodes = Nodes::detect(note, memory);
    if (!nodes) return nodes.take_error();
    return Zones::detect(note, *nodes, memory);
  }
  std::string why_not() {
    const auto found = detect();
    return found ? "" : found.message();
  }
  std::string why_not_counted() {
    const auto found = detect();
    EXPECT_TRUE(found) << found.message();
    if (!found) return {};
    EXPECT_EQ(found->free_pages().has_value(), found->no_free_pages().empty());
    return found->no_free_pages();
  }

  SyntheticKernel kernel;
  Layout zones;
};

TEST_P(ZonesTest, ThoseWithPagesAndWhatTheyCount) {
  zones.add(0x5000, 3);
  zones.add(0x5010, 0, 1);
  const auto found = detect();
  ASSERT_TRUE(found) << found.message();
  ASSERT_EQ(found->all().size(), 1U) << "the first zone is empty";
  const Zone& zone = found->all()[0];
  EXPECT_EQ(zone.index, 1U);
  EXPECT_EQ(zone.at, Layout::kAddress + Layout::kZoneSize);
  EXPECT_EQ(zone.spanned_pages, kernel.memory.info().max_pfn);
  EXPECT_EQ(zone.pages, (PfnRange{0, kernel.memory.info().max_pfn}));
  EXPECT_EQ(found->free_pages(), 9U);
}

TEST_P(ZonesTest, ZonesMayCountTogether) {
  zones.put<std::uint64_t>(Layout::zone(0) + Layout::kSpanned, 16);
  zones.put<std::uint64_t>(Layout::zone(0) + Layout::kVmStat + 8 * Layout::kFreeItem, 7);
  zones.set_counter(100);
  const auto found = detect();
  ASSERT_TRUE(found) << found.message();
  EXPECT_EQ(found->all().size(), 2U);
  EXPECT_EQ(found->free_pages(), 107U);
}

// CPUs took pages and did not say so yet.
TEST_P(ZonesTest, ACountSlightlyBelowZeroIsZero) {
  zones.set_counter(static_cast<std::uint64_t>(-200));
  const auto found = detect();
  ASSERT_TRUE(found) << found.message();
  EXPECT_EQ(found->free_pages(), 0U);
}

TEST_P(ZonesTest, AStartOfItsOwnIsUsed) {
  kernel.note.set("OFFSET(zone.zone_start_pfn)", 8);
  zones.put<std::uint64_t>(Layout::zone(1) + 8, 0x1000);
  zones.put<std::uint64_t>(Layout::zone(1) + Layout::kSpanned, 0x2000);
  const auto found = detect();
  ASSERT_TRUE(found) << found.message();
  EXPECT_EQ(found->all()[0].pages, (PfnRange{0x1000, 0x3000}));
}

TEST_P(ZonesTest, WhatIsMissingIsNamed) {
  for (const char* key : {"OFFSET(pglist_data.node_zones)", "OFFSET(pglist_data.nr_zones)",
                          "SIZE(zone)", "OFFSET(zone.spanned_pages)"}) {
    const auto whole = kernel.note;
    kernel.note.remove(key);
    EXPECT_EQ(why_not(), std::string(key) + " is missing");
    kernel.note = whole;
  }
  for (const char* key : {"OFFSET(zone.vm_stat)", "NUMBER(NR_FREE_PAGES)"}) {
    const auto whole = kernel.note;
    kernel.note.remove(key);
    EXPECT_EQ(why_not_counted(), std::string(key) + " is missing");
    kernel.note = whole;
  }
}

TEST_P(ZonesTest, WhatCannotBeIsNoZone) {
  zones.put<std::uint32_t>(Layout::kNrZones, 17);
  EXPECT_EQ(why_not(), "node 0 cannot have 17 zones");
  zones.put<std::uint32_t>(Layout::kNrZones, 0xffffffff);
  EXPECT_EQ(why_not(), "node 0 cannot have 4294967295 zones");
  zones.put<std::uint32_t>(Layout::kNrZones, 3);
  EXPECT_NE(why_not().find("more than SIZE(pglist_data)"), std::string::npos) << why_not();
  zones.put<std::uint32_t>(Layout::kNrZones, 1);
  EXPECT_EQ(why_not(), "no zone of any node spans a page");
  zones.put<std::uint32_t>(Layout::kNrZones, 2);
  EXPECT_EQ(why_not(), "");
  zones.put<std::uint64_t>(Layout::zone(1) + Layout::kSpanned, ~std::uint64_t{0});
  EXPECT_NE(why_not().find("cannot span"), std::string::npos) << why_not();
  zones.put<std::uint64_t>(Layout::zone(1) + Layout::kSpanned, kernel.memory.info().max_pfn + 1);
  EXPECT_NE(why_not().find("the node"), std::string::npos) << why_not();
}

TEST_P(ZonesTest, WhatCannotBeIsNoCount) {
  zones.set_counter(kernel.memory.info().max_pfn + 1);
  EXPECT_NE(why_not_counted().find("cannot have"), std::string::npos);
  zones.set_counter(std::uint64_t{1} << 63);
  EXPECT_NE(why_not_counted().find("cannot have -9223372036854775808"), std::string::npos);
  zones.set_counter(0);
  for (const char* index : {"-1", "8", "2147483647", "9223372036854775807"}) {
    kernel.note.set("NUMBER(NR_FREE_PAGES)", index);
    EXPECT_NE(why_not_counted().find("is not within SIZE(zone)"), std::string::npos) << index;
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, ZonesTest, testing::Values(ByteOrder::little, ByteOrder::big),
                         [](const auto& p) {
                           return p.param == ByteOrder::little ? "little" : "big";
                         });

}  // namespace
}  // namespace vmsift
