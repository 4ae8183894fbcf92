// SPDX-License-Identifier: GPL-2.0-or-later
// What the running kernel has ready for its own crash, as /sys/kernel/kexec_crash_loaded and
// kexec_crash_size (kernel/ksysfs.c) and the lines "Crash kernel" of /proc/iomem say.
#pragma once

#include "src/input/memory_source.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

struct CrashKernel {
  bool loaded = false;               // a kernel to boot into
  std::uint64_t reserved_bytes = 0;  // of memory set aside for it
  // Where that is: memory of the running kernel, but not of /proc/vmcore. Sorted and disjoint.
  std::vector<MemoryRange> ranges;
};

// Nothing where the files are not there: a kernel without kexec. `root` is put in front of /sys
// and /proc.
CrashKernel read_crash_kernel(const std::string& root = "");

// `iomem`: text as of /proc/iomem. Who is not root sees addresses of 0 there: no ranges. Of more
// than kMostCrashRanges the first are taken; kernels have two.
inline constexpr std::size_t kMostCrashRanges = 16;
std::vector<MemoryRange> crash_ranges(std::string_view iomem);

}  // namespace vmsift
