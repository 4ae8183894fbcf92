// SPDX-License-Identifier: GPL-2.0-or-later
// riscv64: 3, 4 or 5 levels of 512 entries (Sv39, Sv48, Sv57), with leaves on each of them.
//
// arch_crash_save_vmcoreinfo() (6.2) exports where everything lies. The image has a mapping of its
// own in the last 2 GiB (KERNEL_LINK_ADDR, 5.13), which KASLR moves within these (6.7): it begins
// where modules end and ends 2 GiB behind where they begin. All memory is mapped at PAGE_OFFSET,
// which since 6.4 is that of phys_ram_base (3335068f8721), before of the image's first byte.
// vmemmap, vmalloc and modules are in the tables of swapper_pg_dir alone, as are the two others.
// Images that are executed in place (XIP) have two distances, and their notes none: refused.
// Facts: arch/riscv/include/asm/pgtable*.h and mm/init.c of 6.12, the privileged architecture's
// manual, 12.3 to 12.5 and Svnapot, Svpbmt.
#include "arch/arch.h"
#include "mm-model/address_space.h"

#include <elf.h>

#include <algorithm>
#include <array>

#ifndef EM_RISCV
#define EM_RISCV 243
#endif

namespace vmsift {
namespace {

constexpr std::uint64_t kLinkAddress = 0xffffffff80000000;  // KERNEL_LINK_ADDR
constexpr std::uint64_t kImageRange = std::uint64_t{2} << 30;

constexpr std::uint64_t kValid = 1U << 0;
constexpr std::uint64_t kReadWriteExecute = 7U << 1;                        // any of them: a leaf
constexpr std::uint64_t kFrameMask = ((std::uint64_t{1} << 44) - 1) << 10;  // bits 10 to 53
constexpr unsigned kFrameShift = 2;                                         // to bits 12 to 55
constexpr std::uint64_t kNapot = std::uint64_t{1} << 63;          // "naturally aligned power of 2"
constexpr std::uint64_t kNapotSize = 0xf000, kNapot64K = 0x8000;  // in the address of the frame
constexpr unsigned kPageShift = 12, kNapotShift = 16;
constexpr unsigned kPhysicalBits = 56;

constexpr std::array<PageTableLevel, 5> kFiveLevels = {
    {{48, 9}, {39, 9}, {30, 9}, {21, 9}, {12, 9}}};
constexpr std::array<std::size_t, 1> kPageSizes = {4096};

// Bits 61 and 62 say how memory is cached (Svpbmt), 59 to 63 on early cores of T-Head.
PageTableEntry decode_entry(std::uint64_t raw, const PageTableLevel& level, const PageTable&) {
  if ((raw & kValid) == 0) return {};
  const bool last = level.shift == kPageShift;
  const std::uint64_t frame = (raw & kFrameMask) << kFrameShift;
  if ((raw & kReadWriteExecute) == 0) {
    return last ? PageTableEntry{} : PageTableEntry{EntryKind::table, frame};
  }
  const bool many = last && (raw & kNapot) != 0 && (frame & kNapotSize) == kNapot64K;
  return {EntryKind::leaf, frame, static_cast<std::uint8_t>(many ? kNapotShift : 0)};
}

std::optional<std::uint64_t> unsigned_number(const Vmcoreinfo& note, std::string_view name) {
  const auto n = note.number(name);
  return n ? std::optional(static_cast<std::uint64_t>(*n)) : std::nullopt;
}

// The number of address bits; satp (7.0) has the mode of the processor in its top 4 bits.
Result<unsigned> find_address_bits(const Vmcoreinfo& note) {
  const auto named = note.number("VA_BITS");
  const auto satp = unsigned_number(note, "satp");
  std::int64_t bits = named.value_or(0);
  if (satp) {
    const std::uint64_t mode = *satp >> 60;  // 8: Sv39, 9: Sv48, 10: Sv57
    if (mode < 8 || mode > 10) return error("NUMBER(satp) {:#x} has mode {}", *satp, mode);
    const auto by_mode = static_cast<std::int64_t>(39 + (mode - 8) * 9);
    if (named && *named != by_mode) {
      return error("NUMBER(VA_BITS)={} and NUMBER(satp) {:#x}, which is of {} bits", *named, *satp,
                   by_mode);
    }
    bits = by_mode;
  } else if (!named) {
    return error("NUMBER(VA_BITS) is missing");
  }
  if (bits != 39 && bits != 48 && bits != 57) return error("NUMBER(VA_BITS)={} cannot be", bits);
  return static_cast<unsigned>(bits);
}

Result<VirtualRange> find_image(const DumpInfo& dump, const Vmcoreinfo& note, VirtAddr root) {
  const std::uint64_t link = unsigned_number(note, "KERNEL_LINK_ADDR").value_or(kLinkAddress);
  if (link < kLinkAddress) return error("NUMBER(KERNEL_LINK_ADDR) {:#x} cannot be", link);
  const std::uint64_t text = note.symbol("_stext").value_or(root).value;
  const std::uint64_t lowest = std::min(text, root.value), highest = std::max(text, root.value);
  if (lowest < link) {
    return error("SYMBOL(swapper_pg_dir) {:#x} or SYMBOL(_stext) {:#x} is below {:#x}", root.value,
                 text, link);
  }
  VirtualRange image{{link}, {0}, -link};
  const std::uint64_t begin = unsigned_number(note, "MODULES_END").value_or(link);
  if (begin > link && begin <= lowest) image = {{begin}, {0}, -begin};
  const auto modules = unsigned_number(note, "MODULES_VADDR");
  if (modules && *modules + kImageRange > highest) {
    image.size = *modules + kImageRange - image.vaddr.value;
  }

  auto offset = unsigned_number(note, "va_kernel_pa_offset");
  if (!offset) {  // before 6.4; the PT_LOAD of the kernel's text says it too
    for (const VirtualRange& r : dump.virtual_ranges) {
      if (r.vaddr.value >= link) offset = r.vaddr.value - r.paddr.value;
    }
  }
  if (!offset) {
    return error("NUMBER(va_kernel_pa_offset) is missing and no PT_LOAD maps the kernel text");
  }
  image.paddr = {image.vaddr.value - *offset};
  if (image.paddr.value >> kPhysicalBits != 0) {
    return error("NUMBER(va_kernel_pa_offset) {:#x} cannot be", *offset);
  }
  return image;
}

// The note's word, checked where the tables map their own root once more.
Result<VirtualRange> find_direct_map(const Vmcoreinfo& note, const AddressLayout& layout,
                                     unsigned bits, const MemorySource& source) {
  const auto base = unsigned_number(note, "PAGE_OFFSET");
  const auto start = unsigned_number(note, "phys_ram_base");
  if (!base) return error("NUMBER(PAGE_OFFSET) is missing");
  if (!start) return error("NUMBER(phys_ram_base) is missing");
  if ((*base & layout.table.upper_mask) != layout.table.upper || *base >= kLinkAddress) {
    return error("NUMBER(PAGE_OFFSET) {:#x} is no address of {} bits", *base, bits);
  }
  if (*start >> kPhysicalBits != 0) return error("NUMBER(phys_ram_base) {:#x} cannot be", *start);
  VirtualRange direct{{*base}, {*start}, 0};
  AddressSpace memory(layout, source);
  const VirtAddr alias{*base + (layout.table.root.value - *start)};
  if (const auto walked = memory.walk(alias); walked && walked->paddr != layout.table.root) {
    direct.paddr = {walked->paddr.value - (alias.value - *base)};
    if (direct.paddr.value != layout.image.front().paddr.value) {
      return error("NUMBER(phys_ram_base) is {:#x}, and {:#x} by the page tables", *start,
                   direct.paddr.value);
    }
  }
  // As much as the dump describes; the tables have more of it, if it is there.
  const std::uint64_t end = source.info().max_pfn << kPageShift;
  if (end > direct.paddr.value) {
    direct.size =
        std::min({end - direct.paddr.value, std::uint64_t{1} << (bits - 2), kLinkAddress - *base});
  }
  return direct;
}

Result<AddressLayout> detect_layout(const MemorySource& source, const Vmcoreinfo& note) {
  const auto root = note.symbol("swapper_pg_dir");
  if (!root) return error("SYMBOL(swapper_pg_dir) is missing");
  auto bits = find_address_bits(note);
  if (!bits) return bits.take_error();
  auto image = find_image(source.info(), note, *root);
  if (!image) return image.take_error();

  AddressLayout layout;
  layout.image.push_back(*image);
  layout.table.levels.assign(kFiveLevels.begin() + (57 - *bits) / 9, kFiveLevels.end());
  layout.table.root = image->paddr + (*root - image->vaddr);
  layout.table.order = source.info().order;
  layout.table.upper_mask = layout.table.upper = ~std::uint64_t{0} << (*bits - 1);
  layout.table.decode = decode_entry;
  auto direct = find_direct_map(note, layout, *bits, source);
  if (!direct) return direct.take_error();
  layout.linear.push_back(*direct);
  layout.phys_base = static_cast<std::uint64_t>(*note.number("phys_ram_base"));
  // include/asm/sparsemem.h, since 5.4
  layout.section_size_bits = 27;
  layout.max_physmem_bits = kPhysicalBits;
  return layout;
}

}  // namespace

extern constinit const Arch kRiscv64 = {
    .name = "riscv64",
    .other_names = {},
    .elf_machine = EM_RISCV,
    .word_bytes = 8,
    .page_sizes = kPageSizes,
    .detect_layout = detect_layout,
    .image_start = kLinkAddress,
    .find_boot = nullptr,
};

}  // namespace vmsift
