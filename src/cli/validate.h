// SPDX-License-Identifier: GPL-2.0-or-later
// What options and operands say together: the mode, what does not go with what, and which operand
// is what.
#pragma once

#include "src/base/result.h"
#include "src/cli/option_table.h"
#include "src/cli/options.h"

#include <span>

namespace vmsift {

// Sets command, inputs and outputs. `given` are the options that were there.
Result<void> settle(Options& options, const OptSet& given, std::span<char* const> operands);

}  // namespace vmsift
