// SPDX-License-Identifier: GPL-2.0-or-later
// arm: short descriptors (Arm ARM DDI 0406, B3.5) or LPAE (B3.6), pages of 4 KiB.
//
// The kernel's table of 2048 pairs is the processor's of 4096 entries of 4 bytes. The note says no
// more of addresses than its symbols and CONFIG(ARM_LPAE): PAGE_OFFSET is 1, 2, 2.75 or 3 GiB
// (arch/arm/Kconfig), with the tables' root in the first 256 MiB from there; where that is in
// memory is in the headers, or is found by a root that maps itself.
#include "arch/linear_map.h"
#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>

namespace vmsift {
namespace {

constexpr std::array<std::size_t, 1> kPageSizes = {4096};
constexpr std::uint64_t kOffsetStep = std::uint64_t{256} << 20;
constexpr std::uint64_t kSection = std::uint64_t{1} << 20;
constexpr std::uint64_t kRootAlign = 16384;                   // of short descriptors
constexpr std::uint64_t kLeastStep = std::uint64_t{2} << 20;  // of PHYS_OFFSET
// Places of memory where the root is looked for.
constexpr unsigned kMostPlaces = 64;
constexpr Pfn kPagesBetween = 32768;  // 128 MiB

PageTableEntry decode_short(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  const unsigned type = raw & 3;
  if (level.shift == 20) {
    if (type == 0) return {};
    if (type == 1) return {EntryKind::table, raw & 0xfffffc00};
    if ((raw >> 18 & 1) == 0) return {EntryKind::leaf, raw & 0xfff00000};
    // A supersection of 16 MiB: 16 entries alike, with address bits 35 to 32 and 39 to 36.
    const std::uint64_t high = (raw >> 20 & 0xf) << 32 | (raw >> 5 & 0xf) << 36;
    return {EntryKind::leaf, high | (raw & 0xff000000), 24};
  }
  if (type == 0) return {};
  if (type == 1) return {EntryKind::leaf, raw & 0xffff0000, 16};
  return {EntryKind::leaf, raw & 0xfffff000};
}

PageTableEntry decode_lpae(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  const std::uint64_t frame = raw & 0x000000fffffff000;
  if ((raw & 1) == 0) return {};
  const bool more = (raw & 2) != 0;
  if (level.shift == 12) return more ? PageTableEntry{EntryKind::leaf, frame} : PageTableEntry{};
  return {more ? EntryKind::table : EntryKind::leaf, frame};
}

PageTable page_table(bool lpae, ByteOrder order) {
  PageTable table;
  table.order = order;
  table.upper_mask = ~std::uint64_t{0} << 32;
  if (lpae) {
    table.levels = {{30, 2}, {21, 9}, {12, 9}};
    table.decode = decode_lpae;
  } else {
    table.levels = {{20, 12}, {12, 8}};
    table.entry_bytes = 4;
    table.decode = decode_short;
  }
  return table;
}

bool maps(const AddressLayout& layout, const MemorySource& source, VirtAddr vaddr, PhysAddr to) {
  AddressSpace memory(layout, source);
  const auto walked = memory.walk(vaddr);
  return walked && walked->paddr == to;
}

// The first page frame of memory.
Pfn first_page(const MemorySource& source) {
  constexpr Pfn kWindow = 8;
  const Pfn begin = align_down(source.next_window(0, kWindow), kWindow);
  std::array<std::byte, 1> exists{};
  std::array<std::byte, 1> stored{};
  if (source.presence({begin, begin + kWindow}, BitSpan(exists), BitSpan(stored))) {
    for (std::size_t i = 0; i < kWindow; ++i) {
      if (BitSpan(exists).test(i)) return begin + i;
    }
  }
  return begin;
}

// Sets the root of `layout` and returns where PAGE_OFFSET is in memory (PHYS_OFFSET). No place is
// believed whose tables do not map themselves: QEMU has the physical address in p_vaddr.
Result<PhysAddr> find_memory(AddressLayout& layout, const MemorySource& source, VirtAddr root,
                             VirtAddr page_offset) {
  const auto is_at = [&](PhysAddr start) {
    layout.table.root = start + (root - page_offset);
    return maps(layout, source, root, layout.table.root);
  };
  for (const VirtualRange& r : source.info().virtual_ranges) {
    if (root - r.vaddr >= r.size) continue;
    const PhysAddr start{r.paddr.value - (r.vaddr.value - page_offset.value)};
    if (is_at(start)) return start;
  }
  // PHYS_OFFSET is a multiple of 2, 16 or 128 MiB, below the memory that has the image.
  Pfn from = 0;
  for (unsigned i = 0; i < kMostPlaces && from < source.info().max_pfn; ++i) {
    const Pfn found = source.next_window(from, kLeastStep / kPageSizes[0]);
    for (const std::uint64_t step : {kLeastStep, 8 * kLeastStep, 64 * kLeastStep}) {
      const PhysAddr start{align_down(found * kPageSizes[0], step)};
      if (is_at(start)) return start;
    }
    from = align_down(found, kPagesBetween) + kPagesBetween;
  }
  return error("no memory has the tables of SYMBOL(swapper_pg_dir) {:#x}", root.value);
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  const VirtAddr page_offset{align_down(root->value, kOffsetStep)};
  constexpr std::array<std::uint64_t, 4> kOffsets = {0x40000000, 0x80000000, 0xb0000000,
                                                     0xc0000000};
  if (std::find(kOffsets.begin(), kOffsets.end(), page_offset.value) == kOffsets.end()) {
    return error("SYMBOL(swapper_pg_dir) {:#x} is not near a PAGE_OFFSET of arm", root->value);
  }
  // 3.3 has LPAE and no word on it in the note: its root is not where a short table can be.
  const bool lpae = note.text("CONFIG_ARM_LPAE") == "y" || root->value % kRootAlign != 0;
  AddressLayout layout;
  layout.table = page_table(lpae, dump.order);
  const auto start = find_memory(layout, source, *root, page_offset);
  if (!start) return error("{}", start.message());
  layout.linear.push_back(linear_map_around(*root, page_offset, *start, kSection, layout, source));
  // The dump header's is where memory begins, and page frames of the dump are counted from there.
  layout.phys_base = first_page(source) * kPageSizes[0];
  // include/asm/sparsemem.h, 2.6.24 to 7.x.
  layout.section_size_bits = 28;
  layout.max_physmem_bits = 36;
  return layout;
}

}  // namespace

extern constinit const Arch kArm = {
    .name = "arm",
    .other_names = "armv*",
    .elf_machine = EM_ARM,
    .word_bytes = 4,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = 0,  // no KASLR
    .find_boot = nullptr,
};

}  // namespace vmsift
