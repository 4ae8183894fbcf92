// SPDX-License-Identifier: GPL-2.0-or-later
// What the lines before and after a dump are made of, out of options and input.
#pragma once

#include "src/cli/options.h"
#include "src/commands/input.h"
#include "src/report/run_summary.h"

namespace vmsift {

RunFacts run_facts(const Options& options, const Input& input, const RunReport& report);

// How large a dump of this level is going to be, from a sample of memory; empty where that cannot
// be told. `dropped`: classes that it leaves out.
std::string expected_size(const Options& options, const Input& input, unsigned level,
                          ClassSet dropped);

}  // namespace vmsift
