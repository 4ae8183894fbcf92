// SPDX-License-Identifier: GPL-2.0-or-later
// Huge pages of hugetlbfs, in use or in the pool: they hold nothing but user data.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.type() == PageType::hugetlb && !t.has(Traits::kTail);
}

}  // namespace

extern constinit const Filter kHugetlb = {
    .name = "hugetlb pages",
    .page_class = PageClass::hugetlb,
    .needs = {Feature::hugetlb},
    .usually_since = KernelRelease{},
    .always_dropped = false,
    .levels = kLevelUser,
    .matches = matches,
};

}  // namespace vmsift
