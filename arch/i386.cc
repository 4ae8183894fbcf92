// SPDX-License-Identifier: GPL-2.0-or-later
// i386: two levels of 1024 entries of 4 bytes with leaves of 4 KiB and 4 MiB (Intel SDM volume 3,
// 4.3), or with PAE 4, 512 and 512 entries of 8 bytes with leaves of 4 KiB and 2 MiB (4.4).
//
// Low memory and the image in it are mapped from PAGE_OFFSET on, which CONFIG_VMSPLIT_* chooses
// (arch/x86/Kconfig) and the note does not name. KASLR (4.8) moves the image in memory and in the
// direct map alike. What lies behind low memory (vmalloc, modules, kmap; until 3.6 memory maps of
// other nodes, which were mapped over a part of it) is in the tables of swapper_pg_dir alone.
// PAE is CONFIG_X86_PAE=y in the note since there are notes (2.6.24).
#include "arch/linear_map.h"
#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>

namespace vmsift {
namespace {

constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kPageSizeBit = 1U << 7;  // a leaf above the last level
constexpr std::uint64_t kFrameMask = 0xfffff000;
constexpr std::uint64_t kPaeFrameMask = 0x000ffffffffff000;  // bits 12 to 51

constexpr std::array<std::size_t, 1> kPageSizes = {4096};

// CONFIG_VMSPLIT_3G, 3G_OPT, 2G, 2G_OPT, 1G.
constexpr std::array<std::uint64_t, 5> kPageOffsets = {0xc0000000, 0xb0000000, 0x80000000,
                                                       0x78000000, 0x40000000};
constexpr std::uint64_t kEnd = std::uint64_t{1} << 32;
constexpr std::uint64_t kStep = std::uint64_t{2} << 20;  // the smaller of both large leaves

PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  if ((raw & kPresent) == 0) return {};
  if (level.shift == 12) return {EntryKind::leaf, raw & kFrameMask};
  if ((raw & kPageSizeBit) == 0) return {EntryKind::table, raw & kFrameMask};
  // PSE-36: bits 13 to 20 are bits 32 to 39 of the address.
  return {EntryKind::leaf, (raw & 0xffc00000) | (raw >> 13 & 0xff) << 32};
}

PageTableEntry decode_pae(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  if ((raw & kPresent) == 0) return {};
  const bool large = level.shift == 21 && (raw & kPageSizeBit) != 0;
  const EntryKind kind = large || level.shift == 12 ? EntryKind::leaf : EntryKind::table;
  return {kind, raw & kPaeFrameMask};
}

PageTable page_table(bool pae, ByteOrder order) {
  PageTable table;
  table.order = order;
  table.upper_mask = ~std::uint64_t{0} << 32;
  if (pae) {
    table.levels = {{30, 2}, {21, 9}, {12, 9}};
    table.decode = decode_pae;
  } else {
    table.levels = {{22, 10}, {12, 10}};
    table.entry_bytes = 4;
    table.decode = decode_entry;
  }
  return table;
}

// The only word on PAGE_OFFSET in headers: __va() of low memory. Of high memory it is all ones.
std::vector<std::uint64_t> possible_offsets(const DumpInfo& dump) {
  std::vector<std::uint64_t> offsets;
  for (const VirtualRange& r : dump.virtual_ranges) {
    const std::uint64_t offset = r.vaddr.value - r.paddr.value;
    const bool possible = offset != 0 && offset < kEnd && offset % kStep == 0;
    if (possible && offsets.empty()) offsets.push_back(offset);
  }
  offsets.insert(offsets.end(), kPageOffsets.begin(), kPageOffsets.end());
  return offsets;
}

// Sets the root of `layout`: of tables that map themselves where that PAGE_OFFSET has them.
Result<std::uint64_t> find_page_offset(AddressLayout& layout, const MemorySource& source,
                                       VirtAddr root) {
  for (const std::uint64_t offset : possible_offsets(source.info())) {
    if (root.value < offset) continue;
    layout.table.root = {root.value - offset};
    AddressSpace memory(layout, source);
    const auto walked = memory.walk(root);
    if (walked && walked->paddr == layout.table.root) return offset;
  }
  return error(
      "SYMBOL(swapper_pg_dir) {:#x} leads to page tables that map themselves with no PAGE_OFFSET "
      "of i386 (0xc0000000, 0xb0000000, 0x80000000, 0x78000000, 0x40000000)",
      root.value);
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  const bool pae = note.text("CONFIG_X86_PAE") == "y";
  AddressLayout layout;
  layout.word_bytes = 4;
  layout.table = page_table(pae, source.info().order);
  const auto page_offset = find_page_offset(layout, source, *root);
  if (!page_offset) return error("{}", page_offset.message());
  layout.linear.push_back(linear_map_around(*root, {*page_offset}, {0}, kStep, layout, source));
  // arch/x86/include/asm/sparsemem.h; 30 bits with PAE until 2.6.25.
  layout.section_size_bits = pae ? 29 : 26;
  layout.max_physmem_bits = pae ? 36 : 32;
  return layout;
}

}  // namespace

extern constinit const Arch kI386 = {
    .name = "i686",
    .other_names = "i386 i486 i586",
    .elf_machine = EM_386,
    .word_bytes = 4,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = kPageOffsets.back(),
    .find_boot = nullptr,
};

}  // namespace vmsift
