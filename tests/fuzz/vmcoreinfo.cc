// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/vmcoreinfo.h"

#include "filters/rules.h"
#include "mm-model/page_layout.h"
#include "tests/fuzz/read_dump.h"
#include "tests/fuzz/targets.h"

#include <string_view>

namespace vmsift::fuzz {

void fuzz_vmcoreinfo(Input input) {
  const Vmcoreinfo note(
      std::string_view(reinterpret_cast<const char*>(input.data()), input.size()));
  for (const auto& [key, value] : note.entries()) {
    require(note.text(key) == value);
    static_cast<void>(note.decimal(key));
    const auto open = key.find('(');
    if (open == std::string::npos || key.back() != ')') continue;
    const std::string name = key.substr(open + 1, key.size() - open - 2);
    const auto symbol = note.symbol(name);
    require(!symbol || symbol->value != 0);
    require(note.number(name).has_value() == note.has_number(name));
    for (const auto& number : {note.size(name), note.offset(name), note.length(name)}) {
      require(!number || *number <= 0x7fffffff);
    }
  }
  const PageLayout layout = PageLayout::detect(note);
  const RuleTable rules(layout);
  for (const RuleStatus& rule : rules.rules()) require(rule.filter != nullptr);
}

}  // namespace vmsift::fuzz
