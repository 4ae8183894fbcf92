// SPDX-License-Identifier: GPL-2.0-or-later
// Pages that the hypervisor took back or that were never given (page type "offline": balloon
// since 5.0, virtio-mem, Hyper-V and Xen balloons). A read may fault in the hypervisor and there
// is nothing in them, so they are left out at every level.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.type() == PageType::offline;
}

}  // namespace

extern constinit const Filter kOffline = {
    .name = "offline pages",
    .page_class = PageClass::offline,
    .needs = {Feature::offline},
    .usually_since = KernelRelease{5, 0},
    .always_dropped = true,
    .levels = 0,
    .matches = matches,
};

}  // namespace vmsift
