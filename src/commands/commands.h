// SPDX-License-Identifier: GPL-2.0-or-later
// What vmsift can be told to do; one file each. They return the exit status and report their own
// errors; an Error comes back only where nothing was done, and main() maps it to an exit status.
#pragma once

#include "src/base/result.h"
#include "src/cli/options.h"
#include "src/report/log.h"

namespace vmsift {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitMismatch = 2;  // a file given does not belong to the dump

Result<int> run_create(const Options& options, const Log& log);
Result<int> run_levels(const Options& options, const Log& log);
Result<int> run_estimate(const Options& options, const Log& log);
Result<int> run_rearrange(const Options& options, const Log& log);
Result<int> run_reassemble(const Options& options, const Log& log);
Result<int> run_dmesg(const Options& options, const Log& log);
Result<int> run_mem_usage(const Options& options, const Log& log);
Result<int> run_vtop(const Options& options, const Log& log);
Result<int> run_make_vmcoreinfo(const Options& options, const Log& log);

}  // namespace vmsift
