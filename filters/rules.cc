// SPDX-License-Identifier: GPL-2.0-or-later
#include "filters/rules.h"

namespace vmsift {
namespace {

std::string why_off(const Filter& filter, const PageLayout& layout, const Objections& objections) {
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const auto feature = static_cast<Feature>(i);
    if (filter.needs.contains(feature) && !layout.has(feature)) {
      return layout.missing(feature) + " is missing";
    }
  }
  return objections[static_cast<std::size_t>(filter.page_class)];
}

}  // namespace

RuleTable::RuleTable(const PageLayout& layout, const Objections& objections) {
  for (const Filter* f : all_filters()) rules_.push_back({f, why_off(*f, layout, objections), {}});
  for (std::size_t bits = 0; bits < table_.size(); ++bits) {
    const Traits traits(static_cast<std::uint16_t>(bits));
    table_[bits] = PageClass::kernel;
    for (const RuleStatus& rule : rules_) {
      if (rule.off.empty() && rule.filter->matches(traits)) {
        table_[bits] = rule.filter->page_class;
        break;
      }
    }
  }
}

}  // namespace vmsift
