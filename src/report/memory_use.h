// SPDX-License-Identifier: GPL-2.0-or-later
// This process' own memory, from /proc/self/status.
#pragma once

#include <cstdint>

namespace vmsift {

struct MemoryUse {
  std::uint64_t peak_resident = 0;  // bytes, mapped input included (VmHWM)
  std::uint64_t anonymous = 0;      // bytes, when asked (RssAnon): what a small machine has to give
};

MemoryUse memory_use();  // zeros where /proc does not tell

}  // namespace vmsift
