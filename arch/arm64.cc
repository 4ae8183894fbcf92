// SPDX-License-Identifier: GPL-2.0-or-later
// arm64: pages of 4, 16 and 64 KiB, addresses of 36 to 52 bits (Arm ARM DDI 0487, D8.3).
//
// NUMBER(VA_BITS) is what the kernel was configured for; a kernel of 52 bits runs with 48 (16 KiB
// pages: 47) where the processor cannot, which NUMBER(TCR_EL1_T1SZ) tells (5.9).
//
// The linear map was the upper half of the kernel's addresses until 5.3 and is the lower one since
// (14c127c957c1); the image is in the other half since 4.6 (ab893fb9f1b1), NUMBER(kimage_voffset)
// away from memory, and was in the linear map before. So the image's place tells which it is.
// include/asm/memory.h of 4.6, 5.4, 5.11 and 7.x.
#include "arch/arch.h"

#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>

namespace vmsift {
namespace {

constexpr std::array<std::size_t, 3> kPageSizes = {4096, 16384, 65536};
constexpr std::uint64_t kMostImageBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kImageAlign = std::uint64_t{2} << 20;  // MIN_KIMG_ALIGN
constexpr std::uint64_t kTagBits = std::uint64_t{0xff} << 56;  // of KASAN

constexpr std::uint64_t bits(unsigned low, unsigned high) {
  return (~std::uint64_t{0} >> (63 - high)) & (~std::uint64_t{0} << low);
}

PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level, const PageTable& table,
                            std::uint64_t frame) {
  if ((raw & 1) == 0) return {};
  const PageTableLevel& last = table.levels.back();
  const bool more = (raw & 2) != 0;  // a table, or a page at the last level
  if (level.shift == last.shift) {
    return more ? PageTableEntry{EntryKind::leaf, frame} : PageTableEntry{};
  }
  if (more) return {EntryKind::table, frame};
  // Blocks are what one or two levels above the last map.
  if (level.shift > last.shift + 2 * (last.shift - 3)) return {};
  return {EntryKind::leaf, frame};
}

// Up to 48 bits of physical address.
PageTableEntry decode_48(std::uint64_t raw, const PageTableLevel& level, const PageTable& table) {
  return decode_entry(raw, level, table, raw & bits(table.levels.back().shift, 47));
}
// LPA: bits 15 to 12 are 51 to 48 of the address; zero where the processor has no such bits.
PageTableEntry decode_64k(std::uint64_t raw, const PageTableLevel& level, const PageTable& table) {
  return decode_entry(raw, level, table, (raw & bits(16, 47)) | (raw & bits(12, 15)) << 36);
}
// LPA2: bits 9 and 8 are 51 and 50 of the address.
PageTableEntry decode_lpa2(std::uint64_t raw, const PageTableLevel& level, const PageTable& table) {
  const std::uint64_t low = raw & bits(table.levels.back().shift, 49);
  return decode_entry(raw, level, table, low | (raw & bits(8, 9)) << 42);
}

std::vector<PageTableLevel> levels_of(unsigned page_shift, unsigned va_bits) {
  std::vector<PageTableLevel> levels;
  for (unsigned shift = page_shift; shift < va_bits;) {
    const unsigned n = std::min(page_shift - 3, va_bits - shift);
    levels.push_back({static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(n)});
    shift += n;
  }
  std::reverse(levels.begin(), levels.end());
  return levels;
}

// VA_BITS_MIN: what a kernel of 52 bits runs with where the processor has less.
unsigned least_of_52(std::size_t page_size) {
  return page_size == 16384 ? 47 : 48;
}

struct AddressBits {
  unsigned configured;
  unsigned used;
};

// arch/arm64/Kconfig, ARM64_VA_BITS.
bool can_be(unsigned page_shift, std::int64_t va_bits) {
  constexpr std::array<std::array<std::int64_t, 4>, 3> kPossible = {
      {{39, 48, 52, 52}, {36, 47, 48, 52}, {42, 48, 52, 52}}};
  const auto& row = kPossible[(page_shift - 12) / 2];
  return std::find(row.begin(), row.end(), va_bits) != row.end();
}

Result<AddressBits> find_address_bits(const Vmcoreinfo& note, VirtAddr root, unsigned page_shift) {
  // Kernels before 4.12 do not say; until 4.5 the image is at the start of the linear map, whose
  // addresses have all bits from VA_BITS - 1 on set.
  const std::int64_t configured = note.number("VA_BITS").value_or(65 - std::countl_one(root.value));
  if (!can_be(page_shift, configured)) {
    if (!note.number("VA_BITS")) return error("NUMBER(VA_BITS) is missing");
    return error("NUMBER(VA_BITS)={} cannot be with pages of {} bytes", configured,
                 1U << page_shift);
  }
  const auto t1sz = note.number("TCR_EL1_T1SZ");
  const std::int64_t fallback = least_of_52(std::size_t{1} << page_shift);
  const std::int64_t used = t1sz && *t1sz >= 0 && *t1sz < 64 ? 64 - *t1sz : configured;
  const bool possible = used == configured || (configured == 52 && used == fallback);
  if (!possible || (t1sz && (*t1sz < 0 || *t1sz >= 64))) {
    return error("NUMBER(TCR_EL1_T1SZ)={} contradicts NUMBER(VA_BITS)={}", t1sz.value_or(0),
                 configured);
  }
  return AddressBits{static_cast<unsigned>(configured), static_cast<unsigned>(used)};
}

// 64 KiB pages keep the shape of 52 bits when 48 are used: addresses are sign extended.
PageTable page_table(unsigned page_shift, AddressBits va, ByteOrder order) {
  PageTable table;
  table.levels = levels_of(page_shift, page_shift == 16 ? va.configured : va.used);
  table.order = order;
  table.upper_mask = table.upper = ~std::uint64_t{0} << va.used;
  table.decode = page_shift == 16 ? decode_64k : va.used == 52 ? decode_lpa2 : decode_48;
  return table;
}

// memstart_addr, which 5.11 and later move for a kernel of 52 bits that runs with less (then it is
// "negative"), so that it goes with the linear map of 52 bits.
VirtualRange linear_map(AddressBits va, bool upper_half, std::uint64_t phys_offset,
                        std::size_t page_size) {
  const auto start_of = [](unsigned n) { return ~std::uint64_t{0} << n; };
  if (upper_half) {
    const std::uint64_t start = start_of(va.used - 1);
    return {{start}, {phys_offset}, std::uint64_t{0} - start};
  }
  const std::uint64_t start = start_of(va.used);
  const unsigned least = va.configured == 52 ? least_of_52(page_size) : va.configured;
  const bool moved = va.used != va.configured && phys_offset >> 63 != 0;
  const std::uint64_t base = moved ? start_of(va.configured) : start;
  return {{start}, {phys_offset + (start - base)}, start_of(least - 1) - start};
}

// Kernels from 4.12 on.
Result<void> place_by_note(AddressLayout& layout, const Vmcoreinfo& note, VirtAddr root,
                           AddressBits va, std::size_t page_size) {
  const auto offset = note.number("kimage_voffset");
  if (!offset) return error("NUMBER(kimage_voffset) is missing");
  const auto phys_offset = note.number("PHYS_OFFSET");
  if (!phys_offset) return error("NUMBER(PHYS_OFFSET) is missing");
  const auto image_offset = static_cast<std::uint64_t>(*offset);
  layout.phys_base = static_cast<std::uint64_t>(*phys_offset);
  const bool image_is_high = (root.value >> (va.used - 1) & 1) != 0;
  layout.linear.push_back(linear_map(va, !image_is_high, layout.phys_base, page_size));
  layout.table.root = {root.value - image_offset};

  // From the text to the tables' root, which lie in one image; what comes after is found through
  // the tables.
  const VirtAddr text = note.symbol("_stext").value_or(root);
  if (root - text > kMostImageBytes) {
    return error("SYMBOL(_stext) {:#x} and SYMBOL(swapper_pg_dir) {:#x} are not of one image",
                 text.value, root.value);
  }
  const VirtAddr start{align_down(text.value, kImageAlign)};
  layout.image.push_back({start, {start.value - image_offset}, root - start + page_size});
  return {};
}

// Until 4.5: the image is in the linear map, which begins with the first 2 MiB that it has.
void place_in_linear_map(AddressLayout& layout, const MemorySource& source, VirtAddr root,
                         AddressBits va) {
  const DumpInfo& dump = source.info();
  const std::uint64_t start = ~std::uint64_t{0} << (va.used - 1);
  const Pfn first = source.next_window(0, std::max<Pfn>(kImageAlign / dump.page_size, 8));
  layout.phys_base = align_down(first * dump.page_size, kImageAlign);
  for (const VirtualRange& r : dump.virtual_ranges) {
    if (root - r.vaddr < r.size) layout.phys_base = r.paddr.value - (r.vaddr.value - start);
  }
  layout.linear.push_back(linear_map(va, true, layout.phys_base, dump.page_size));
  layout.table.root = {layout.phys_base + (root.value - start)};
}

// The linear map has the tables' root too: where the tables say something else, the note is wrong.
Result<void> check_linear_map(const AddressLayout& layout, const MemorySource& source,
                              bool must_map) {
  const VirtualRange& linear = layout.linear.front();
  const VirtAddr alias = linear.vaddr + (layout.table.root.value - linear.paddr.value);
  AddressSpace memory(layout, source);
  const auto walked = memory.walk(alias);
  if (!walked && must_map) {
    return error(
        "NUMBER(VA_BITS) is missing, and there are no tables at {:#x} as kernels before "
        "4.6 have them",
        layout.table.root.value);
  }
  if (!walked || walked->paddr == layout.table.root) return {};
  return error("NUMBER(PHYS_OFFSET) {:#x} has {:#x} at {:#x}, and the page tables have {:#x} there",
               layout.phys_base, layout.table.root.value, alias.value, walked->paddr.value);
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const DumpInfo& dump = source.info();
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  if (std::find(kPageSizes.begin(), kPageSizes.end(), dump.page_size) == kPageSizes.end()) {
    return error("arm64 has no pages of {} bytes", dump.page_size);
  }
  const auto page_shift = static_cast<unsigned>(std::countr_zero(dump.page_size));
  const auto va = find_address_bits(note, *root, page_shift);
  if (!va) return error("{}", va.message());
  const std::uint64_t upper = ~std::uint64_t{0} << va->used;
  if ((root->value & upper) != upper) {
    return error("SYMBOL(swapper_pg_dir) {:#x} is no address of {} bits", root->value, va->used);
  }

  AddressLayout layout;
  layout.table = page_table(page_shift, *va, dump.order);
  layout.tag_bits = kTagBits;
  // include/asm/sparsemem.h until 5.11; later ones are in the note, or follow from its lengths.
  layout.section_size_bits = 30;
  layout.max_physmem_bits = 48;
  const bool named = note.has_number("VA_BITS");
  if (!named) {
    place_in_linear_map(layout, source, *root, *va);
  } else if (auto placed = place_by_note(layout, note, *root, *va, dump.page_size); !placed) {
    return placed.take_error();
  }
  if (auto checked = check_linear_map(layout, source, !named); !checked) {
    return checked.take_error();
  }
  return layout;
}

}  // namespace

extern constinit const Arch kArm64 = {
    .name = "aarch64",
    .other_names = "arm64 aarch64_be",
    .elf_machine = EM_AARCH64,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = 0xffff000000000000,  // where the kernel's half begins with 48 bits
    .find_boot = nullptr,
};

}  // namespace vmsift
