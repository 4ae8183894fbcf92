// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/ppc64_lists.h"

#include <algorithm>

namespace vmsift::ppc64 {
namespace {

constexpr unsigned kPageSizes = 16;  // MMU_PAGE_COUNT: 15 until 4.4, and not used to the end
constexpr unsigned kLowestShift = 12, kHighestShift = 34;
constexpr unsigned kPhysicalBits = 56;
constexpr std::uint32_t kMostBytes = 4096;  // of one structure

struct PageSizes {
  VirtAddr defs;
  std::uint32_t bytes = 0, shift = 0;  // of one, and of its shift in it

  [[nodiscard]] std::optional<std::uint32_t> at(std::uint32_t index, AddressSpace& memory) const {
    return memory.read_value<std::uint32_t>(defs + std::uint64_t{index} * bytes + shift);
  }
};

Result<PageSizes> page_sizes_of(const Vmcoreinfo& note) {
  const auto defs = note.symbol("mmu_psize_defs");
  const auto bytes = note.size("mmu_psize_def");
  const auto shift = note.offset("mmu_psize_def.shift");
  if (!defs) return error("SYMBOL(mmu_psize_defs) is missing");
  if (!bytes || *bytes > kMostBytes) return error("SIZE(mmu_psize_def) is missing or cannot be");
  if (!shift || *shift >= *bytes)
    return error("OFFSET(mmu_psize_def.shift) is missing or cannot be");
  return PageSizes{*defs, *bytes, *shift};
}

// log2 of the bytes of vmemmap that one element of the list stands for.
Result<unsigned> vmemmap_page_shift(const Vmcoreinfo& note, AddressSpace& memory) {
  auto sizes = page_sizes_of(note);
  if (!sizes) return sizes.take_error();
  const auto which = note.symbol("mmu_vmemmap_psize");
  if (!which) return error("SYMBOL(mmu_vmemmap_psize) is missing");
  const auto index = memory.read_value<std::uint32_t>(*which);
  if (!index) return error("mmu_vmemmap_psize cannot be read");
  if (*index >= kPageSizes) return error("mmu_vmemmap_psize {} cannot be", *index);
  const auto shift = sizes->at(*index, memory);
  if (!shift) return error("mmu_psize_defs cannot be read");
  if (*shift < kLowestShift || *shift > kHighestShift) {
    return error("mmu_psize_defs[{}].shift {} cannot be", *index, *shift);
  }
  return *shift;
}

struct BackingFields {
  std::uint32_t list = 0, phys = 0, virt = 0;
};

Result<BackingFields> backing_fields(const Vmcoreinfo& note) {
  const auto bytes = note.size("vmemmap_backing");
  if (!bytes || *bytes > kMostBytes) return error("SIZE(vmemmap_backing) is missing or cannot be");
  BackingFields fields;
  const auto take = [&](std::string_view name, std::uint32_t& field) {
    const auto offset = note.offset(name);
    if (!offset || *offset >= *bytes) return false;
    field = *offset;
    return true;
  };
  for (const auto& [name, field] : {std::pair{"vmemmap_backing.list", &fields.list},
                                    std::pair{"vmemmap_backing.phys", &fields.phys},
                                    std::pair{"vmemmap_backing.virt_addr", &fields.virt}}) {
    if (!take(name, *field)) return error("OFFSET({}) is missing or cannot be", name);
  }
  return fields;
}

bool follows(const VirtualRange& a, const VirtualRange& b) {
  return a.vaddr + a.size == b.vaddr && a.paddr + a.size == b.paddr;
}

Result<std::vector<VirtualRange>> sorted(std::vector<VirtualRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const VirtualRange& a, const VirtualRange& b) { return a.vaddr < b.vaddr; });
  std::vector<VirtualRange> joined;
  for (const VirtualRange& r : ranges) {
    if (!joined.empty() && r.vaddr - joined.back().vaddr < joined.back().size) {
      return error("vmemmap_list maps {:#x} twice", r.vaddr.value);
    }
    if (!joined.empty() && follows(joined.back(), r)) {
      joined.back().size += r.size;
    } else {
      joined.push_back(r);
    }
  }
  return joined;
}

}  // namespace

std::optional<bool> radix_by_page_sizes(const Vmcoreinfo& note, AddressSpace& memory) {
  const auto sizes = page_sizes_of(note);
  if (!sizes) return std::nullopt;
  bool radix = false, hash = false;
  for (unsigned i = 0; i < kPageSizes; ++i) {
    const auto shift = sizes->at(i, memory);
    radix |= shift == 21U || shift == 30U;
    hash |= shift == 24U || shift == 34U;
  }
  // A hash MMU under a hypervisor that offers no large pages has 4 KiB and 64 KiB alone; radix
  // always sets its 2 MiB, even where the device tree names no sizes.
  if (radix == hash) {
    const bool any = sizes->at(0, memory) == 12U;
    return !radix && any ? std::optional(false) : std::nullopt;
  }
  return radix;
}

Result<std::vector<VirtualRange>> read_vmemmap_list(const Vmcoreinfo& note, AddressSpace& memory) {
  const auto head = note.symbol("vmemmap_list");
  if (!head) return std::vector<VirtualRange>{};
  const auto fields = backing_fields(note);
  if (!fields) return error("{}", fields.message());
  const auto first = memory.read_word(*head);
  if (!first) return error("vmemmap_list cannot be read");
  if (*first == 0) return std::vector<VirtualRange>{};
  auto shift = vmemmap_page_shift(note, memory);
  if (!shift) return shift.take_error();
  const std::uint64_t size = std::uint64_t{1} << *shift;

  std::vector<VirtualRange> ranges;
  std::uint64_t at = *first;
  for (unsigned n = 0; at != 0; ++n) {
    if (n == kMostBackings) return error("vmemmap_list has no end");
    const auto next = memory.read_word({at + fields->list});
    const auto phys = memory.read_word({at + fields->phys});
    const auto virt = memory.read_word({at + fields->virt});
    if (!next || !phys || !virt) return error("vmemmap_list cannot be read at {:#x}", at);
    if (*phys >> kPhysicalBits != 0 || *virt >> 62 != 3 || *virt % size != 0) {
      return error("vmemmap_list maps {:#x} to {:#x}", *virt, *phys);
    }
    // The kernel adds in front, so that neighbours come in falling order.
    const VirtualRange range{{*virt}, {*phys}, size};
    if (!ranges.empty() && follows(range, ranges.back())) {
      ranges.back() = {range.vaddr, range.paddr, ranges.back().size + size};
    } else {
      ranges.push_back(range);
    }
    at = *next;
  }
  return sorted(std::move(ranges));
}

}  // namespace vmsift::ppc64
