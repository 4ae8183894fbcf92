// SPDX-License-Identifier: GPL-2.0-or-later
// What is concluded from the keys of a note, for every era of them.
#include "mm-model/page_layout.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Encoding;
using test::Era;
using test::Note;
using test::SyntheticKernel;

PageLayout layout_of(const Note& note) {
  return PageLayout::detect(Vmcoreinfo(note.text()));
}

Note note_of(Era era, std::uint32_t size = 64) {
  return SyntheticKernel({.era = era, .page_struct_size = size}).note;
}

std::optional<TypeRule> rule_of(const PageLayout& layout, PageType type) {
  for (const TypeRule& rule : layout.types) {
    if (rule.type == type) return rule;
  }
  return std::nullopt;
}

class PageLayoutEra : public testing::TestWithParam<Era> {};

TEST_P(PageLayoutEra, FindsOutEverything) {
  for (const std::uint32_t size : {64U, 56U}) {
    const Encoding& e = test::encoding_of(GetParam());
    const PageLayout layout = layout_of(note_of(GetParam(), size));
    for (const Feature f : {Feature::flags, Feature::lru, Feature::private_, Feature::swap_cache,
                            Feature::mapping, Feature::buddy, Feature::slab, Feature::hugetlb,
                            Feature::compound, Feature::hwpoison, Feature::offline}) {
      EXPECT_TRUE(layout.has(f)) << layout.missing(f);
    }
    EXPECT_EQ(layout.has(Feature::unaccepted), e.unaccepted != 0);
    EXPECT_EQ(layout.size, size);
    EXPECT_EQ(layout.lru_mask, std::uint64_t{1} << e.lru);
    EXPECT_EQ(layout.private_mask, std::uint64_t{1} << e.private_);
    EXPECT_EQ(layout.swap_cache_mask,
              std::uint64_t{1} << e.swap_cache | std::uint64_t{1} << e.swap_backed);
    EXPECT_EQ(layout.head_mask, std::uint64_t{1} << e.head);
    EXPECT_EQ(layout.compound, Encoding::kCompound);
    EXPECT_EQ(layout.buddy_orders, 11U);
  }
}

