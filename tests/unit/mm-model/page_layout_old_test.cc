// SPDX-License-Identifier: GPL-2.0-or-later
// What is concluded from the notes of old kernels, of 32-bit ones, and from page types that
// contradict each other.
#include "mm-model/page_layout.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Era;
using test::Note;
using test::SyntheticKernel;

PageLayout layout_of(const Note& note, unsigned word = 8) {
  return PageLayout::detect(Vmcoreinfo(note.text()), word);
}

Note note_of(Era era, unsigned made_up_word = 0) {
  return SyntheticKernel({.era = era, .made_up_word = made_up_word}).note;
}

constexpr std::array<Era, 3> kSeed = {Era::v2_6_24, Era::v2_6_32, Era::v2_6_38};

TEST(PageLayoutOld, NotesBeforePageTypes) {
  for (const Era era : kSeed) {
    const PageLayout layout = layout_of(note_of(era));
    for (const Feature f : {Feature::flags, Feature::lru, Feature::private_, Feature::swap_cache,
                            Feature::mapping, Feature::types, Feature::slab, Feature::tails}) {
      EXPECT_TRUE(layout.has(f)) << name_of(era) << ": " << layout.missing(f);
    }
    for (const Feature f : {Feature::buddy, Feature::hugetlb, Feature::compound, Feature::hwpoison,
                            Feature::offline, Feature::unaccepted, Feature::tables}) {
      EXPECT_FALSE(layout.has(f)) << name_of(era);
      EXPECT_NE(layout.missing(f), "");
    }
    EXPECT_EQ(layout.missing(Feature::buddy), "OFFSET(page._mapcount)");
    EXPECT_FALSE(layout.has_types);
    EXPECT_TRUE(layout.anon_only_on_lru);
    // PG_swapcache is a flag of its own.
    EXPECT_EQ(layout.swap_cache_mask, std::uint64_t{1} << test::encoding_of(era).swap_cache);
  }
}

// A newer note whose entries got lost is not taken for one of these: a single entry that came
// later shows what it is.
TEST(PageLayoutOld, OneLaterEntryIsEnough) {
  const Note seed = note_of(Era::v2_6_32);
  ASSERT_TRUE(predates_page_types(Vmcoreinfo(seed.text())));
  for (const char* key :
       {"OFFSET(page._mapcount)", "OFFSET(page.private)", "OFFSET(page._refcount)",
        "OFFSET(page.compound_head)", "OFFSET(page.compound_info)", "OFFSET(page.compound_order)",
        "OFFSET(folio._folio_order)", "NUMBER(PG_slab)", "NUMBER(PG_hwpoison)",
        "NUMBER(PG_head_mask)", "NUMBER(PG_swapbacked)", "NUMBER(PG_hugetlb)",
        "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)",
        "NUMBER(HUGETLB_PAGE_DTOR)", "SYMBOL(free_huge_page)", "SYMBOL(vmap_area_list)",
        "SYMBOL(vmemmap)"}) {
    for (const char* value : {"7", "garbage"}) {
      Note note = seed;
      note.set(key, value);
      EXPECT_FALSE(predates_page_types(Vmcoreinfo(note.text()))) << key;
      EXPECT_FALSE(layout_of(note).has(Feature::slab) && layout_of(note).slab_mask == 0) << key;
    }
  }
}

TEST(PageLayoutOld, ASeedNoteHasAllOfItsEntries) {
  for (const char* key :
       {"OFFSET(page.flags)", "OFFSET(page._count)", "OFFSET(page.mapping)", "OFFSET(page.lru)",
        "NUMBER(PG_lru)", "NUMBER(PG_private)", "NUMBER(PG_swapcache)"}) {
    Note note = note_of(Era::v2_6_32);
    note.remove(key);
    EXPECT_FALSE(predates_page_types(Vmcoreinfo(note.text()))) << key;
    EXPECT_FALSE(layout_of(note).has(Feature::slab)) << key;
  }
}

