// SPDX-License-Identifier: GPL-2.0-or-later
// The text that a kernel's VMCOREINFO note would hold, out of its vmlinux. What only a boot
// decides (where the kernel lies, how large physical addresses are) is not in it.
#pragma once

#include "src/base/result.h"

#include <string>

namespace vmsift {

Result<std::string> describe_vmlinux(const std::string& path);

}  // namespace vmsift
