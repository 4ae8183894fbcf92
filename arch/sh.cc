// SPDX-License-Identifier: GPL-2.0-or-later
// sh (SH-3 to SH-4A): segments of the address space that the processor maps, and page tables of two
// levels, or three with 64-bit entries (CONFIG_X2TLB), for the rest.
//
// P1 (0x80000000) and P2 (0xa0000000) are 512 MiB each, the second one uncached. With 29 address
// bits both are physical memory with the top bits cleared. With 32 (CONFIG_PMB) P1 is mapped from
// where memory begins, and P2 only in part. vmalloc, modules and kmap are in P3 (0xc0000000),
// mapped by the tables of swapper_pg_dir. Entries of all levels but the last hold addresses in P1.
// The note says no more than CONFIG_X2TLB. X2TLB had two levels until 2.6.32: not known here.
// Facts: arch/sh/include/asm/{page,pgtable,pgtable_32,pgtable-2level,pgtable-3level,addrspace}.h
// and sparsemem.h, 2.6.33 to 6.x.
#include "arch/arch.h"

#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>

namespace vmsift {
namespace {

constexpr std::uint64_t kP1 = 0x80000000, kP2 = 0xa0000000, kP3 = 0xc0000000;
constexpr std::uint64_t kSegment = std::uint64_t{512} << 20;
constexpr unsigned kRootShift = 30;  // of three levels

constexpr std::uint64_t kPresent = 1U << 8;
constexpr std::array<std::size_t, 4> kPageSizes = {4096, 8192, 16384, 65536};

// Tables are pages in P1; memory begins with the 512 MiB that have the root.
PageTableEntry table_of(std::uint64_t raw, const PageTable& table) {
  const std::uint64_t page = std::uint64_t{1} << table.levels.back().shift;
  if (raw < kP1 || raw >= kP2 || raw % page != 0) return {};
  return {EntryKind::table, align_down(table.root.value, kSegment) + (raw - kP1)};
}

// Of 32 bits. In the first 512 MiB the top three bits say how a page of PCMCIA is accessed.
PageTableEntry leaf_of(std::uint64_t raw, const PageTable& table) {
  if ((raw & kPresent) == 0) return {};
  const std::uint64_t page = std::uint64_t{1} << table.levels.back().shift;
  const std::uint64_t frame = align_down(raw, page);
  return {EntryKind::leaf, table.root.value < kSegment ? frame % kSegment : frame};
}

PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level,
                            const PageTable& table) {
  return level.shift == table.levels.back().shift ? leaf_of(raw, table) : table_of(raw, table);
}

// The last level has two words, the one with the frame first, in any byte order.
PageTableEntry decode_x2tlb(std::uint64_t raw, const PageTableLevel& level,
                            const PageTable& table) {
  if (level.shift != table.levels.back().shift) return table_of(raw, table);
  return leaf_of(table.order == ByteOrder::big ? raw >> 32 : raw & 0xffffffff, table);
}

PageTable page_table(bool x2tlb, const DumpInfo& dump, PhysAddr root) {
  PageTable table;
  table.root = root;
  table.order = dump.order;
  table.upper_mask = 0xffffffff00000000 | kP3;
  table.upper = kP3;
  const auto page_shift = static_cast<std::uint8_t>(std::countr_zero(dump.page_size));
  const auto bits_to = [](unsigned top, unsigned shift) {
    return static_cast<std::uint8_t>(top - shift);
  };
  const auto next_shift = static_cast<std::uint8_t>(2 * page_shift - (x2tlb ? 3 : 2));
  const PageTableLevel last = {page_shift, bits_to(next_shift, page_shift)};
  if (x2tlb) {
    table.levels = {{kRootShift, 2}, {next_shift, bits_to(kRootShift, next_shift)}, last};
    table.decode = decode_x2tlb;
  } else {
    table.levels = {{next_shift, bits_to(32, next_shift)}, last};
    table.entry_bytes = 4;
    table.decode = decode_entry;
  }
  return table;
}

// Where P1 is in memory: 0 with 29 bits, else a multiple of 512 MiB.
Result<PhysAddr> find_segment(const MemorySource& source, VirtAddr text) {
  const DumpInfo& dump = source.info();
  if (text.value < kP1 || text.value >= kP2) {
    return error("SYMBOL(_stext) {:#x} is not in P1, the kernel's segment of sh", text.value);
  }
  for (const VirtualRange& r : dump.virtual_ranges) {
    if (text - r.vaddr >= r.size) continue;
    const std::uint64_t base = r.paddr.value + (text - r.vaddr) - (text.value - kP1);
    if (base % kSegment != 0 || base >> 32 != 0) {
      return error("P1 is at {:#x}, which is no multiple of 512 MiB: not known on sh", base);
    }
    return PhysAddr{base};
  }
  const std::uint64_t place = text.value - kP1;
  const auto has = [&](std::uint64_t at) {
    const Pfn pfn = at / dump.page_size;
    return pfn < dump.max_pfn && source.next_window(pfn, 1) == pfn;
  };
  for (std::uint64_t base = 0; base >> 32 == 0; base += kSegment) {
    if (has(base + place)) return PhysAddr{base};
  }
  return error("SYMBOL(_stext) {:#x} is in no memory of the dump", text.value);
}

// The fixed mappings at the end of P3 have their tables since paging_init().
bool tables_are_linked(const AddressLayout& layout, const MemorySource& source) {
  AddressSpace memory(layout, source);
  bool linked = false;
  const PageTableLevel& root = layout.table.levels.front();
  const std::uint64_t first = kP3 >> root.shift, end = std::uint64_t{1} << root.bits;
  for (std::uint64_t i = first; i < end; ++i) {
    const WalkObserver observer = [&](const WalkStep& step) {
      if (step.level.shift == root.shift) linked |= step.entry.kind == EntryKind::table;
    };
    static_cast<void>(memory.walk({i << root.shift}, &observer));
  }
  return linked;
}

void find_tables(const MemorySource& source, const Vmcoreinfo& note, PhysAddr segment,
                 AddressLayout& layout) {
  const auto root = note.symbol("swapper_pg_dir");
  if (!root || root->value < kP1 || root->value >= kP2) {
    layout.no_tables = "page tables are not known: SYMBOL(swapper_pg_dir) is missing or not in P1";
    return;
  }
  const bool x2tlb = note.text("CONFIG_X2TLB") == "y";
  layout.table = page_table(x2tlb, source.info(), segment + (root->value - kP1));
  if (tables_are_linked(layout, source)) return;
  layout.table = {};
  layout.no_tables = fmt::format(
      "page tables are not known: no entry of SYMBOL(swapper_pg_dir) {:#x} leads to a table, with "
      "{} levels",
      root->value, x2tlb ? 3 : 2);
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto text = note.symbol("_stext");
  if (!text) return error("SYMBOL(_stext) is missing");
  if (std::find(kPageSizes.begin(), kPageSizes.end(), dump.page_size) == kPageSizes.end()) {
    return error("pages of {} bytes are not known on sh", dump.page_size);
  }
  const auto segment = find_segment(source, *text);
  if (!segment) return error("{}", segment.message());
  AddressLayout layout;
  layout.word_bytes = 4;
  layout.tables_map_image = false;
  layout.linear.push_back({{kP1}, *segment, kSegment});
  if (segment->value == 0) layout.linear.push_back({{kP2}, {0}, kSegment});
  find_tables(source, note, *segment, layout);
  layout.section_size_bits = 26;
  layout.max_physmem_bits = 32;
  return layout;
}

}  // namespace

extern constinit const Arch kSh = {
    .name = "sh",
    .other_names = "sh2* sh3* sh4*",
    .elf_machine = EM_SH,
    .word_bytes = 4,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = 0,
    .find_boot = nullptr,
};

}  // namespace vmsift