// 3.9 to 3.16: the mark of free blocks and PG_slab, and nothing of compound pages.
TEST(PageLayoutOld, FreeBlocksWithoutCompoundPages) {
  const PageLayout layout = layout_of(note_of(Era::v3_10));
  for (const Feature f : {Feature::mapping, Feature::types, Feature::slab, Feature::tails,
                          Feature::buddy, Feature::lru, Feature::swap_cache}) {
    EXPECT_TRUE(layout.has(f)) << layout.missing(f);
  }
  EXPECT_EQ(layout.missing(Feature::compound), "NUMBER(PG_head_mask)");
  EXPECT_TRUE(layout.has_types);
  EXPECT_FALSE(layout.anon_only_on_lru);  // since 3.1 the lock of a page table is elsewhere
  ASSERT_EQ(layout.types.size(), 1U);
  EXPECT_EQ(layout.types[0].value, 0xffffff80U);
}

// 3.17 to 4.3: order and destructor are the words of the second page's lru.
TEST(PageLayoutOld, CompoundPagesByTheListLinks) {
  for (const unsigned word : {8U, 4U}) {
    const Note note = note_of(Era::v3_17, word);
    const PageLayout layout = layout_of(note, word);
    ASSERT_TRUE(layout.has(Feature::compound)) << layout.missing(Feature::compound);
    ASSERT_TRUE(layout.has(Feature::hugetlb)) << layout.missing(Feature::hugetlb);
    const auto lru = Vmcoreinfo(note.text()).offset("page.lru");
    EXPECT_EQ(layout.order_place, OrderPlace::field);
    EXPECT_EQ(layout.order_offset, *lru + word);
    EXPECT_EQ(layout.order_width, word);
    EXPECT_EQ(layout.hugetlb_mark, HugetlbMark::second_field);
    EXPECT_EQ(layout.hugetlb_offset, *lru);
    EXPECT_EQ(layout.hugetlb_value, Vmcoreinfo(note.text()).symbol("free_huge_page")->value);
    EXPECT_TRUE(layout.head_in_private);
    Note without = note;
    without.remove("SYMBOL(free_huge_page)");
    EXPECT_EQ(layout_of(without, word).missing(Feature::hugetlb), "SYMBOL(free_huge_page)");
    EXPECT_TRUE(layout_of(without, word).has(Feature::compound));
  }
}

// 4.4 to 4.15: 32 bits each on 64-bit machines, 16 on others; bytes since 4.16.
TEST(PageLayoutOld, WidthsOfTheCompoundFields) {
  struct Case {
    Era era;
    unsigned word, width;
  };
  for (const Case& c : {Case{Era::v4_4, 8, 4},
                        {Era::v4_4, 4, 2},
                        {Era::v4_19, 8, 1},
                        {Era::v4_19, 4, 1},
                        {Era::v5_4, 8, 1}}) {
    const PageLayout layout = layout_of(note_of(c.era, c.word), c.word);
    EXPECT_TRUE(layout.has(Feature::compound)) << layout.missing(Feature::compound);
    EXPECT_EQ(layout.order_width, c.width) << name_of(c.era);
    EXPECT_EQ(layout.hugetlb_width, c.width) << name_of(c.era);
    EXPECT_FALSE(layout.head_in_private);
  }
  Note apart = note_of(Era::v5_4);
  apart.set("OFFSET(page.compound_order)", 20);
  EXPECT_TRUE(layout_of(apart).has(Feature::compound));
  apart.set("OFFSET(page.compound_order)", 19);
  EXPECT_FALSE(layout_of(apart).has(Feature::compound));
}

// Fields of a 32-bit kernel follow each other every 4 bytes, and its flags end with bit 31.
TEST(PageLayoutOld, WordsOfFourBytes) {
  for (const Era era : test::kOldEras) {
    const PageLayout layout = layout_of(note_of(era, 4), 4);
    EXPECT_EQ(layout.size, 32U);
    for (const Feature f : {Feature::flags, Feature::mapping, Feature::tails, Feature::slab}) {
      EXPECT_TRUE(layout.has(f)) << name_of(era) << ": " << layout.missing(f);
    }
    EXPECT_EQ(layout.has(Feature::buddy), era >= Era::v3_10) << layout.missing(Feature::buddy);
  }
  Note note = note_of(Era::v3_10, 4);
  note.set("NUMBER(PG_hwpoison)", 31);
  EXPECT_TRUE(layout_of(note, 4).has(Feature::hwpoison));
  note.set("NUMBER(PG_hwpoison)", 32);
  EXPECT_FALSE(layout_of(note, 4).has(Feature::hwpoison));
  note.set("OFFSET(page.mapping)", 29);
  EXPECT_FALSE(layout_of(note, 4).has(Feature::mapping));
}

