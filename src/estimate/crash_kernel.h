// SPDX-License-Identifier: GPL-2.0-or-later
// What the running kernel has ready for its own crash, as /sys/kernel/kexec_crash_loaded and
// kexec_crash_size say (kernel/ksysfs.c).
#pragma once

#include <cstdint>
#include <string>

namespace vmsift {

struct CrashKernel {
  bool loaded = false;               // a kernel to boot into
  std::uint64_t reserved_bytes = 0;  // of memory set aside for it
};

// Nothing where the files are not there: a kernel without kexec. `root` is put in front of /sys.
CrashKernel read_crash_kernel(const std::string& root = "");

}  // namespace vmsift
