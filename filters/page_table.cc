// SPDX-License-Identifier: GPL-2.0-or-later
// Page tables, which every reader of the dump needs to translate addresses: always kept.
#include "filters/filter.h"

namespace vmsift {
namespace {

bool matches(Traits t) {
  return t.type() == PageType::table;
}

}  // namespace

extern constinit const Filter kPageTable = {
    .name = "page tables",
    .page_class = PageClass::page_table,
    .needs = {Feature::tables},
    .usually_since = std::nullopt,
    .always_dropped = false,
    .levels = 0,
    .matches = matches,
};

}  // namespace vmsift
