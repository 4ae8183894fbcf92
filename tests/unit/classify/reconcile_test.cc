// SPDX-License-Identifier: GPL-2.0-or-later
// Three witnesses of free pages, and what becomes of a rule that they contradict.
#include "src/classify/reconcile.h"

#include "tests/unit/support/synthetic_zones.h"

#include <gtest/gtest.h>

#include <functional>

namespace vmsift {
namespace {

using test::Encoding;
using test::Era;
using test::Kind;
using test::SyntheticKernel;
using Layout = test::SyntheticZones;

constexpr auto kNone = std::nullopt;

struct Case {
  const char* name;
  FreeWitnesses witnesses;
  FreeBy by;
};

class Decision : public testing::TestWithParam<Case> {};

TEST_P(Decision, IsThatOfTwoThatAgree) {
  EXPECT_EQ(decide(GetParam().witnesses), GetParam().by);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Decision,
    testing::Values(  // marks, counter, lists, lists here, whole, tolerance
        Case{"all", {1000, 1000, 1000, 1000, true, 10}, FreeBy::marks},
        Case{"marks_and_counter", {1000, 1010, kNone, kNone, false, 10}, FreeBy::marks},
        Case{"marks_and_counter_below", {1000, 990, kNone, kNone, false, 10}, FreeBy::marks},
        Case{"just_beyond", {1000, 1011, kNone, kNone, false, 10}, FreeBy::nothing},
        Case{"marks_and_lists", {1000, 5, 1000, 1000, true, 10}, FreeBy::marks},
        Case{"marks_and_torn_lists", {1000, 5, 995, 995, false, 10}, FreeBy::marks},
        Case{"part_of_memory", {300, 1000, 1000, 300, true, 10}, FreeBy::marks},
        Case{"lists_and_counter", {0, 1000, 1000, 1000, true, 10}, FreeBy::lists},
        Case{"too_many_marks", {9000, 1000, 995, 995, false, 10}, FreeBy::lists},
        Case{"nobody", {0, 1000, 500, 500, true, 10}, FreeBy::nothing},
        Case{"marks_alone", {1000, kNone, kNone, kNone, false, 10}, FreeBy::marks},
        Case{"marks_against_lists_alone", {1000, kNone, 5, 5, true, 10}, FreeBy::marks},
        Case{"no_lists", {0, 1000, kNone, kNone, false, 10}, FreeBy::nothing},
        Case{"no_marks", {kNone, 1000, 1005, 1005, false, 10}, FreeBy::lists},
        Case{"no_marks_whole_lists", {kNone, 5, 1000, 1000, true, 10}, FreeBy::lists},
        Case{"no_marks_torn_lists", {kNone, 5, 1000, 1000, false, 10}, FreeBy::nothing},
        Case{"whole_lists_alone", {kNone, kNone, 1000, 1000, true, 10}, FreeBy::lists},
        Case{"torn_lists_alone", {kNone, kNone, 1000, 1000, false, 10}, FreeBy::nothing}),
    [](const auto& p) { return std::string(p.param.name); });

// Four blocks of the highest order, marked and on their list, which the counter has too; and pages
// that a wrong rule would drop.
struct ReconcilerTest : testing::Test {
  ReconcilerTest() : kernel({.era = Era::v6_1}), zones(kernel) {
    for (Pfn i = 0; i < 4; ++i) zones.add(0x8000 + i * 0x800, 10);
    for (Pfn pfn = 0x5000; pfn < 0x5800; ++pfn) kernel.anon(pfn);
    for (Pfn pfn = 0x6000; pfn < 0x6400; ++pfn) kernel.slab(pfn, 0);
    for (Pfn pfn = 0x6400; pfn < 0x6800; ++pfn) kernel.other_type(pfn);
    kernel.memory.edit_info().cpus = 2;
  }

