// SPDX-License-Identifier: GPL-2.0-or-later
// sparc64: pages of 8 KiB, tables of four levels since 3.18 (ac55c768143a), big-endian.
//
// Memory is mapped from PAGE_OFFSET to the end of the address space, where PAGE_OFFSET is the top
// of the hole that the processor has in its addresses. The image is at 4 MiB by locked entries of
// the TLB, from KERNBASE on, wherever the boot loader had memory. modules, vmalloc and vmemmap are
// at low addresses that processes do not share, in the tables of swapper_pg_dir, which hold
// physical addresses; a leaf of 8 MiB or 8 GiB has bit 56. Of both entry formats, sun4u and sun4v,
// the kernel uses the same bits for the frame: sun4u has less of them and zeros above. The note has
// neither of both places: they are in the headers alone. Tables of three levels with 4-byte roots,
// before, are not known here. Facts: arch/sparc/include/asm/{pgtable_64,page_64,sparsemem}.h,
// mm/init_64.c of 3.18 to 6.x.
#include "arch/arch.h"

#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>

namespace vmsift {
namespace {

constexpr std::uint64_t kValid = std::uint64_t{1} << 63;
constexpr std::uint64_t kHuge = std::uint64_t{1} << 56;   // _PAGE_PMD_HUGE, _PAGE_PUD_HUGE
constexpr std::uint64_t kFrameMask = 0x00ffffffffffe000;  // bits 13 to 55
constexpr unsigned kPageShift = 13, kLowHalfBits = 52;    // the tables map 53 bits
constexpr std::uint64_t kKernelBase = 0x400000;           // KERNBASE
constexpr std::uint64_t kHighestImage = 0x8000000;        // up to TSBMAP_8K_BASE
constexpr std::array<std::size_t, 1> kPageSizes = {8192};

PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  const std::uint64_t frame = raw & kFrameMask;
  const bool large = (level.shift == 23 || level.shift == 33) && (raw & kHuge) != 0;
  if (large || level.shift == kPageShift) {
    return (raw & kValid) != 0 ? PageTableEntry{EntryKind::leaf, frame} : PageTableEntry{};
  }
  return raw != 0 && raw == frame ? PageTableEntry{EntryKind::table, frame} : PageTableEntry{};
}

// The image's own PT_LOAD.
std::optional<VirtualRange> find_image(const DumpInfo& dump, VirtAddr at) {
  for (const VirtualRange& r : dump.virtual_ranges) {
    if (r.vaddr.value < kKernelBase || at - r.vaddr >= r.size) continue;
    return VirtualRange{r.vaddr, r.paddr, std::min(r.size, kHighestImage - r.vaddr.value)};
  }
  return std::nullopt;
}

// All PT_LOADs of memory are as far from it.
Result<std::uint64_t> find_page_offset(const DumpInfo& dump) {
  std::uint64_t offset = 0;
  for (const VirtualRange& r : dump.virtual_ranges) {
    if (r.vaddr.value >> 63 == 0) continue;
    const std::uint64_t said = r.vaddr.value - r.paddr.value;
    // PAGE_OFFSET is 2 to some power below the end: of 40 bits and more.
    const bool possible = std::has_single_bit(-said) && -said >> 40 != 0;
    if (!possible || (offset != 0 && offset != said)) {
      return error("the PT_LOAD at {:#x} of memory at {:#x} fits no PAGE_OFFSET of sparc64",
                   r.vaddr.value, r.paddr.value);
    }
    offset = said;
  }
  if (offset == 0) return error("no PT_LOAD says where memory is mapped (PAGE_OFFSET)");
  return offset;
}

// Every entry of the root is a page of memory; 4-byte ones of older kernels are not when read as
// these.
bool root_is_known(const AddressLayout& layout, const MemorySource& source) {
  AddressSpace memory(layout, source);
  const PageTableLevel& level = layout.table.levels.front();
  std::size_t tables = 0;
  for (std::uint64_t i = 0; i < std::uint64_t{1} << level.bits; ++i) {
    std::array<std::byte, 8> raw;
    if (!memory.read_physical(layout.table.root + i * 8, raw)) return false;
    const auto value = load<std::uint64_t>(raw.data(), layout.table.order);
    if (value == 0) continue;
    const bool page = decode_entry(value, level, layout.table).kind == EntryKind::table &&
                      value >> kPageShift < source.info().max_pfn;
    if (!page) return false;
    ++tables;
  }
  return tables != 0;
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  if (root->value < kKernelBase || root->value >= kHighestImage) {
    return error("SYMBOL(swapper_pg_dir) {:#x} is not where sparc64 has its image", root->value);
  }
  if (dump.page_size != kPageSizes[0]) {
    return error("pages of {} bytes are not known on sparc64", dump.page_size);
  }
  const auto image = find_image(dump, *root);
  if (!image) return error("no PT_LOAD maps SYMBOL(swapper_pg_dir) {:#x}", root->value);
  const auto page_offset = find_page_offset(dump);
  if (!page_offset) return error("{}", page_offset.message());
  AddressLayout layout;
  layout.tables_map_image = false;
  layout.image.push_back(*image);
  layout.linear.push_back({{*page_offset}, {0}, -*page_offset});
  layout.table.levels = {{43, 10}, {33, 10}, {23, 10}, {kPageShift, 10}};
  layout.table.root = image->paddr + (*root - image->vaddr);
  layout.table.order = dump.order;
  // The half that has no direct map.
  layout.table.upper_mask = ~std::uint64_t{0} << kLowHalfBits;
  layout.table.decode = decode_entry;
  if (!root_is_known(layout, source)) {
    layout.table = {};
    layout.no_tables =
        "page tables are not known: SYMBOL(swapper_pg_dir) is not one of four levels (Linux 3.18)";
  }
  layout.section_size_bits = 30;
  layout.max_physmem_bits = 53;
  return layout;
}

}  // namespace

extern constinit const Arch kSparc64 = {
    .name = "sparc64",
    .other_names = {},
    .elf_machine = EM_SPARCV9,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = 0,
    .find_boot = nullptr,
};

}  // namespace vmsift
