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

std::string evidence_of(const Filter& filter, const PageLayout& layout) {
  std::string evidence;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const auto feature = static_cast<Feature>(i);
    if (!filter.needs.contains(feature) || layout.evidence(feature).empty()) continue;
    evidence += (evidence.empty() ? "" : ", ") + layout.evidence(feature);
  }
  return evidence;
}

// What is in the place of a mapping may be something else: such a page is none of any rule that
// asks for pages without a type.
Traits without_doubt(Traits traits, const PageLayout& layout) {
  const bool doubtful = layout.anon_only_on_lru && traits.has(Traits::kAnon) &&
                        !traits.has(Traits::kLru) && traits.type() == PageType::none;
  return doubtful ? Traits(traits.bits(), PageType::other) : traits;
}

}  // namespace

RuleTable::RuleTable(const PageLayout& layout, const Objections& objections,
                     const Substitutes& substitutes) {
  const auto substitute = [&](const Filter& f) {
    return substitutes[static_cast<std::size_t>(f.page_class)];
  };
  for (const Filter* f : all_filters()) {
    const std::string other = substitute(*f);
    const std::string off = other.empty() ? why_off(*f, layout, objections) : "";
    const std::string own = off.empty() ? evidence_of(*f, layout) : "";
    rules_.push_back({f, off, other.empty() ? own : other});
  }
  for (std::size_t bits = 0; bits < table_.size(); ++bits) {
    const Traits traits = without_doubt(Traits(static_cast<std::uint16_t>(bits)), layout);
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
