// SPDX-License-Identifier: GPL-2.0-or-later
// What the two files about x86_64 share: x86_64.cc, for dumps that say where their kernel lies, and
// x86_64_boot.cc, for those that do not.
#pragma once

#include "arch/arch.h"

namespace vmsift::x86_64 {

constexpr std::uint64_t kStartKernelMap = 0xffffffff80000000;

std::optional<VirtAddr> page_table_root(const Vmcoreinfo& note);
bool is_encryption_mask(std::uint64_t mask);  // or 0
PageTable page_table(PhysAddr root, bool five_levels, std::uint64_t encryption_mask);

// Arch::find_boot
Result<std::optional<std::string>> find_boot(const MemorySource& source, const Vmcoreinfo& given);

}  // namespace vmsift::x86_64
