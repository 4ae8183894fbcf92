// SPDX-License-Identifier: GPL-2.0-or-later
// What a ppc64 kernel keeps in memory about its own mappings: sizes of pages that its MMU knows,
// and the list of memory behind vmemmap. All of it lies in the direct map.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"

#include <optional>
#include <vector>

namespace vmsift::ppc64 {

// More than a machine of 16 TiB has when 64 KiB of vmemmap are one element.
inline constexpr unsigned kMostBackings = 1U << 18;

// mmu_psize_defs[] (arch/powerpc/include/asm/mmu.h): pages of 2 MiB or 1 GiB are radix, of 16 MiB
// or 16 GiB hash. nullopt: neither is there, or both, or the note does not say where to look.
std::optional<bool> radix_by_page_sizes(const Vmcoreinfo& note, AddressSpace& memory);

// What vmemmap_list maps (arch/powerpc/mm/init_64.c, 2.6.34; in the note since 3.12): with hash the
// only word on it, since it is in no page table; with radix until 6.5 too. Sorted, disjoint,
// neighbours joined; empty where the note does not name it or the kernel has none. Errors name what
// is missing or cannot be.
Result<std::vector<VirtualRange>> read_vmemmap_list(const Vmcoreinfo& note, AddressSpace& memory);

}  // namespace vmsift::ppc64
