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
  std::string missing;  // what the note lacks; empty: the rule runs
};

class RuleTable {
 public:
  explicit RuleTable(const PageLayout& layout);

  [[nodiscard]] PageClass classify(Traits traits) const { return table_[traits.bits()]; }
  [[nodiscard]] const std::vector<RuleStatus>& rules() const { return rules_; }

 private:
  std::array<PageClass, Traits::kCombinations> table_;
  std::vector<RuleStatus> rules_;
};

}  // namespace vmsift
