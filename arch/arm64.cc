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
  const std::int64_t fallback = page_shift == 14 ? 47 : 48;
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

// How far the image is from memory; nullopt: it is in the linear map, or nothing tells.
std::optional<std::uint64_t> find_image_offset(const DumpInfo& dump, const Vmcoreinfo& note,
                                               VirtAddr root) {
  if (const auto n = note.number("kimage_voffset")) return static_cast<std::uint64_t>(*n);
  for (const VirtualRange& r : dump.virtual_ranges) {
    if (root - r.vaddr < r.size) return r.vaddr.value - r.paddr.value;
  }
  return std::nullopt;
}

// memstart_addr, which 5.11 and later move for a kernel of 52 bits that runs with less (then it is
// "negative"), so that it goes with the linear map of 52 bits.
VirtualRange linear_map(AddressBits va, bool upper_half, std::uint64_t phys_offset,
                        unsigned page_shift) {
  const auto start_of = [](unsigned n) { return ~std::uint64_t{0} << n; };
  if (upper_half) {
    const std::uint64_t start = start_of(va.used - 1);
    return {{start}, {phys_offset}, std::uint64_t{0} - start};
  }
  const std::uint64_t start = start_of(va.used);
  const unsigned least = va.configured == 52 ? (page_shift == 14 ? 47 : 48) : va.configured;
  const bool moved = va.used != va.configured && phys_offset >> 63 != 0;
  const std::uint64_t base = moved ? start_of(va.configured) : start;
  return {{start}, {phys_offset + (start - base)}, start_of(least - 1) - start};
}

// The linear map has the tables' root too: where the tables say something else, the note is wrong.
Result<void> check_linear_map(const AddressLayout& layout, const MemorySource& source) {
  const VirtualRange& linear = layout.linear.front();
  const VirtAddr alias = linear.vaddr + (layout.table.root.value - linear.paddr.value);
  AddressSpace memory(layout, source);
  const auto walked = memory.walk(alias);
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
  if (root->value >> va->used != ~std::uint64_t{0} >> va->used) {
    return error("SYMBOL(swapper_pg_dir) {:#x} is no address of {} bits", root->value, va->used);
  }
  const auto image_offset = find_image_offset(dump, note, *root);
  const bool has_bits = note.has_number("VA_BITS");
  if (!image_offset && has_bits) return error("NUMBER(kimage_voffset) is missing");
  auto phys_offset = note.number("PHYS_OFFSET");
  if (!phys_offset && !has_bits && !dump.memory.empty()) {
    // Until 4.5 memory below the image's 2 MiB is not used.
    phys_offset =
        static_cast<std::int64_t>(align_down(dump.memory.front().begin.value, kImageAlign));
  }
  if (!phys_offset) return error("NUMBER(PHYS_OFFSET) is missing");

  AddressLayout layout;
  layout.phys_base = static_cast<std::uint64_t>(*phys_offset);
  layout.table = page_table(page_shift, *va, dump.order);
  layout.tag_bits = kTagBits;
  // include/asm/sparsemem.h until 5.11; later ones are in the note, or follow from its lengths.
  layout.section_size_bits = 30;
  layout.max_physmem_bits = 48;
  const bool high = (root->value >> (va->used - 1) & 1) != 0;
  const bool upper_half = has_bits ? !high : true;
  layout.linear.push_back(linear_map(*va, upper_half, layout.phys_base, page_shift));
  if (image_offset) {
    layout.table.root = {root->value - *image_offset};
    // What the note names both ends of; the rest of the image is found through the tables.
    const VirtAddr text = note.symbol("_stext").value_or(*root);
    const std::uint64_t bytes = *root - text + dump.page_size;
    if (bytes > kMostImageBytes) {
      return error("SYMBOL(_stext) {:#x} and SYMBOL(swapper_pg_dir) {:#x} are not of one image",
                   text.value, root->value);
    }
    const VirtAddr start{align_down(text.value, kImageAlign)};
    if (has_bits) {
      layout.image.push_back(
          {start, {start.value - *image_offset}, *root - start + dump.page_size});
    }
  } else {
    const VirtualRange& linear = layout.linear.front();
    layout.table.root = linear.paddr + (*root - linear.vaddr);
  }
  if (auto checked = check_linear_map(layout, source); !checked) return checked.take_error();
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
    .image_start = 0xffff800000000000,  // with 48 bits and more since 5.4
    .find_boot = nullptr,
};

}  // namespace vmsift
