// SPDX-License-Identifier: GPL-2.0-or-later
// The page cache with private data: buffer heads and what else a file system hangs on a page. File
// systems are looked at in a crash, hence a level bit of its own, which implies that of the rest of
// the cache.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return !t.has(Traits::kTail) && t.type() == PageType::none && !t.has(Traits::kAnon) &&
         t.has(Traits::kPrivate) && (t.has(Traits::kLru) || t.has(Traits::kSwapCache));
}

}  // namespace

extern constinit const Filter kCachePrivate = {
    .name = "private cache pages",
    .page_class = PageClass::cache_private,
    .needs = {Feature::lru, Feature::private_, Feature::mapping, Feature::tails},
    .usually_since = KernelRelease{},
    .always_dropped = false,
    .levels = kLevelCachePrivate,
    .matches = matches,
};

}  // namespace vmsift
