// SPDX-License-Identifier: GPL-2.0-or-later
// Free pages: blocks of 2^order pages that the buddy allocator owns, marked on their first page;
// its page.private holds the order. Decided before the cache: an LRU flag may survive in a freed
// page. Pages on per-CPU lists carry no mark and are kept.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.type() == PageType::buddy && !t.has(Traits::kTail);
}

}  // namespace

extern constinit const Filter kFree = {
    .name = "free pages",
    .page_class = PageClass::free,
    .needs = {Feature::buddy},
    .usually_since = KernelRelease{},
    .always_dropped = false,
    .levels = kLevelFree,
    .matches = matches,
};

}  // namespace vmsift
