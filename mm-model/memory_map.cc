// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/memory_map.h"

#include <algorithm>
#include <bit>

namespace vmsift {
namespace {

// Bits of section_mem_map (include/linux/mmzone.h). 0 PRESENT and 1 HAS_MEM_MAP are as old as
// SPARSEMEM; 2 ONLINE (4.13), 3 EARLY (5.3), 4 TAINT_ZONE_DEVICE (5.12), 5 VMEMMAP_PREINIT (6.15).
constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kHasMemMap = 1U << 1;
constexpr unsigned kKnownFlagBits = 6;

// Sections that are looked at to tell an array of sections from a pointer to one.
constexpr std::size_t kSampleSections = 64;

}  // namespace

Result<MemoryMap> MemoryMap::detect(const Arch& arch, const MemorySource& source,
                                    const Vmcoreinfo& note, std::uint32_t page_struct_size,
                                    AddressSpace& memory) {
  MemoryMap map;
  const std::size_t page_size = source.info().page_size;
  const auto root = note.symbol("mem_section");
  const auto length = note.length("mem_section");
  const auto size = note.size("mem_section");
  const auto offset = note.offset("mem_section.section_mem_map");
  if (!root) return error("SYMBOL(mem_section) is missing");
  if (!length || *length == 0) return error("LENGTH(mem_section) is missing");
  if (!size || *size < 8 || *size > 4096)
    return error("SIZE(mem_section) is missing or impossible");
  if (!offset || *offset > *size - 8) {
    return error("OFFSET(mem_section.section_mem_map) is missing or outside of SIZE(mem_section)");
  }
  const auto section_bits =
      note.number("SECTION_SIZE_BITS").value_or(std::int64_t{arch.section_size_bits});
  const auto physmem_bits =
      note.number("MAX_PHYSMEM_BITS").value_or(std::int64_t{arch.max_physmem_bits});
  const auto page_shift = std::countr_zero(page_size);
  if (section_bits <= page_shift || section_bits > 40 || physmem_bits < section_bits ||
      physmem_bits > 60) {
    return error("NUMBER(SECTION_SIZE_BITS)={} and NUMBER(MAX_PHYSMEM_BITS)={} cannot be",
                 section_bits, physmem_bits);
  }
  map.root_ = *root;
  map.roots_ = *length;
  map.section_size_ = *size;
  map.mem_map_offset_ = *offset;
  map.page_struct_size_ = page_struct_size;
  map.pages_per_section_ = std::uint64_t{1} << (section_bits - page_shift);
  map.vmemmap_ = note.symbol("vmemmap");

  // One array where it has an entry for each possible section; else an array of pages of sections.
  // The number of sections is in doubt only for notes without MAX_PHYSMEM_BITS (before 5.9).
  const std::uint64_t all_sections = std::uint64_t{1} << (physmem_bits - section_bits);
  const std::uint64_t per_root = page_size / *size;
  map.extreme_ = *length < all_sections;
  if (map.extreme_) map.sections_per_root_ = per_root;
  if (note.number("MAX_PHYSMEM_BITS") && *length != all_sections &&
      *length != ceil_div(all_sections, per_root)) {
    return error("LENGTH(mem_section)={} is not that of {} sections", *length, all_sections);
  }

  // Where mem_map parts are aligned to pages, as vmemmap is, every bit below is a flag: room for
  // those that no kernel has today.
  const auto vmemmap_bits = std::min<unsigned>(static_cast<unsigned>(page_shift),
                                               static_cast<unsigned>(section_bits - page_shift));
  map.flag_bits_ = (std::uint64_t{1} << (map.vmemmap_ ? vmemmap_bits : kKnownFlagBits)) - 1;

  if (!map.any_section_valid(source, memory)) {
    // A note made from debug information gives the address of the pointer and not of the array.
    if (const auto pointed = memory.read_value<std::uint64_t>(map.root_)) map.root_ = {*pointed};
    if (!map.any_section_valid(source, memory)) {
      return error("SYMBOL(mem_section) {:#x} leads to no section with a memory map", root->value);
    }
  }
  return map;
}

std::string_view MemoryMap::model() const {
  if (vmemmap_) return extreme_ ? "SPARSEMEM_EXTREME, vmemmap" : "SPARSEMEM, vmemmap";
  return extreme_ ? "SPARSEMEM_EXTREME" : "SPARSEMEM";
}

bool MemoryMap::any_section_valid(const MemorySource& source, AddressSpace& memory) const {
  const Pfn max_pfn = source.info().max_pfn;
  Pfn pfn = 0;
  for (std::size_t i = 0; i < kSampleSections; ++i) {
    pfn = source.next_window(pfn, pages_per_section_);
    if (pfn >= max_pfn) return false;
    if (page_struct(pfn, memory)) return true;
    pfn = align_down(pfn, pages_per_section_) + pages_per_section_;
  }
  return false;
}

std::optional<VirtAddr> MemoryMap::section_struct(std::uint64_t section,
                                                  AddressSpace& memory) const {
  const std::uint64_t root = section / sections_per_root_;
  if (root >= roots_) return std::nullopt;
  if (!extreme_) return root_ + section * section_size_;
  const auto page = memory.read_value<std::uint64_t>(root_ + root * sizeof(std::uint64_t));
  if (!page || *page == 0) return std::nullopt;
  return VirtAddr{*page} + section % sections_per_root_ * section_size_;
}

std::optional<std::uint64_t> MemoryMap::section_mem_map(std::uint64_t section,
                                                        AddressSpace& memory) const {
  const auto at = section_struct(section, memory);
  if (!at) return std::nullopt;
  return memory.read_value<std::uint64_t>(*at + mem_map_offset_);
}

MapPart MemoryMap::part(Pfn pfn, AddressSpace& memory) const {
  return {align_down(pfn, pages_per_section_) + pages_per_section_, page_struct(pfn, memory)};
}

std::optional<Pfn> MemoryMap::pfn_of(VirtAddr at, AddressSpace& memory) const {
  if (!vmemmap_ || at < *vmemmap_ || (at - *vmemmap_) % page_struct_size_ != 0) return std::nullopt;
  const Pfn pfn = (at - *vmemmap_) / page_struct_size_;
  return page_struct(pfn, memory) == at ? std::optional(pfn) : std::nullopt;
}

std::optional<VirtAddr> MemoryMap::page_struct(Pfn pfn, AddressSpace& memory) const {
  const std::uint64_t section = pfn / pages_per_section_;
  const auto coded = section_mem_map(section, memory);
  // A hot-removed section of 5.3 to 5.5 keeps a stale pointer, but not PRESENT.
  if (!coded || (*coded & kPresent) == 0 || (*coded & kHasMemMap) == 0) return std::nullopt;
  // The pointer is stored less the section's first pfn, so that adding any pfn gives its page.
  const VirtAddr decoded = VirtAddr{*coded & ~flag_bits_} + pfn * page_struct_size_;
  if (vmemmap_ && *vmemmap_ + pfn * page_struct_size_ != decoded) return std::nullopt;
  return decoded;
}

}  // namespace vmsift
