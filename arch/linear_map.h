// SPDX-License-Identifier: GPL-2.0-or-later
// Where low memory of 32-bit kernels ends is in no note: vmalloc() has the addresses above. Their
// page tables map it, and say so.
#pragma once

#include "arch/arch.h"

namespace vmsift {

// What the tables of `layout` map in one piece, as memory is mapped that has `start` at
// `page_offset`: from the step of addresses that has `inside`, up to 4 GiB and down to
// `page_offset`. `step` is the smallest of their large leaves, a power of two.
VirtualRange linear_map_around(VirtAddr inside, VirtAddr page_offset, PhysAddr start,
                               std::uint64_t step, const AddressLayout& layout,
                               const MemorySource& source);

}  // namespace vmsift
