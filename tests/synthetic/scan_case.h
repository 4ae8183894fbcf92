// SPDX-License-Identifier: GPL-2.0-or-later
// The cases, and what the first pass makes of the kernel of one.
#pragma once

#include "tests/synthetic/case_file.h"

#include <string>
#include <vector>

namespace vmsift::test {

// Of cases/NAME.txt.
std::vector<std::string> case_names();
Case case_of(const std::string& name);
std::string test_name(std::string case_name);

struct Scan {
  std::vector<PageClass> classes;  // by page frame
  std::vector<bool> kept;
};
Scan scan(const Case& c, const KernelModel& model, unsigned level);

}  // namespace vmsift::test