// Two types with one value, values of two kernels, values of none: all of them are off.
TEST(PageLayoutOld, TypesThatContradictEachOther) {
  struct Case {
    const char* key;
    long long value;
    Feature off, on;
  };
  for (const Case& c :
       {// Offline is what free blocks are.
        Case{"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", -268435456, Feature::offline, Feature::slab},
        {"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", -268435456, Feature::buddy, Feature::hugetlb},
        // One value of 5.10 among those of 6.12.
        {"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", -129, Feature::buddy, Feature::offline},
        {"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", -128, Feature::buddy, Feature::slab},
        // No kernel has these.
        {"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", -268435455, Feature::buddy, Feature::offline},
        {"NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)", -5, Feature::hugetlb, Feature::buddy},
        {"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", -2, Feature::offline, Feature::buddy}}) {
    Note note = note_of(Era::v6_12);
    note.set(c.key, c.value);
    const PageLayout layout = layout_of(note);
    EXPECT_FALSE(layout.has(c.off)) << c.key << "=" << c.value;
    EXPECT_TRUE(layout.has(c.on)) << c.key << "=" << c.value << ": " << layout.missing(c.on);
  }
  // As many against as many: nothing says who is right.
  Note two = note_of(Era::v5_10);
  two.set("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", -251658240);
  EXPECT_FALSE(layout_of(two).has(Feature::buddy));
  EXPECT_FALSE(layout_of(two).has(Feature::offline));
  EXPECT_TRUE(layout_of(two).has(Feature::slab));  // a flag there
}

// The value of page tables may be said; else it is that of 6.12, as long as free blocks are.
TEST(PageLayoutOld, TheTypeOfPageTables) {
  const auto table = [](const PageLayout& layout) {
    for (const TypeRule& rule : layout.types) {
      if (rule.type == PageType::table) return rule.value;
    }
    return 0U;
  };
  Note note = note_of(Era::v6_12);
  EXPECT_EQ(table(layout_of(note)), 0xf2000000U);
  note.set("NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)", -117440512);
  EXPECT_EQ(table(layout_of(note)), 0xf9000000U);
  note.set("NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)", -1);
  EXPECT_EQ(table(layout_of(note)), 0U);
  EXPECT_FALSE(layout_of(note).has(Feature::tables));
  EXPECT_EQ(table(layout_of(note_of(Era::v6_11))), 0U);
}

TEST(PageLayoutOld, EvidenceNamesEntriesAndValues) {
  struct Case {
    Era era;
    Feature feature;
    const char* says;
  };
  for (const Case& c :
       {Case{Era::v6_12, Feature::buddy, "0xf0000000 (top byte), order at OFFSET(page.private)=40"},
        {Era::v6_11, Feature::slab, "0xfdffffff (cleared high bit)"},
        {Era::v5_10, Feature::offline, "0xfffffeff (cleared bit)"},
        {Era::v5_10, Feature::slab, "PG_slab=bit 9"},
        {Era::v6_12, Feature::mapping, "bit 0 of OFFSET(page.mapping)=24"},
        {Era::v2_6_32, Feature::mapping, "on the LRU"},
        {Era::v2_6_32, Feature::slab, "without a mapping"},
        {Era::v3_17, Feature::hugetlb, "destructor 0xffffffff"},
        {Era::v6_6, Feature::hugetlb, "PG_hugetlb=bit 8"},
        {Era::v6_6, Feature::compound, "low byte"},
        {Era::v4_4, Feature::compound, "PG_head=bit 14, order of 4 bytes at 44"},
        {Era::v6_12, Feature::hwpoison, "PG_hwpoison=bit 20"}}) {
    const PageLayout layout = layout_of(note_of(c.era));
    ASSERT_TRUE(layout.has(c.feature)) << layout.missing(c.feature);
    EXPECT_NE(layout.evidence(c.feature).find(c.says), std::string::npos)
        << name_of(c.era) << ": " << layout.evidence(c.feature);
  }
}

}  // namespace
}  // namespace vmsift
