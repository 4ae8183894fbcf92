// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift-vmcoreinfo, run as a program of its own: it alone needs libdw.
#pragma once

#include "src/base/result.h"

#include <string>

namespace vmsift {

// The program stands beside this one, or where it is installed.
std::string vmlinux_reader();

// What `program` writes for a vmlinux: the text of the note that this kernel would have.
Result<std::string> describe_vmlinux(const std::string& program, const std::string& vmlinux);

}  // namespace vmsift
