// SPDX-License-Identifier: GPL-2.0-or-later
// Memory blocks that are offline: hot-plugged and not onlined, or offlined to be pulled out. Nobody
// can use them, and nothing is in them. A page there is left out like one that the hypervisor took
// back, but only if its own struct page says in every way that it has no user: those that were
// never initialised (all zeros, all ones, or what was there before) say something else, and so do
// pages that hold the struct pages of their own block (memmap_on_memory, 5.13).
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.bits() == Traits::kIdleOffline;
}

}  // namespace

extern constinit const Filter kOfflineBlock = {
    .name = "pages of offline memory blocks",
    .page_class = PageClass::offline,
    // Whatever could say that a page has a user.
    .needs = {Feature::online, Feature::page_count, Feature::types, Feature::flags, Feature::lru,
              Feature::private_, Feature::swap_cache, Feature::mapping, Feature::tails,
              Feature::compound},
    .usually_since = std::nullopt,
    .always_dropped = true,
    .levels = 0,
    .matches = matches,
};

}  // namespace vmsift