  // What is left of a run's classes when nothing is corrected any more.
  std::vector<PageClass> settle() {
    model = std::make_unique<KernelModel>(kernel.model());
    Reconciler reconciler(*model, kernel.memory, 2);
    const auto settled = reconciler.settle();
    EXPECT_TRUE(settled) << settled.message();
    result = reconciler.result();
    std::vector<PageClass> classes;
    EXPECT_TRUE(classify_dump(kernel.memory, *model, dropped_classes(kMaxLevel), 1,
                              [&](const WindowResult& window) -> Result<void> {
                                classes.insert(classes.end(), window.classes.begin(),
                                               window.classes.end());
                                return {};
                              }));
    return classes;
  }
  std::uint64_t count(const std::vector<PageClass>& classes, PageClass c) const {
    return static_cast<std::uint64_t>(std::count(classes.begin(), classes.end(), c));
  }
  std::string verdict() const { return result.verdicts.empty() ? "" : result.verdicts[0]; }
  // No page is dropped that should be kept.
  void expect_nothing_lost(const std::vector<PageClass>& classes, const std::string& when) const {
    const ClassSet dropped = dropped_classes(kMaxLevel);
    for (std::size_t pfn = 0; pfn < classes.size(); ++pfn) {
      ASSERT_FALSE(dropped.contains(classes[pfn]) && !dropped.contains(kernel.expected[pfn]))
          << when << ": page " << pfn << " is " << name_of(classes[pfn]);
    }
  }

