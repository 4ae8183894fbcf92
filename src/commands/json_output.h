// SPDX-License-Identifier: GPL-2.0-or-later
// Where --stats=json[:FILE] puts its text.
#pragma once

#include "src/base/result.h"
#include "src/cli/options.h"

#include <string>

namespace vmsift {

// Does nothing without --stats.
Result<void> write_json(const Options& options, const std::string& text);

}  // namespace vmsift
