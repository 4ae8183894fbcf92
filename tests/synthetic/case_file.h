// SPDX-License-Identifier: GPL-2.0-or-later
// A synthetic kernel from a text of a few lines; README.md says what they can be.
#pragma once

#include "tests/unit/support/synthetic_kernel.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift::test {

struct Case {
  std::unique_ptr<SyntheticKernel> kernel;
  std::string message;  // in the kernel's log; empty: there is none
  // Something is damaged: pages may be kept that need not be, but for those of the classes `same`.
  bool spoilt = false;
  ClassSet same;
  std::vector<std::string> reports;  // what a summary must say
};

// Throws what is wrong with the text, and in which line.
Case parse_case(std::string_view text);
Case read_case(const std::string& path);

}  // namespace vmsift::test
