// SPDX-License-Identifier: GPL-2.0-or-later
// Slab pages hold kernel objects and are always kept. This filter stands before the user pages:
// some slab counters overlay page.mapping (6.2 on) and then look like an anonymous mapping.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.type() == PageType::slab;
}

}  // namespace

extern constinit const Filter kSlab = {
    .name = "slab pages",
    .page_class = PageClass::slab,
    .needs = {Feature::slab},
    .usually_since = KernelRelease{},
    .always_dropped = false,
    .levels = 0,
    .matches = matches,
};

}  // namespace vmsift
