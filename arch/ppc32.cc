// SPDX-License-Identifier: GPL-2.0-or-later
// ppc32: Book3S/32 and e500 with page tables of 4-byte entries.
//
// Low memory, at most 768 MiB of it, and the image in it are mapped from PAGE_OFFSET on, by BATs or
// a TLB rather than by tables; CONFIG_PAGE_OFFSET is 0xc0000000 unless the headers say otherwise.
// vmalloc and modules are in the kernel's own tables of two levels, which the processor reads on no
// Book3S/32. Book3S/32 puts physical addresses on the upper level, e500 virtual ones. Kernels with
// CONFIG_PTE_64BIT (e500 with 36 bits, 44x, 86xx) have tables of two entry sizes: not known here.
// Facts: arch/powerpc/include/asm/{book3s,nohash}/32/pgtable.h, pgalloc.h and pte-e500.h of 4.5 to
// 6.12, pgtable-ppc32.h before.
#include "arch/arch.h"
#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>

namespace vmsift {
namespace {

constexpr std::uint64_t kPageOffset = 0xc0000000;
constexpr std::uint64_t kLowMemory = 0x30000000;  // CONFIG_LOWMEM_SIZE
constexpr std::uint32_t kPresent = 1U << 0;       // _PAGE_PRESENT of Book3S/32 and e500
constexpr std::uint64_t kFrameMask = 0xfffff000;
constexpr unsigned kPageShift = 12, kTableShift = 22;
constexpr std::array<std::size_t, 1> kPageSizes = {4096};

PageTableEntry decode_leaf(std::uint64_t raw) {
  return (raw & kPresent) != 0 ? PageTableEntry{EntryKind::leaf, raw & kFrameMask}
                               : PageTableEntry{};
}

PageTableEntry decode_physical(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  if (level.shift == kPageShift) return decode_leaf(raw);
  if ((raw & kFrameMask) == 0) return {};
  return {EntryKind::table, raw & kFrameMask};
}

PageTableEntry decode_virtual(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  if (level.shift == kPageShift) return decode_leaf(raw);
  if (raw < kPageOffset) return {};
  return {EntryKind::table, (raw & kFrameMask) - kPageOffset};
}

// Where low memory is mapped: the PT_LOADs that are as far from it as the one of the text.
Result<VirtualRange> find_low_memory(const DumpInfo& dump, VirtAddr text) {
  for (const VirtualRange& r : dump.virtual_ranges) {
    if (r.vaddr.value == 0 || text - r.vaddr >= r.size) continue;
    VirtualRange low = r;
    for (const VirtualRange& other : dump.virtual_ranges) {
      if (other.vaddr - r.vaddr != other.paddr - r.paddr || other.vaddr < r.vaddr) continue;
      low.size = std::max(low.size, other.vaddr - r.vaddr + other.size);
    }
    low.size = std::min(low.size, kLowMemory);
    return low;
  }
  if (text.value < kPageOffset || text.value >= kPageOffset + kLowMemory) {
    return error("SYMBOL(_stext) {:#x} is not where low memory usually is and no PT_LOAD maps it",
                 text.value);
  }
  const std::uint64_t end = dump.max_pfn << kPageShift;
  return VirtualRange{{kPageOffset}, {0}, std::min(end, kLowMemory)};
}

// The kernel's quarter of the first level, as kernels with 4-byte entries have it.
void find_tables(const MemorySource& source, VirtAddr root, AddressLayout& layout) {
  const VirtualRange& low = layout.linear.front();
  PageTable table;
  table.levels = {{kTableShift, 10}, {kPageShift, 10}};
  table.entry_bytes = 4;
  table.order = source.info().order;
  table.root = low.paddr + (root - low.vaddr);
  AddressSpace memory(layout, source);
  unsigned physical = 0, virtual_ones = 0;
  for (std::uint64_t at = kPageOffset; at >> 32 == 0; at += std::uint64_t{1} << kTableShift) {
    const auto raw = memory.read_value<std::uint32_t>(root + (at >> kTableShift) * 4);
    if (!raw || *raw == 0) continue;
    ++(*raw >= kPageOffset ? virtual_ones : physical);
  }
  if ((physical == 0) == (virtual_ones == 0)) {
    layout.no_tables =
        "page tables are not known: swapper_pg_dir has no entries of 4 bytes (CONFIG_PTE_64BIT)";
    return;
  }
  if (virtual_ones != 0 && (low.vaddr.value != kPageOffset || low.paddr.value != 0)) {
    layout.no_tables = "page tables are not known: memory does not begin at 0 and 0xc0000000";
    return;
  }
  table.decode = physical != 0 ? decode_physical : decode_virtual;
  table.upper_mask = table.upper = kPageOffset;
  layout.table = std::move(table);
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  const auto text = note.symbol("_stext");
  if (!text) return error("SYMBOL(_stext) is missing");
  if (source.info().page_size != 4096) {
    return error("pages of {} bytes are not known on ppc", source.info().page_size);
  }
  auto low = find_low_memory(source.info(), *text);
  if (!low) return low.take_error();
  AddressLayout layout;
  layout.word_bytes = 4;
  layout.linear.push_back(*low);
  if (*root - low->vaddr >= low->size) {
    return error("SYMBOL(swapper_pg_dir) {:#x} is not in low memory", root->value);
  }
  layout.tables_map_image = false;
  find_tables(source, *root, layout);
  layout.section_size_bits = 24;  // arch/powerpc/include/asm/sparsemem.h
  layout.max_physmem_bits = 44;
  return layout;
}

}  // namespace

extern constinit const Arch kPpc32 = {
    .name = "ppc",
    .other_names = {},
    .elf_machine = EM_PPC,
    .word_bytes = 4,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = 0,
    .find_boot = nullptr,
};

}  // namespace vmsift
