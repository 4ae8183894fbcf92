// SPDX-License-Identifier: GPL-2.0-or-later
// Pages with a memory error (PG_hwpoison, any page of a compound one too). Reading one can stop the
// machine that writes the dump, so they are left out at every level and looked for before all else.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.has(Traits::kHwPoison);
}

}  // namespace

extern constinit const Filter kHwPoison = {
    .name = "hwpoison pages",
    .page_class = PageClass::hwpoison,
    .needs = {Feature::hwpoison},
    .usually_since = std::nullopt,
    .always_dropped = true,
    .levels = 0,
    .matches = matches,
};

}  // namespace vmsift
