// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/section_map.h"

#include <algorithm>
#include <bit>

namespace vmsift {
namespace {

// Flags in section_mem_map. 0 PRESENT and 1 HAS_MEM_MAP are as old as SPARSEMEM; 2 ONLINE (4.13,
// 2d070eab2e82), 3 EARLY (5.3), 4 TAINT_ZONE_DEVICE (5.12, 1f90a3477df3; only with ZONE_DEVICE) and
// then VMEMMAP_PREINIT (6.15).
constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kHasMemMap = 1U << 1;
constexpr std::uint64_t kOnline = 1U << 2;
constexpr std::uint64_t kDevice = 1U << 4;
constexpr std::uint64_t kKnownFlags = (1U << 6) - 1;

// Of every architecture so far; what the note itself says may be something else.
constexpr unsigned kFewestSectionBits = 24;
constexpr unsigned kMostSectionBits = 30;

// Sections that are looked at to find out how to read the others.
constexpr unsigned kSampleSections = 64;

bool is_named(const Vmcoreinfo& note) {
  return note.symbol("mem_section") || note.length("mem_section") || note.size("mem_section");
}

}  // namespace

extern constinit const MemoryModel kSparse = {.is_named = is_named, .detect = SectionMap::detect};

Result<std::unique_ptr<MemoryMap>> SectionMap::detect(const MapInput& input) {
  SectionMap map;
  if (auto known = map.detect_struct(input); !known) return known.take_error();
  if (auto known = map.detect_shape(input); !known) return known.take_error();
  map.detect_base(input);
  map.detect_online_bit(input);
  return std::unique_ptr<MemoryMap>(std::make_unique<SectionMap>(std::move(map)));
}

Result<void> SectionMap::detect_struct(const MapInput& input) {
  const unsigned word = input.memory.word_bytes();
  const auto length = input.note.length("mem_section");
  const auto size = input.note.size("mem_section");
  const auto offset = input.note.offset("mem_section.section_mem_map");
  if (!input.note.symbol("mem_section")) return error("SYMBOL(mem_section) is missing");
  if (!length || *length == 0) return error("LENGTH(mem_section) is missing");
  if (!size || *size < word || *size > 4096) {
    return error("SIZE(mem_section) is missing or impossible");
  }
  if (!offset || *offset > *size - word) {
    return error("OFFSET(mem_section.section_mem_map) is missing or outside of SIZE(mem_section)");
  }
  const std::size_t page_size = input.source.info().page_size;
  page_shift_ = static_cast<unsigned>(std::countr_zero(page_size));
  roots_ = *length;
  section_size_ = *size;
  sections_per_page_ = page_size / *size;
  mem_map_offset_ = *offset;
  page_struct_size_ = input.page_struct_size;
  const auto flags = input.note.offset("page.flags");
  if (flags && *flags <= page_struct_size_ - word) flags_offset_ = *flags;
  vmemmap_ = base_ = input.note.symbol("vmemmap");
  return {};
}

// mem_section has either an entry for each possible section or, with EXTREME, one for each page of
// sections. With both numbers of bits in the note its length tells which; with MAX_PHYSMEM_BITS
// alone the length may tell the other one; without it both are possible, the likely one first.
Result<std::vector<SectionMap::Shape>> SectionMap::shapes(const MapInput& input) const {
  const auto named_section = input.note.number("SECTION_SIZE_BITS");
  const auto named_physmem = input.note.number("MAX_PHYSMEM_BITS");
  const std::int64_t section = named_section.value_or(std::int64_t{input.layout.section_size_bits});
  const std::int64_t physmem = named_physmem.value_or(std::int64_t{input.layout.max_physmem_bits});
  if (section <= page_shift_ || section > 40 || physmem < section || physmem > 60) {
    return error("NUMBER(SECTION_SIZE_BITS)={} and NUMBER(MAX_PHYSMEM_BITS)={} cannot be", section,
                 physmem);
  }
  const auto bits = [](std::int64_t n) { return static_cast<unsigned>(n); };
  const auto in_array = [&](bool extreme) {
    return extreme ? roots_ * sections_per_page_ : roots_;
  };
  const std::uint64_t all = std::uint64_t{1} << (physmem - section);
  const bool likely_extreme = roots_ < all;
  std::vector<Shape> found;
  for (const bool extreme : {likely_extreme, !likely_extreme}) {
    if (!named_physmem) {
      found.push_back({bits(section), bits(std::bit_width(in_array(extreme) - 1)), extreme});
    } else if (roots_ == (extreme ? ceil_div(all, sections_per_page_) : all)) {
      found.push_back({bits(section), bits(physmem - section), extreme});
    }
  }
  if (found.empty() && !named_section) found = shapes_by_length(bits(physmem));
  if (found.empty()) return error("LENGTH(mem_section)={} is not that of {} sections", roots_, all);
  return found;
}

// The sizes of a section by which the length is that of an array for all memory.
std::vector<SectionMap::Shape> SectionMap::shapes_by_length(unsigned physmem_bits) const {
  std::vector<Shape> found;
  for (const bool extreme : {true, false}) {
    const std::uint64_t sections = extreme ? roots_ * sections_per_page_ : roots_;
    const auto number_bits = static_cast<unsigned>(std::bit_width(sections)) - 1;
    const unsigned section_bits = physmem_bits - std::min(physmem_bits, number_bits);
    if (std::has_single_bit(sections) && section_bits >= kFewestSectionBits &&
        section_bits <= kMostSectionBits) {
      found.push_back({section_bits, number_bits, extreme});
    }
  }
  return found;
}

// Of all readings, the one by which most sections have struct pages that are mapped.
Result<void> SectionMap::detect_shape(const MapInput& input) {
  auto possible = shapes(input);
  if (!possible) return possible.take_error();
  const VirtAddr symbol = *input.note.symbol("mem_section");
  // A note made from debug information gives the address of the pointer and not of the array.
  const auto pointed = input.memory.read_word(symbol);
  unsigned most = 0;
  SectionMap best = *this;
  for (const VirtAddr root : {symbol, VirtAddr{pointed.value_or(symbol.value)}}) {
    for (const Shape& shape : *possible) {
      read_as(shape, root);
      const unsigned confirmed = confirmed_sections(input);
      if (confirmed <= most) continue;
      most = confirmed;
      best = *this;
    }
  }
  *this = best;
  if (most == 0) {
    return error("SYMBOL(mem_section) {:#x} leads to no section with a memory map", symbol.value);
  }
  return {};
}

void SectionMap::read_as(const Shape& shape, VirtAddr root) {
  root_ = root;
  shape_ = shape;
  pages_per_section_ = std::uint64_t{1} << (shape.section_bits - page_shift_);
  flag_bits_ = std::min(std::uint64_t{1} << page_shift_, pages_per_section_) - 1;
}

// Calls look(first page frame, section_mem_map) for sections with memory that are present.
template <class Look>
void SectionMap::sample(const MapInput& input, const Look& look) const {
  const Pfn max_pfn = input.source.info().max_pfn;
  Pfn pfn = 0;
  for (unsigned i = 0; i < kSampleSections; ++i) {
    pfn = input.source.next_window(pfn, pages_per_section_);
    if (pfn >= max_pfn) return;
    pfn = align_down(pfn, pages_per_section_);
    if (const auto word = word_of(pfn, input.memory)) look(pfn, *word);
    pfn += pages_per_section_;
  }
}

unsigned SectionMap::confirmed_sections(const MapInput& input) const {
  unsigned confirmed = 0;
  sample(input, [&](Pfn first, std::uint64_t word) {
    const auto structs = structs_of(first, word, input.memory);
    if (!structs) return;
    const VirtAddr last = *structs + (pages_per_section_ - 1) * page_struct_size_;
    // A section may be populated in part.
    confirmed += input.memory.translate(*structs) || input.memory.translate(last) ? 1 : 0;
  });
  return confirmed;
}

// With VMEMMAP every section says the same. That place is aligned to a page, and so every bit below
// is a flag: room for those that no kernel has today.
void SectionMap::detect_base(const MapInput& input) {
  if (vmemmap_) return;
  bool agree = true;
  sample(input, [&](Pfn, std::uint64_t word) {
    const VirtAddr said{word & ~flag_bits_};
    if (!base_) base_ = said;
    agree = agree && base_ == said;
  });
  if (!agree) base_.reset();
}

// Kernels before 4.13 have no such bit; where they do, the kernel's own memory is online.
void SectionMap::detect_online_bit(const MapInput& input) {
  const auto text = input.note.symbol("_stext");
  const auto place = text ? input.memory.translate(*text) : std::nullopt;
  const auto word = place ? word_of(place->paddr.value >> page_shift_, input.memory) : std::nullopt;
  if (!word) {
    no_online_bit_ = "the section of SYMBOL(_stext)";
  } else if ((*word & kOnline) == 0) {
    no_online_bit_ = "SECTION_IS_ONLINE in the section of SYMBOL(_stext)";
  }
}

std::string_view SectionMap::model() const {
  if (vmemmap_) return shape_.extreme ? "SPARSEMEM_EXTREME, vmemmap" : "SPARSEMEM, vmemmap";
  return shape_.extreme ? "SPARSEMEM_EXTREME" : "SPARSEMEM";
}

MapPart SectionMap::part(Pfn pfn, AddressSpace& memory) const {
  MapPart part{align_down(pfn, pages_per_section_) + pages_per_section_, std::nullopt, false};
  const auto word = word_of(pfn, memory);
  if (!word) return part;
  part.structs = structs_of(pfn, *word, memory);
  // Sections of devices (pmem) are never online and in use.
  part.offline = no_online_bit_.empty() && (*word & (kOnline | kDevice)) == 0;
  return part;
}

// section_mem_map of the section of `pfn`, if that has struct pages.
std::optional<std::uint64_t> SectionMap::word_of(Pfn pfn, AddressSpace& memory) const {
  const std::uint64_t section = pfn / pages_per_section_;
  const std::uint64_t root = shape_.extreme ? section / sections_per_page_ : section;
  if (root >= roots_) return std::nullopt;
  VirtAddr at = root_ + section * section_size_;
  if (shape_.extreme) {
    const auto page = memory.read_word(root_ + root * memory.word_bytes());
    if (!page || *page == 0 || *page % memory.word_bytes() != 0) return std::nullopt;
    at = VirtAddr{*page} + section % sections_per_page_ * section_size_;
  }
  const auto word = memory.read_word(at + mem_map_offset_);
  // A hot-removed section of 5.3 to 5.5 keeps a stale pointer, but not PRESENT.
  constexpr std::uint64_t kBoth = kPresent | kHasMemMap;
  return word && (*word & kBoth) == kBoth ? word : std::nullopt;
}

// The struct page of `pfn`, given the word of its section.
std::optional<VirtAddr> SectionMap::structs_of(Pfn pfn, std::uint64_t word,
                                               AddressSpace& memory) const {
  if (base_ && (word & ~flag_bits_) == base_->value) {
    return memory.address(base_->value + pfn * page_struct_size_);
  }
  if (vmemmap_) return std::nullopt;
  return memory.address((word & ~kKnownFlags) + pfn * page_struct_size_);
}

std::optional<Pfn> SectionMap::pfn_of(VirtAddr at, AddressSpace& memory) const {
  if (base_) {
    const std::uint64_t distance = memory.address(at.value - base_->value).value;
    const Pfn pfn = distance / page_struct_size_;
    if (distance % page_struct_size_ == 0 && part(pfn, memory).structs == at) return pfn;
  }
  // Without VMEMMAP the top bits of page.flags are the section's number.
  const unsigned word_bits = memory.word_bytes() * 8;
  const auto flags = memory.read_word(at + flags_offset_);
  if (!flags || shape_.number_bits == 0 || shape_.number_bits >= word_bits) return std::nullopt;
  const Pfn first = (*flags >> (word_bits - shape_.number_bits)) * pages_per_section_;
  const auto structs = part(first, memory).structs;
  if (!structs || at < *structs) return std::nullopt;
  const std::uint64_t distance = at - *structs;
  const std::uint64_t page = distance / page_struct_size_;
  if (distance % page_struct_size_ != 0 || page >= pages_per_section_) return std::nullopt;
  return first + page;
}

}  // namespace vmsift
