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
  // Virtual ranges that are a constant away from physical memory, consulted before the tables in
  // this order: where the kernel's image is mapped, if not as part of the direct map, and then the
  // direct map, if it is known without the tables, and what else there is.
  std::vector<VirtualRange> image;
  std::vector<VirtualRange> linear;  // the direct map first
  // What the kernel keeps a list of, consulted next: sorted and disjoint; may be thousands.
  std::vector<VirtualRange> listed;
  PageTable table;
  // Whether the tables map the image too, so that the one can be checked against the other.
  bool tables_map_image = true;
  // Why `table` is empty, where the architecture has tables; what they map cannot be read then.
  std::string no_tables;
  // Top bits of kernel pointers that may hold a tag (arm64): they are ones in the address.
  std::uint64_t tag_bits = 0;
  unsigned section_size_bits = 0;  // where the note has no NUMBER(SECTION_SIZE_BITS)
  unsigned max_physmem_bits = 0;   // where the note has no NUMBER(MAX_PHYSMEM_BITS)
  unsigned word_bytes = 8;         // of a pointer and a long; detect_layout() leaves it
  std::uint64_t phys_base = 0;     // for the dump header; 0 where the architecture has none
};

struct Arch {
  std::string_view name;  // as uname -m says it
  // What else uname -m may say, separated by blanks; a * at the end of one stands for anything.
  std::string_view other_names;
  std::uint16_t elf_machine;                // e_machine
  unsigned word_bytes;                      // of a pointer and a long: 8 or 4
  std::span<const std::size_t> page_sizes;  // that its kernels can have, the usual one first
  // Errors name the key that is missing. The source's memory may be read, with bounds.
  Result<AddressLayout> (*detect_layout)(const MemorySource& source, const Vmcoreinfo& note);

  // Symbols of the kernel's image, which KASLR moves as a whole, are at this address and above.
  std::uint64_t image_start;
  // For a dump without a note: finds the kernel that `given` tells of as it was linked, and returns
  // a note with what its boot decided. nullopt: that kernel is not in this memory. nullptr: cannot.
  Result<std::optional<std::string>> (*find_boot)(const MemorySource& source,
                                                  const Vmcoreinfo& given);
};

std::span<const Arch* const> all_archs();
// By the machine's number, or by its name where the dump has only that; nullptr: not known.
const Arch* find_arch(std::uint16_t elf_machine, std::string_view name, unsigned word_bytes,
                      std::span<const Arch* const> archs = all_archs());
const Arch* find_arch(const DumpInfo& dump, std::span<const Arch* const> archs = all_archs());

}  // namespace vmsift
