// SPDX-License-Identifier: GPL-2.0-or-later
// What every filter owes to the others, and the dump levels in makedumpfile's sense.
#include "filters/filter.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace vmsift {
namespace {

std::size_t place_of(PageClass c) {
  const auto filters = all_filters();
  for (std::size_t i = 0; i < filters.size(); ++i) {
    if (filters[i]->page_class == c) return i;
  }
  return filters.size();
}

TEST(Filters, EveryNameIsItsOwnAndThoseOfAClassAgree) {
  std::set<std::string_view> names;
  std::map<PageClass, const Filter*> classes;
  for (const Filter* f : all_filters()) {
    EXPECT_FALSE(f->name.empty());
    EXPECT_TRUE(names.insert(f->name).second) << f->name;
    const Filter* first = classes.emplace(f->page_class, f).first->second;
    EXPECT_EQ(f->levels, first->levels) << f->name;
    EXPECT_EQ(f->always_dropped, first->always_dropped) << f->name;
    EXPECT_NE(f->matches, nullptr);
    EXPECT_EQ(f->levels & ~kMaxLevel, 0U) << f->name;
    EXPECT_EQ(f->levels & kLevelZero, 0U) << "told by content: " << f->name;
    // What lies outside of the struct pages is no filter's business.
    for (const PageClass c :
         {PageClass::hole, PageClass::absent, PageClass::kernel, PageClass::unknown}) {
      EXPECT_NE(f->page_class, c) << f->name;
    }
  }
}

TEST(Filters, EveryClassHasAName) {
  std::set<std::string_view> names;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    EXPECT_FALSE(name_of(static_cast<PageClass>(c)).empty());
    EXPECT_TRUE(names.insert(name_of(static_cast<PageClass>(c))).second);
  }
  EXPECT_EQ(name_of(PageClass::unknown), "unknown");
  EXPECT_EQ(name_of(PageClass::cache_private), "cache_private");
}

TEST(Filters, EachCanMatchSomething) {
  for (const Filter* f : all_filters()) {
    bool any = false;
    for (std::size_t bits = 0; bits < Traits::kCombinations; ++bits) {
      any = any || f->matches(Traits(static_cast<std::uint16_t>(bits)));
    }
    EXPECT_TRUE(any) << f->name;
  }
}

// Reading a poisoned page stops the machine, whatever else the page is; what must be kept is found
// before what may go.
TEST(Filters, Precedence) {
  EXPECT_EQ(place_of(PageClass::hwpoison), 0U);
  EXPECT_LT(place_of(PageClass::free), place_of(PageClass::cache));
  EXPECT_LT(place_of(PageClass::slab), place_of(PageClass::user));
  EXPECT_LT(place_of(PageClass::page_table), place_of(PageClass::user));
  EXPECT_LT(place_of(PageClass::hugetlb), place_of(PageClass::cache));
}

// makedumpfile(8), -d: 1 zero, 2 non-private cache, 4 cache with private data and (as its code has
// it) the cache without, 8 user data, 16 free. Offline and poisoned pages are never written.
TEST(Filters, DroppedClassesOfAll32Levels) {
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    const ClassSet dropped = dropped_classes(level);
    const bool cache_all = (level & 4) != 0;
    EXPECT_EQ(dropped.contains(PageClass::cache), cache_all || (level & 2) != 0) << level;
    EXPECT_EQ(dropped.contains(PageClass::cache_private), cache_all) << level;
    EXPECT_EQ(dropped.contains(PageClass::user), (level & 8) != 0) << level;
    EXPECT_EQ(dropped.contains(PageClass::hugetlb), (level & 8) != 0) << level;
    EXPECT_EQ(dropped.contains(PageClass::free), (level & 16) != 0) << level;
    EXPECT_EQ(dropped.contains(PageClass::unaccepted), (level & 16) != 0) << level;
    EXPECT_TRUE(dropped.contains(PageClass::hwpoison)) << level;
    EXPECT_TRUE(dropped.contains(PageClass::offline)) << level;
    for (const PageClass c :
         {PageClass::slab, PageClass::page_table, PageClass::kernel, PageClass::unknown}) {
      EXPECT_FALSE(dropped.contains(c)) << level << " " << name_of(c);
    }
  }
}

}  // namespace
}  // namespace vmsift
