// SPDX-License-Identifier: GPL-2.0-or-later
// Memory that a confidential guest (TDX, SEV-SNP) has not accepted from its host yet: free blocks
// of the largest order with a page type of their own since 6.12, named in the note since 6.16.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.type() == PageType::unaccepted && !t.has(Traits::kTail);
}

}  // namespace

extern constinit const Filter kUnaccepted = {
    .name = "unaccepted pages",
    .page_class = PageClass::unaccepted,
    .needs = {Feature::unaccepted},
    .usually_since = std::nullopt,
    .always_dropped = false,
    .levels = kLevelFree,
    .matches = matches,
};

}  // namespace vmsift