TEST_P(PageLayoutEra, TypesMatchTheirOwnValuesAndNoOther) {
  const Encoding& e = test::encoding_of(GetParam());
  const PageLayout layout = layout_of(note_of(GetParam()));
  for (const TypeRule& rule : layout.types) {
    for (const std::uint32_t word : {0xffffffffU, 0U, 1U, 0x7fffffffU, e.other}) {
      EXPECT_NE(word & rule.mask, rule.value) << std::hex << word;
    }
  }
  struct Value {
    PageType type;
    std::uint32_t word;
  };
  for (const Value v : {Value{PageType::buddy, e.buddy},
                        {PageType::offline, e.offline},
                        {PageType::slab, e.slab},
                        {PageType::hugetlb, e.hugetlb},
                        {PageType::unaccepted, e.unaccepted}}) {
    if (v.word == 0) continue;
    for (const TypeRule& rule : layout.types) {
      EXPECT_EQ((v.word & rule.mask) == rule.value, rule.type == v.type) << std::hex << v.word;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Eras, PageLayoutEra, testing::ValuesIn(test::kEras),
                         [](const auto& era) { return name_of(era.param); });

// Documentation of page types since 6.12: the low bits belong to the owner of the page.
TEST(PageLayout, OwnersMayUseTheLowBitsOfATypeSince611) {
  const PageLayout top_byte = layout_of(note_of(Era::v6_12));
  EXPECT_EQ(rule_of(top_byte, PageType::buddy)->mask, 0xff000000U);
  const PageLayout single_bit = layout_of(note_of(Era::v6_11));
  const TypeRule single = *rule_of(single_bit, PageType::slab);
  for (const std::uint32_t low : {0U, 0x1234U, 0xffffU}) {
    EXPECT_EQ((0xfdff0000U | low) & single.mask, single.value);
  }
  const PageLayout exact = layout_of(note_of(Era::v6_9));
  EXPECT_EQ(rule_of(exact, PageType::hugetlb)->mask, 0xffffffffU);
}

TEST(PageLayout, ValuesOfOldKernelsAreComparedAsAWhole) {
  for (const long long value : {-2LL, -128LL}) {  // 2.6.38; 2.6.39 to 4.17
    Note note = note_of(Era::v3_10);
    note.set("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", value);
    const TypeRule rule = *rule_of(layout_of(note), PageType::buddy);
    EXPECT_EQ(rule.mask, 0xffffffffU);
    EXPECT_EQ(rule.value, static_cast<std::uint32_t>(value));
  }
}

TEST(PageLayout, RealNotesSayWhatTheSyntheticKernelsDo) {
  struct Real {
    Era era;
    const char* name;
  };
  for (const Real& real :
       {Real{Era::v5_10, "amd64-5.10.0-32-amd64"}, Real{Era::v6_1, "amd64-6.1.0-50-amd64"},
        Real{Era::v6_12, "amd64-6.12.107+deb13-amd64"},
        Real{Era::v7_1, "amd64-7.3.4+deb13-amd64"}}) {
    const Note theirs = Note::real(real.name);
    const Note ours = note_of(real.era);
    for (const auto& [key, value] : ours.lines()) {
      if (key.starts_with("SYMBOL") || key == "OSRELEASE" ||
          key.find("phys") != std::string::npos || key.find("PHYSMEM") != std::string::npos ||
          key == "LENGTH(mem_section)" || key == "NUMBER(pgtable_l5_enabled)" ||
          key == "KERNELOFFSET" || key == "LENGTH(node_data)" || key == "SIZE(nodemask_t)" ||
          key.find("zone)") != std::string::npos || key.find("(zone.") != std::string::npos ||
          key.find("pglist_data") != std::string::npos || key == "SIZE(free_area)" ||
          key == "LENGTH(free_area.free_list)") {
        continue;  // of the machine or of how it was configured, and not of the kernel
      }
      EXPECT_EQ(theirs.get(key), value) << real.name << " " << key;
    }
  }
}

// 6.12 to 6.15 have the type and do not name it (PAGE_UNACCEPTED_MAPCOUNT_VALUE: 6.16).
TEST(PageLayout, UnacceptedMemoryOfKernelsThatDoNotNameIt) {
  struct Release {
    const char* text;
    bool known;
  };
  for (const Release& r : {Release{"6.12.0", true},
                           {"6.15.9-rt", true},
                           {"6.11.0", false},
                           {"6.16.0", false},
                           {"6.1.0", false},
                           {"6.120.0", false},
                           {"6.", false},
                           {"7.13.0", false},
                           {"garbage", false},
                           {"", false}}) {
    Note note = note_of(Era::v6_12);
    note.set("OSRELEASE", r.text);
    EXPECT_EQ(layout_of(note).has(Feature::unaccepted), r.known) << r.text;
  }
}

TEST(PageLayout, ASizeThatCannotBeLeavesNothing) {
  for (const char* size : {"", "0", "23", "63", "1028", "2147483647", "-64", "junk"}) {
    Note note = note_of(Era::v6_12);
    note.set("SIZE(page)", size);
    const PageLayout layout = layout_of(note);
    EXPECT_EQ(layout.size, 0U) << size;
    for (std::size_t f = 0; f < kFeatures; ++f) EXPECT_FALSE(layout.has(static_cast<Feature>(f)));
  }
}

struct Lost {
  Era era;
  const char* key;
  const char* value;  // nullptr: without the key
  Feature feature;
};

// A key that is missing or impossible takes its feature away, with a reason that names it.
TEST(PageLayout, WhatIsMissingIsNamed) {
  const Era old = Era::v6_1, now = Era::v6_12;
  for (const Lost& lost : {
           Lost{now, "OFFSET(page.flags)", nullptr, Feature::flags},
           {now, "OFFSET(page.flags)", "57", Feature::lru},
           {now, "OFFSET(page.mapping)", nullptr, Feature::mapping},
           {now, "OFFSET(page.mapping)", "0", Feature::mapping},
           {now, "OFFSET(page.mapping)", "4", Feature::mapping},
           {now, "OFFSET(page._mapcount)", nullptr, Feature::slab},
           {now, "OFFSET(page._mapcount)", "0", Feature::slab},
           {now, "OFFSET(page._mapcount)", "61", Feature::buddy},
           {now, "OFFSET(page.private)", "0", Feature::buddy},
           {now, "OFFSET(page.private)", nullptr, Feature::buddy},
           {now, "OFFSET(page.compound_head)", nullptr, Feature::compound},
           {now, "OFFSET(page.compound_head)", "0", Feature::compound},
           {now, "NUMBER(PG_head_mask)", "0", Feature::compound},
           {now, "NUMBER(PG_head_mask)", "-1", Feature::compound},
           {now, "NUMBER(PG_head_mask)", "2147483647", Feature::compound},
           {now, "NUMBER(PG_head_mask)", "1", Feature::compound},
           {now, "NUMBER(PG_lru)", nullptr, Feature::lru},
           {now, "NUMBER(PG_lru)", "64", Feature::lru},
           {now, "NUMBER(PG_lru)", "-1", Feature::lru},
           {now, "NUMBER(PG_lru)", "0", Feature::lru},  // that is PG_locked
           {now, "NUMBER(PG_private)", "0", Feature::private_},
           {now, "NUMBER(PG_hwpoison)", "0", Feature::hwpoison},
           {now, "NUMBER(PG_hwpoison)", "5", Feature::hwpoison},   // that is PG_lru here
           {now, "NUMBER(PG_hwpoison)", "2", Feature::hwpoison},   // before PG_lru: in no kernel
           {now, "NUMBER(PG_hwpoison)", "32", Feature::hwpoison},  // no flag, but part of a number
           {now, "NUMBER(PG_private)", "2", Feature::private_},
           {now, "NUMBER(PG_lru)", "24", Feature::lru},
           {now, "NUMBER(PG_swapcache)", "0", Feature::swap_cache},
           {now, "NUMBER(PG_swapbacked)", "0", Feature::swap_cache},
           {now, "NUMBER(PG_swapbacked)", "64", Feature::swap_cache},
           {old, "NUMBER(PG_slab)", "0", Feature::slab},
           {old, "NUMBER(PG_slab)", nullptr, Feature::slab},
           {now, "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", "-1", Feature::slab},
           {now, "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", "2147483647", Feature::slab},
           {now, "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", "9223372036854775807", Feature::slab},
           {now, "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "0", Feature::buddy},
           {now, "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", "5", Feature::offline},
           {now, "LENGTH(zone.free_area)", "0", Feature::buddy},
           {now, "LENGTH(zone.free_area)", "0", Feature::unaccepted},
           {now, "LENGTH(zone.free_area)", "1000", Feature::buddy},
           {now, "LENGTH(zone.free_area)", "1000", Feature::unaccepted},
           {now, "LENGTH(zone.free_area)", nullptr, Feature::unaccepted},
           {old, "OFFSET(page.compound_order)", nullptr, Feature::compound},
           {old, "OFFSET(page.compound_order)", "0", Feature::compound},
           {old, "OFFSET(page.compound_order)", "8", Feature::compound},
           {old, "OFFSET(page.compound_order)", "63", Feature::compound},
           {old, "OFFSET(page.compound_dtor)", "0", Feature::hugetlb},
           {old, "NUMBER(HUGETLB_PAGE_DTOR)", "0", Feature::hugetlb},
           {old, "NUMBER(HUGETLB_PAGE_DTOR)", "38", Feature::hugetlb},
           {Era::v6_3, "OFFSET(folio._folio_order)", "0", Feature::compound},
           {Era::v6_3, "OFFSET(folio._folio_order)", "64", Feature::compound},
           {Era::v6_3, "OFFSET(folio._folio_dtor)", "0", Feature::hugetlb},
           {Era::v6_3, "OFFSET(folio._folio_dtor)", "72", Feature::hugetlb},
           {Era::v6_6, "NUMBER(PG_hugetlb)", "0", Feature::hugetlb},  // within the order
           {Era::v6_6, "NUMBER(PG_hugetlb)", "64", Feature::hugetlb},
       }) {
    Note note = note_of(lost.era);
    if (lost.value == nullptr) {
      note.remove(lost.key);
    } else {
      note.set(lost.key, lost.value);
    }
    const PageLayout layout = layout_of(note);
    EXPECT_FALSE(layout.has(lost.feature))
        << lost.key << "=" << (lost.value == nullptr ? "(removed)" : lost.value);
  }
}

// 4.10 to 4.16 do not name PG_swapbacked; it stands 6 above PG_private there, and PG_head 3 above.
TEST(PageLayout, SwapBackedIsGuessedOnlyInTheOldOrderOfFlags) {
  Note old = note_of(Era::v6_1);
  old.remove("NUMBER(PG_swapbacked)");
  EXPECT_EQ(layout_of(old).swap_cache_mask, std::uint64_t{1} << 10 | std::uint64_t{1} << 19);
  Note now = note_of(Era::v6_12);
  now.remove("NUMBER(PG_swapbacked)");
  EXPECT_FALSE(layout_of(now).has(Feature::swap_cache));
  // Before 4.10 PG_swapcache was a flag of its own, above PG_private.
  Note before = old;
  before.set("NUMBER(PG_private)", 11);
  before.set("NUMBER(PG_swapcache)", 16);
  before.set("NUMBER(PG_head_mask)", 1 << 14);
  EXPECT_EQ(layout_of(before).swap_cache_mask, std::uint64_t{1} << 16);
}

// What a newer note lost is not what an older kernel has not: see page_layout_old_test.cc.
TEST(PageLayout, LostTailsAndTypes) {
  for (const char* key : {"OFFSET(page.compound_head)", "OFFSET(page._mapcount)"}) {
    const Feature f = key[12] == 'c' ? Feature::tails : Feature::types;
    Note damaged = note_of(Era::v5_10);
    damaged.remove(key);
    EXPECT_FALSE(layout_of(damaged).has(f)) << key;
  }
}

// 4.5 to 4.15: 32-bit fields side by side (include/linux/mm_types.h).
TEST(PageLayout, WideCompoundFieldsOfOldKernels) {
  Note note = note_of(Era::v5_10);
  note.set("OFFSET(page.compound_dtor)", 40);
  note.set("OFFSET(page.compound_order)", 44);
  note.set("OFFSET(page.private)", 48);
  note.set("OFFSET(page._mapcount)", 56);
  const PageLayout layout = layout_of(note);
  EXPECT_TRUE(layout.has(Feature::compound)) << layout.missing(Feature::compound);
  EXPECT_TRUE(layout.has(Feature::hugetlb));
  EXPECT_EQ(layout.order_offset, 44U);
  EXPECT_EQ(layout.hugetlb_offset, 40U);
}

}  // namespace
}  // namespace vmsift
