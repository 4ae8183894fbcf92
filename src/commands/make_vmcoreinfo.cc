// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/commands.h"

namespace vmsift {

Result<int> run_make_vmcoreinfo(const Options& /*options*/, const Log& /*log*/) {
  return error("-g is not there yet");
}

}  // namespace vmsift
