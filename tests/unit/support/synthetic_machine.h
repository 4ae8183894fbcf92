// SPDX-License-Identifier: GPL-2.0-or-later
// The machines that a synthetic kernel can run on: x86_64, made-up ones of any word size, page size
// and byte order, and the other architectures, each with page tables in its own format. One file
// and one line in synthetic_machine.cc each.
#pragma once

#include "arch/arch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift::test {

class Note;
class SyntheticKernel;
struct KernelShape;

struct Machine {
  const Arch* arch = nullptr;
  unsigned word = 8;  // bytes of a long
  unsigned page_shift = 12;
  std::vector<PageTableLevel> levels;  // the root's first
  unsigned entry_bytes = 8;
  std::optional<ByteOrder> entry_order;  // nullopt: the machine's
  // The entry that maps the 2^shift bytes at `frame`, and that of a table whose entries are found
  // by one of the level of this shift.
  std::uint64_t (*leaf)(std::uint64_t frame, unsigned shift, const Machine&) = nullptr;
  std::uint64_t (*table)(std::uint64_t at, unsigned shift, const Machine&) = nullptr;
  unsigned direct_shift = 30;  // leaves of the direct map
  // Where memory, its struct pages and the kernel's image are mapped.
  std::uint64_t direct = 0, vmemmap = 0, image = 0;
  std::uint64_t kaslr = 0;          // how far the image is from its place
  unsigned image_shift = 0;         // leaves of the image; 0: it is part of the direct map
  bool direct_in_tables = true;     // else the processor has a window to memory
  bool vmemmap_in_tables = true;    // else prepare() says where it is
  unsigned physmem_bits = 0;        // 0: as the release has it for x86_64
  unsigned flat_physmem_bits = 36;  // with one array of all sections, which should not be large
  // What arch_crash_save_vmcoreinfo() writes.
  void (*describe)(const SyntheticKernel&, Note&) = nullptr;
  // Structures of its own, when all else is there.
  void (*prepare)(SyntheticKernel&) = nullptr;

  [[nodiscard]] std::uint64_t page() const { return std::uint64_t{1} << page_shift; }
};

// Levels as of tables that fill a page each, up to `top` address bits.
std::vector<PageTableLevel> levels_of_pages(unsigned page_shift, unsigned top);

// By KernelShape's machine, and made_up_word and page_shift where that is empty.
Machine make_machine(const KernelShape& shape);

// As Linux of mips and loongarch has them: entries that map nothing point to an empty table of the
// next level, one for each level.
void link_empty_entries(SyntheticKernel& kernel);

// "", WIDE, "2g" or WIDE-2g, where WIDE names tables of 8-byte entries; anything else throws.
struct LowMemoryVariant {
  bool wide = false;
  bool at_2g = false;  // PAGE_OFFSET; else 3 GiB
};
LowMemoryVariant low_memory_variant(const KernelShape& shape, const std::string& wide);

// machine_NAME.cc
Machine make_arm(const KernelShape& shape);
Machine make_arm64(const KernelShape& shape);
Machine make_i386(const KernelShape& shape);
Machine make_loongarch64(const KernelShape& shape);
Machine make_made_up(const KernelShape& shape);
Machine make_mips64(const KernelShape& shape);
Machine make_riscv64(const KernelShape& shape);
Machine make_s390x(const KernelShape& shape);
Machine make_sh(const KernelShape& shape);
Machine make_sparc64(const KernelShape& shape);
Machine make_ppc32(const KernelShape& shape);
Machine make_ppc64(const KernelShape& shape);
Machine make_x86_64(const KernelShape& shape);

}  // namespace vmsift::test
