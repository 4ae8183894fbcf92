// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/synthetic_machine.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace vmsift::test {

namespace {

struct Named {
  std::string_view name;
  Machine (*make)(const KernelShape& shape);
};
constexpr std::array<Named, 4> kMachines = {{
    {"arm", make_arm},
    {"arm64", make_arm64},
    {"x86_64", make_x86_64},
    {"made-up", make_made_up},
}};

}  // namespace

std::vector<PageTableLevel> levels_of_pages(unsigned page_shift, unsigned top) {
  std::vector<PageTableLevel> levels;
  for (unsigned shift = page_shift; shift < top;) {
    const unsigned bits = std::min(page_shift - 3, top - shift);
    levels.push_back({static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(bits)});
    shift += bits;
  }
  std::reverse(levels.begin(), levels.end());
  return levels;
}

Machine make_machine(const KernelShape& shape) {
  std::string_view name = shape.machine;
  if (name.empty()) name = shape.made_up_word != 0 ? "made-up" : "x86_64";
  const auto at = std::find_if(kMachines.begin(), kMachines.end(),
                               [name](const Named& m) { return m.name == name; });
  if (at == kMachines.end()) throw std::runtime_error(std::string(name) + " is no machine");
  return at->make(shape);
}

}  // namespace vmsift::test
