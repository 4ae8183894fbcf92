// SPDX-License-Identifier: GPL-2.0-or-later
// Anonymous pages of processes, KSM pages too: bit 0 of page.mapping (include/linux/page-flags.h,
// PAGE_MAPPING_ANON). Pages with a type of their own keep other things in that word, and so does
// the second page of every block, kernel memory included (a count that begins at -1 in 4.5 to 4.17,
// in 6.6 and since 6.15): where tails are not known as such no page can be told to be anonymous.
// Until 3.0 the lock of a page table may lie over the word: RuleTable believes pages on the LRU.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return !t.has(Traits::kTail) && t.type() == PageType::none && t.has(Traits::kAnon);
}

}  // namespace

extern constinit const Filter kUser = {
    .name = "user process data pages",
    .page_class = PageClass::user,
    .needs = {Feature::mapping, Feature::types, Feature::slab, Feature::tails},
    .usually_since = KernelRelease{},
    .always_dropped = false,
    .levels = kLevelUser,
    .matches = matches,
};

}  // namespace vmsift
