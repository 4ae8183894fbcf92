// SPDX-License-Identifier: GPL-2.0-or-later
// A note that contradicts the headers of its dump: it is another kernel's, or damaged, and what it
// says of struct pages would be anybody's guess. It is not believed at all then, so that every page
// is kept; the message names what both say.
//
// An alarm that is false would cost a large dump, so silence is no contradiction: memory without a
// virtual address (QEMU writes 0, kexec all ones for highmem), an address that equals the physical
// one, one that the tables do not map or whose tables are not in the dump.
#pragma once

#include "arch/arch.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"
#include "src/input/memory_source.h"

#include <cstddef>

namespace vmsift {

// PAGESIZE against the architecture and the size that the dump is read with; addresses against the
// width of a pointer. Before the note is asked for anything else.
Result<void> check_note_values(const Arch& arch, const MemorySource& source,
                               const Vmcoreinfo& note);

// p_vaddr and p_paddr of PT_LOADs against the layout that the note led to, tables included. The
// first kMostLoadsChecked are looked at.
inline constexpr std::size_t kMostLoadsChecked = 256;
Result<void> check_mapped_memory(const AddressLayout& layout, const MemorySource& source);

}  // namespace vmsift
