// SPDX-License-Identifier: GPL-2.0-or-later
// Damage to a synthetic kernel, from the lines of a case that begin with "spoil".
#pragma once

#include "tests/unit/support/synthetic_kernel.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vmsift::test {

using Words = std::vector<std::string>;

// Throws what is wrong with it.
std::uint64_t parse_number(const std::string& text);
void spoil(SyntheticKernel& kernel, const Words& words);

}  // namespace vmsift::test
