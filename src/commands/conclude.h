// SPDX-License-Identifier: GPL-2.0-or-later
// What is told when a dump ends, however it ended.
#pragma once

#include "src/cli/options.h"
#include "src/commands/dump_members.h"
#include "src/commands/input.h"
#include "src/report/log.h"
#include "src/report/run_report.h"

#include <optional>

namespace vmsift {

// Messages, table and JSON, and the exit status. `failure` is what ended the run; files in which
// nothing was saved are removed.
int conclude(const Options& options, const Log& log, const Input& input, RunReport& report,
             DumpMembers& members, const std::optional<Error>& failure);

}  // namespace vmsift
