// SPDX-License-Identifier: GPL-2.0-or-later
// Where a synthetic kernel's image has what its note names, for who lays it out and who describes
// it: page frames from the first of memory, and offsets in the page of data.
#pragma once

#include "src/base/types.h"

#include <cstdint>

namespace vmsift::test {

class SyntheticKernel;

namespace variables {
constexpr Pfn kText = 0x200, kPgd = 0x300, kData = 0x310;
constexpr std::uint64_t kMemSection = 0, kMemMap = 8, kPhysBase = 16, kNodeOnlineMap = 64,
                        kUts = 0x100, kVmlist = 0x400, kNodeData = 0x500;
constexpr std::uint64_t kFreeHugePage = 0x120;  // a function, in the text
}  // namespace variables

constexpr unsigned kSectionBits = 27;

// Sets kernel.note to what a kernel of that release and shape exports.
void write_note(SyntheticKernel& kernel);

}  // namespace vmsift::test
