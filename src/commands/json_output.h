// SPDX-License-Identifier: GPL-2.0-or-later
// Where --stats=json[:FILE] puts its text.
#pragma once

#include "src/base/result.h"
#include "src/cli/options.h"

#include <string>

namespace vmsift {

// Whether it can be written there: asked before work begins that a bad path must not cost. Leaves
// an empty file where there was none.
Result<void> check_json(const Options& options);

// Does nothing without --stats.
Result<void> write_json(const Options& options, const std::string& text);

}  // namespace vmsift
