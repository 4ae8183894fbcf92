// SPDX-License-Identifier: GPL-2.0-or-later
// The page cache, tmpfs and swap cache included, where a file page has no private data: what can be
// read from disk again. Pages still in a per-CPU LRU batch have no PG_lru yet and are kept.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return !t.has(Traits::kTail) && t.type() == PageType::none && !t.has(Traits::kAnon) &&
         !t.has(Traits::kPrivate) && (t.has(Traits::kLru) || t.has(Traits::kSwapCache));
}

}  // namespace

extern constinit const Filter kCache = {
    .name = "non-private cache pages",
    .page_class = PageClass::cache,
    .needs = {Feature::lru, Feature::private_, Feature::mapping, Feature::tails},
    .usually_since = KernelRelease{},
    .always_dropped = false,
    .levels = kLevelCache | kLevelCachePrivate,
    .matches = matches,
};

}  // namespace vmsift