  SyntheticKernel kernel;
  Layout zones;
  std::unique_ptr<KernelModel> model;
  Reconciliation result;
};

TEST_F(ReconcilerTest, MarksThatTheCounterConfirmsAreUsed) {
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(result.not_compared, "");
  ASSERT_EQ(result.comparisons.size(), 1U);
  const Comparison& free = result.comparisons[0];
  EXPECT_EQ(free.what, "free pages");
  EXPECT_EQ(free.counter, "NR_FREE_PAGES");
  EXPECT_EQ(free.found, 4096U);
  EXPECT_EQ(free.counted, 4096U);
  EXPECT_EQ(free.tolerance, 250U) << "125 pages for each CPU and zone";
  EXPECT_TRUE(free.agree);
  EXPECT_EQ(model->free_list_pages(), nullptr);
}

TEST_F(ReconcilerTest, WhatCpusHaveNotYetCountedIsTolerated) {
  zones.set_counter(4096 + 250);
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(verdict(), "");
  zones.set_counter(4096 + 251);
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_NE(verdict().find("NR_FREE_PAGES or LENGTH(zone.free_area) is suspect"),
            std::string::npos);
}

TEST_F(ReconcilerTest, MarksThatAreNotThereAreReplacedByTheLists) {
  for (Pfn i = 0; i < 4; ++i) {
    kernel.put<std::uint32_t>(0x8000 + i * 0x800, Encoding::kMapcount, 0xffffffff);
  }
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(verdict(),
            "the mark of free pages is suspect (marks: 0, free lists: 4096, NR_FREE_PAGES: 4096); "
            "the free lists are used in its place");
  EXPECT_NE(model->free_list_pages(), nullptr);
  EXPECT_TRUE(result.comparisons.at(0).agree) << "of the lists by now";
}

TEST_F(ReconcilerTest, MarksOnPagesInUseAreReplacedByTheLists) {
  for (Pfn pfn = 0x6400; pfn < 0x6800; ++pfn) {
    kernel.put<std::uint32_t>(pfn, Encoding::kMapcount, kernel.encoding().buddy);
  }
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_NE(verdict().find("(marks: 5120, free lists: 4096, NR_FREE_PAGES: 4096)"),
            std::string::npos)
      << verdict();
}

// Some of these are no mark that a kernel ever had, and the lists are used at once.
TEST_F(ReconcilerTest, NoValueOfTheMarkLosesAPage) {
  for (const char* value : {"-2", "-128", "-130", "-1025", "-257", "-268435456", "-1073741825"}) {
    kernel.note.set("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", value);
    const auto classes = settle();
    expect_nothing_lost(classes, value);
    EXPECT_EQ(count(classes, PageClass::free), 4096U) << value;
    EXPECT_NE(model->free_list_pages(), nullptr);
  }
}

TEST_F(ReconcilerTest, WrongCountersAreCalledSuspect) {
  zones.set_counter(77);
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(
      verdict(),
      "NR_FREE_PAGES is suspect (marks: 4096, free lists: 4096, NR_FREE_PAGES: 77); marks and "
      "free lists agree");
  EXPECT_FALSE(result.comparisons.at(0).agree);
  EXPECT_TRUE(model->tells(PageClass::free));
}

TEST_F(ReconcilerTest, FreePagesAreKeptWhereNoTwoAgree) {
  zones.set_counter(20000);
  zones.put_word(Layout::head(1, 10, 0), 0);
  const auto classes = settle();
  EXPECT_EQ(count(classes, PageClass::free), 0U);
  EXPECT_EQ(verdict(),
            "free pages are kept: no two counts of them agree (marks: 4096, free lists: 0, "
            "NR_FREE_PAGES: 20000)");
  const auto downgrades = model->downgrades();
  ASSERT_EQ(downgrades.size(), 1U);
  EXPECT_EQ(downgrades[0].rule, "free pages");
}

TEST_F(ReconcilerTest, AnOrderCountThatIsTooSmallLosesNothing) {
  kernel.note.set("LENGTH(zone.free_area)", 5);
  const auto classes = settle();
  expect_nothing_lost(classes, "LENGTH(zone.free_area)=5");
  EXPECT_EQ(count(classes, PageClass::free), 0U);
  EXPECT_NE(verdict(), "");
}

TEST_F(ReconcilerTest, APartOfMemoryIsComparedWithThatPartOfTheLists) {
  kernel.memory.clear_ranges();
  kernel.memory.add({0, 0x8800});
  const auto classes = settle();
  EXPECT_EQ(count(classes, PageClass::free), 1024U);
  EXPECT_EQ(verdict(), "") << "the counter is that of the whole machine";
}

TEST_F(ReconcilerTest, PagesThatAreGoneAlreadyWereFree) {
  kernel.memory.clear_ranges();
  kernel.memory.add({0, 0x8000});
  kernel.memory.add_absent({0x8000, 0x10000});
  settle();
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(result.comparisons.at(0).found, 4096U);
}

TEST_F(ReconcilerTest, UnacceptedMemoryIsFreeToTheKernel) {
  SyntheticKernel confidential({.era = Era::v7_1});
  Layout its_zones(confidential);
  its_zones.add(0x8000, 10);
  confidential.unaccepted(0x9000);
  its_zones.set_counter(2048);
  KernelModel its_model = confidential.model();
  Reconciler reconciler(its_model, confidential.memory, 1);
  ASSERT_TRUE(reconciler.settle());
  EXPECT_EQ(reconciler.result().comparisons.at(0).found, 2048U);
  EXPECT_TRUE(reconciler.result().comparisons.at(0).agree);
}

TEST_F(ReconcilerTest, WithoutMarksListsMustAgreeWithACount) {
  kernel.note.remove("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)");
  auto classes = settle();
  EXPECT_EQ(count(classes, PageClass::free), 4096U);
  EXPECT_EQ(verdict(), "");

  zones.set_counter(77);  // the lists' own count is right
  classes = settle();
  EXPECT_EQ(count(classes, PageClass::free), 4096U);
  EXPECT_NE(verdict(), "");

  zones.put<std::uint64_t>(Layout::area(1, 10) + Layout::kTypes * 16, 3);
  classes = settle();
  EXPECT_EQ(count(classes, PageClass::free), 0U);
  EXPECT_NE(verdict().find("free pages are kept"), std::string::npos);
  EXPECT_FALSE(model->tells(PageClass::free));

  kernel.note.remove("NUMBER(NR_FREE_PAGES)");
  classes = settle();
  EXPECT_EQ(count(classes, PageClass::free), 0U);
  EXPECT_NE(result.not_compared, "");
}

TEST_F(ReconcilerTest, WithoutZonesMarksAreUsed) {
  kernel.note.remove("SYMBOL(contig_page_data)");
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(result.not_compared, "SYMBOL(node_data) and SYMBOL(contig_page_data) are missing");
  EXPECT_FALSE(result.is_named);
  kernel.note.set("SYMBOL(contig_page_data)", "ffffffffc0100000");  // not mapped
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_NE(result.not_compared, "");
  EXPECT_TRUE(result.is_named) << "and wrong";
}

TEST_F(ReconcilerTest, AChangingKernelIsNotAskedForItsLists) {
  kernel.memory.edit_info().live = true;
  zones.set_counter(4096 + 0x10000 / 8);
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(verdict(), "");
  zones.set_counter(40000);
  EXPECT_EQ(count(settle(), PageClass::free), 0U);
}

// Each entry about zones and lists removed, or given a value that it may have or may not.
TEST_F(ReconcilerTest, NoEntryOfZonesCostsAPage) {
  const auto whole = kernel.note;
  for (const char* without : {"", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"}) {
    for (const auto& [key, value] : whole.lines()) {
      const bool concerned =
          key.find("zone") != std::string::npos || key.find("pglist") != std::string::npos ||
          key.find("free_") != std::string::npos || key.find("FREE") != std::string::npos ||
          key.find("list_head") != std::string::npos || key.find("contig") != std::string::npos ||
          key.find("page.lru") != std::string::npos || key.find("_refcount") != std::string::npos;
      if (!concerned) continue;
      for (const char* other : {"(removed)", "0", "1", "8", "16", "24", "40", "48", "64", "104",
                                "-1", "2147483647", "18446744073709551615"}) {
        kernel.note = whole;
        if (*without != '\0') kernel.note.remove(without);
        if (std::string_view(other) == "(removed)") {
          kernel.note.remove(key);
        } else {
          kernel.note.set(key, other);
        }
        expect_nothing_lost(settle(), key + "=" + other + " without " + without);
      }
    }
  }
}

TEST_F(ReconcilerTest, WithoutMarksAPartOfMemoryIsNoContradiction) {
  kernel.note.remove("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)");
  kernel.memory.clear_ranges();
  kernel.memory.add({0, 0x8800});
  EXPECT_EQ(count(settle(), PageClass::free), 1024U);
  EXPECT_EQ(verdict(), "");
}

// What the kernel's type information may add: counters of other classes.
struct OtherCounters : ReconcilerTest {
  static constexpr Pfn kPlace = 0x381;  // of vm_node_stat, and of hstates behind it
  OtherCounters() {
    const VirtAddr at{Layout::kAddress.value + 0x1000};
    kernel.map(at, {kPlace * 4096}, 12);
    kernel.note.set_hex("SYMBOL(vm_node_stat)", at.value);
    kernel.note.set("NUMBER(NR_ANON_MAPPED)", 3);
    kernel.note.set("NUMBER(NR_FILE_PAGES)", 4);
    kernel.note.set("NUMBER(NR_SLAB_RECLAIMABLE_B)", 5);
    kernel.note.set("NUMBER(NR_SLAB_UNRECLAIMABLE_B)", 6);
    kernel.note.set_hex("SYMBOL(hstates)", at.value + 2048);
    kernel.note.set_hex("SYMBOL(hugetlb_max_hstate)", at.value + 2040);
    kernel.note.set("SIZE(hstate)", 64);
    kernel.note.set("OFFSET(hstate.order)", 8);
    kernel.note.set("OFFSET(hstate.nr_huge_pages)", 16);
    set(3 * 8, 2048);  // anonymous pages
    set(5 * 8, 1000);
    set(6 * 8, 24);
    kernel.memory.put<std::uint32_t>(PhysAddr{kPlace * 4096 + 2040}, 1);
    kernel.memory.put<std::uint32_t>(PhysAddr{kPlace * 4096 + 2048 + 8}, 9);
    set(2048 + 16, 1);
    kernel.hugetlb(0xb200, 9);
  }
  void set(std::uint64_t offset, std::uint64_t value) {
    kernel.memory.put<std::uint64_t>(PhysAddr{kPlace * 4096 + offset}, value);
  }
  const Comparison* of(std::string_view what) const {
    for (const Comparison& c : result.comparisons) {
      if (c.what == what) return &c;
    }
    return nullptr;
  }
};

TEST_F(OtherCounters, AreCompared) {
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(verdict(), "");
  const std::pair<const char*, std::uint64_t> expected[] = {
      {"user process data pages", 2048}, {"slab pages", 1024}, {"hugetlb pages", 512}};
  for (const auto& [what, pages] : expected) {
    ASSERT_NE(of(what), nullptr) << what;
    EXPECT_EQ(of(what)->found, pages) << what;
    EXPECT_EQ(of(what)->counted, pages) << what;
    EXPECT_TRUE(of(what)->agree) << what;
  }
}

TEST_F(OtherCounters, AClassOfFarMorePagesThanTheKernelCountsIsKept) {
  for (Pfn pfn = 0xc000; pfn < 0xf000; ++pfn) kernel.anon(pfn);
  const auto classes = settle();
  EXPECT_EQ(count(classes, PageClass::user), 0U);
  EXPECT_EQ(count(classes, PageClass::free), 4096U) << "nothing is said against these";
  EXPECT_EQ(verdict(),
            "user process data pages are kept: 14336 user process data pages were found, and the "
            "kernel counts 2048 (NR_ANON_MAPPED)");
  ASSERT_EQ(model->downgrades().size(), 1U);
  EXPECT_EQ(model->downgrades()[0].rule, "user process data pages");
}

TEST_F(OtherCounters, FewerPagesThanTheKernelCountsAreNoReason) {
  set(3 * 8, 40000);
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(verdict(), "");
}

TEST_F(OtherCounters, MissingSlabsMayBeAmongUserPages) {
  set(5 * 8, 6000);
  const auto classes = settle();
  EXPECT_EQ(count(classes, PageClass::user), 0U);
  EXPECT_EQ(count(classes, PageClass::slab), 1024U) << "a rule that keeps is never off";
  EXPECT_NE(verdict().find("user process data pages are kept: 1024 slab pages were found"),
            std::string::npos)
      << verdict();
}

TEST_F(OtherCounters, MoreSlabsThanCountedAreKeptAllTheSame) {
  for (Pfn pfn = 0xc000; pfn < 0xf800; ++pfn) kernel.slab(pfn, 0);
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(verdict(), "");
  EXPECT_FALSE(of("slab pages")->agree);
}

// Where zones cannot be read: the counter of all of them.
TEST_F(OtherCounters, TheCounterOfAllZonesServesToo) {
  kernel.note.remove("SYMBOL(contig_page_data)");
  kernel.note.set_hex("SYMBOL(vm_zone_stat)", Layout::kAddress.value + 0x1000 + 512);
  set(512 + 8 * Layout::kFreeItem, 4000);
  EXPECT_TRUE(settle() == kernel.expected);
  EXPECT_EQ(result.not_compared, "");
  ASSERT_NE(of("free pages"), nullptr);
  EXPECT_EQ(of("free pages")->counted, 4000U);
  set(512 + 8 * Layout::kFreeItem, 40000);
  EXPECT_EQ(count(settle(), PageClass::free), 0U) << "and nobody else knows";
}

TEST_F(OtherCounters, NonsenseIsNotCompared) {
  kernel.note.set("NUMBER(NR_ANON_MAPPED)", 256);
  set(5 * 8, std::uint64_t{1} << 60);
  kernel.memory.put<std::uint32_t>(PhysAddr{kPlace * 4096 + 2048 + 8}, 40);
  EXPECT_TRUE(settle() == kernel.expected);
  for (const char* what : {"user process data pages", "slab pages", "hugetlb pages"}) {
    EXPECT_EQ(of(what), nullptr) << what;
  }
}

}  // namespace
}  // namespace vmsift
