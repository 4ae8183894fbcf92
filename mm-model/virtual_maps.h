// SPDX-License-Identifier: GPL-2.0-or-later
// Where physical memory stands in the crashed kernel's virtual memory: what readers of an ELF core
// (gdb, drgn) need as p_vaddr.
#pragma once

#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace vmsift {

struct VirtualMaps {
  std::optional<std::uint64_t> direct_map;  // virtual address of physical 0; nullopt: not known
  std::vector<VirtualRange> image;          // the kernel image, where it has a mapping of its own
};

// From the dump's headers where they tell, else from the page tables. `layout` is nullptr when
// virtual addresses cannot be translated.
VirtualMaps find_virtual_maps(const MemorySource& source, const AddressLayout* layout);

}  // namespace vmsift
