// SPDX-License-Identifier: GPL-2.0-or-later
#include "filters/rules.h"

namespace vmsift {
namespace {

std::string why_off(const Filter& filter, const PageLayout& layout, const Objections& objections) {
  const std::string& objection = objections[static_cast<std::size_t>(filter.page_class)];
  if (!objection.empty()) return objection;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const auto feature = static_cast<Feature>(i);
    if (filter.needs.contains(feature) && !layout.has(feature)) {
      return layout.missing(feature) + " is missing";
    }
  }
  return {};
}

}  // namespace

RuleTable::RuleTable(const PageLayout& layout, const Objections& objections,
                     const Substitutes& substitutes) {
  const auto substitute = [&](const Filter& f) {
    return substitutes[static_cast<std::size_t>(f.page_class)];
  };
  for (const Filter* f : all_filters()) {
    const std::string other = substitute(*f);
    rules_.push_back({f, other.empty() ? why_off(*f, layout, objections) : "", other});
  }
  for (std::size_t bits = 0; bits < table_.size(); ++bits) {
    const Traits traits(static_cast<std::uint16_t>(bits));
    table_[bits] = PageClass::kernel;
    for (const RuleStatus& rule : rules_) {
      if (rule.off.empty() && substitute(*rule.filter).empty() && rule.filter->matches(traits)) {
        table_[bits] = rule.filter->page_class;
        break;
      }
    }
  }
}

}  // namespace vmsift
