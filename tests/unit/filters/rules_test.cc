// SPDX-License-Identifier: GPL-2.0-or-later
// The table that the filters become, against rules written down a second time.
#include "filters/rules.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vmsift {
namespace {

// A kernel of 6.12 to 6.15, whose note has everything.
constexpr const char* kNote =
    "OSRELEASE=6.12.0\nSIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\n"
    "OFFSET(page._refcount)=52\n"
    "OFFSET(page._mapcount)=48\nOFFSET(page.private)=40\nOFFSET(page.compound_head)=8\n"
    "LENGTH(zone.free_area)=11\nNUMBER(PG_lru)=5\nNUMBER(PG_private)=14\nNUMBER(PG_swapcache)=10\n"
    "NUMBER(PG_swapbacked)=17\nNUMBER(PG_hwpoison)=20\nNUMBER(PG_head_mask)=64\n"
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-251658240\n"
    "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\nNUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-201326592\n";

RuleTable table_of(std::string note, const std::string& without = "") {
  if (!without.empty()) {
    const auto at = note.find(without);
    note.erase(at, note.find('\n', at) - at + 1);
  }
  return RuleTable(PageLayout::detect(Vmcoreinfo(note)));
}

// In the order of makedumpfile's __exclude_unnecessary_pages(), but with poison and offline pages
// first, and a page type above everything that a typed page may keep in its other words.
PageClass simple_model(Traits t) {
  if (t.bits() == Traits::kIdleOffline) return PageClass::offline;
  if (t.has(Traits::kHwPoison)) return PageClass::hwpoison;
  if (t.type() == PageType::offline) return PageClass::offline;
  if (t.type() == PageType::slab) return PageClass::slab;
  if (t.type() == PageType::table) return PageClass::page_table;
  if (t.type() == PageType::other || t.has(Traits::kTail)) return PageClass::kernel;
  if (t.type() == PageType::buddy) return PageClass::free;
  if (t.type() == PageType::unaccepted) return PageClass::unaccepted;
  if (t.type() == PageType::hugetlb) return PageClass::hugetlb;
  if (t.has(Traits::kAnon)) return PageClass::user;
  if (!t.has(Traits::kLru) && !t.has(Traits::kSwapCache)) return PageClass::kernel;
  return t.has(Traits::kPrivate) ? PageClass::cache_private : PageClass::cache;
}

TEST(RuleTable, EveryCombinationOfTraits) {
  const RuleTable table = table_of(kNote);
  for (const RuleStatus& rule : table.rules()) EXPECT_EQ(rule.off, "") << rule.filter->name;
  for (std::size_t bits = 0; bits < Traits::kCombinations; ++bits) {
    const Traits traits(static_cast<std::uint16_t>(bits));
    ASSERT_EQ(table.classify(traits), simple_model(traits)) << std::hex << bits;
  }
}

// Without an entry pages only ever go from a class that is dropped to one that is kept.
TEST(RuleTable, LessIsKnownAndMoreIsKept) {
  for (const char* key :
       {"OFFSET(page.flags)", "OFFSET(page.mapping)", "OFFSET(page._mapcount)",
        "OFFSET(page.private)", "OFFSET(page.compound_head)", "NUMBER(PG_lru)",
        "NUMBER(PG_private)", "NUMBER(PG_swapcache)", "NUMBER(PG_hwpoison)", "NUMBER(PAGE_BUDDY",
        "NUMBER(PAGE_OFFLINE", "NUMBER(PAGE_SLAB", "NUMBER(PAGE_HUGETLB", "SIZE(page)"}) {
    const RuleTable table = table_of(kNote, key);
    const bool named = std::any_of(table.rules().begin(), table.rules().end(),
                                   [](const RuleStatus& r) { return !r.off.empty(); });
    EXPECT_TRUE(named || key == std::string("NUMBER(PG_swapcache)")) << key;
    for (unsigned level = 0; level <= kMaxLevel; ++level) {
      const ClassSet dropped = dropped_classes(level);
      for (std::size_t bits = 0; bits < Traits::kCombinations; ++bits) {
        const Traits traits(static_cast<std::uint16_t>(bits));
        // A combination whose one trait the layout cannot see any more does not come up.
        if (traits.has(Traits::kHwPoison)) continue;
        if (dropped.contains(table.classify(traits))) {
          ASSERT_TRUE(dropped.contains(simple_model(traits))) << key << std::hex << " " << bits;
        }
      }
    }
  }
}

TEST(RuleTable, NothingIsDroppedOfAnUnknownKernel) {
  const RuleTable table = table_of("OSRELEASE=9.9\n");
  for (std::size_t bits = 0; bits < Traits::kCombinations; ++bits) {
    const PageClass c = table.classify(Traits(static_cast<std::uint16_t>(bits)));
    EXPECT_FALSE(dropped_classes(kMaxLevel).contains(c));
  }
}

}  // namespace
}  // namespace vmsift
