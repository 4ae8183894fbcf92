// SPDX-License-Identifier: GPL-2.0-or-later
// What differs from one architecture to the next, as data: one file an architecture, one line in
// registry.cc. The code that uses it (the page-table walker, the memory model, the dump header) is
// the same for all.
#pragma once

#include "arch/page_table.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

// How one kernel places its addresses, found out from its note and the dump's headers.
struct AddressLayout {
  // Virtual ranges that are a constant away from physical memory; consulted before the tables.
  std::vector<VirtualRange> linear;
  PageTable table;
  unsigned word_bytes = 8;      // of a pointer and a long
  std::uint64_t phys_base = 0;  // for the dump header; 0 where the architecture has none
};

struct Arch {
  std::string_view name;       // as uname -m says it
  std::uint16_t elf_machine;   // e_machine
  unsigned word_bytes;         // of a pointer and a long: 8 or 4
  std::size_t page_size;       // where the note has no PAGESIZE
  unsigned section_size_bits;  // where the note has no NUMBER(SECTION_SIZE_BITS)
  unsigned max_physmem_bits;   // where the note has no NUMBER(MAX_PHYSMEM_BITS)
  // Errors name the key that is missing.
  Result<AddressLayout> (*detect_layout)(const DumpInfo& dump, const Vmcoreinfo& note);

  // Symbols of the kernel's image, which KASLR moves as a whole, are at this address and above.
  std::uint64_t image_start;
  // For a dump without a note: finds the kernel that `given` tells of as it was linked, and returns
  // a note with what its boot decided. nullopt: that kernel is not in this memory. nullptr: cannot.
  Result<std::optional<std::string>> (*find_boot)(const MemorySource& source,
                                                  const Vmcoreinfo& given);
};

std::span<const Arch* const> all_archs();
// By the machine's number, or by its name where the dump has only that; nullptr: not known.
const Arch* find_arch(std::uint16_t elf_machine, std::string_view name,
                      std::span<const Arch* const> archs = all_archs());

}  // namespace vmsift
