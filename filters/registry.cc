// SPDX-License-Identifier: GPL-2.0-or-later
// Every filter, one line each, in order of precedence.
#include "filters/filter.h"

#include <array>

namespace vmsift {

extern const Filter kHwPoison, kOffline, kOfflineBlock, kUnaccepted, kFree, kSlab, kPageTable,
    kHugetlb, kCache, kCachePrivate, kUser;

namespace {

constexpr std::array<const Filter*, 11> kFilters = {
    &kHwPoison,  // before everything that would read the page
    &kOffline,   &kOfflineBlock, &kUnaccepted, &kFree,         &kSlab,
    &kPageTable, &kHugetlb,      &kCache,      &kCachePrivate, &kUser,
};

}  // namespace

std::span<const Filter* const> all_filters() {
  return kFilters;
}

ClassSet dropped_classes(unsigned level) {
  ClassSet set;
  for (const Filter* f : kFilters) {
    if (f->always_dropped || (level & f->levels) != 0) set.add(f->page_class);
  }
  return set;
}

}  // namespace vmsift
