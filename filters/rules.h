// SPDX-License-Identifier: GPL-2.0-or-later
// The filters that this kernel's note supports, boiled down to one table: traits in, class out.
#pragma once

#include "filters/filter.h"

#include <array>
#include <string>
#include <vector>

namespace vmsift {

struct RuleStatus {
  const Filter* filter = nullptr;
  std::string off;       // why the rule does not run; empty: it does
  std::string evidence;  // what a rule that runs goes by
};

// Reasons to switch rules off that are not in the note, by class; empty: none.
using Objections = std::array<std::string, kPageClasses>;

// What the pages of a class are told by in place of its rule, by class; empty: by the rule.
using Substitutes = std::array<std::string, kPageClasses>;

class RuleTable {
 public:
  explicit RuleTable(const PageLayout& layout, const Objections& objections = {},
                     const Substitutes& substitutes = {});

  [[nodiscard]] PageClass classify(Traits traits) const { return table_[traits.bits()]; }
  [[nodiscard]] const std::vector<RuleStatus>& rules() const { return rules_; }

 private:
  std::array<PageClass, Traits::kCombinations> table_;
  std::vector<RuleStatus> rules_;
};

}  // namespace vmsift
