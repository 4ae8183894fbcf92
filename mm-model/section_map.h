// SPDX-License-Identifier: GPL-2.0-or-later
// SPARSEMEM: memory is cut in sections, mem_section says of each where its part of the memory map
// is. With EXTREME mem_section is an array of pointers to pages of sections, otherwise one array.
// With VMEMMAP all parts lie in one virtual array and newer kernels name its start
// (SYMBOL(vmemmap)).
//
// A section's word section_mem_map is the address that a struct page of page frame 0 would have,
// and flags in its low bits (include/linux/mmzone.h). Sections are looked up when a walk comes to
// them.
#pragma once

#include "mm-model/memory_map.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

class SectionMap : public MemoryMap {
 public:
  // Reads the first sections with memory to find out what the note leaves open: whether the symbol
  // is the array or a pointer to it, and, in notes without the two numbers of bits (until 5.8 and
  // 5.12), how many sections there are.
  static Result<std::unique_ptr<MemoryMap>> detect(const MapInput& input);

  [[nodiscard]] std::string_view model() const override;
  [[nodiscard]] MapPart part(Pfn pfn, AddressSpace& memory) const override;
  [[nodiscard]] std::optional<Pfn> pfn_of(VirtAddr at, AddressSpace& memory) const override;
  [[nodiscard]] std::string_view why_never_offline() const override { return no_online_bit_; }

 private:
  // One way to read mem_section.
  struct Shape {
    unsigned section_bits = 0;  // log2 of the bytes of a section
    unsigned number_bits = 0;   // log2 of the possible sections
    bool extreme = false;
  };

  [[nodiscard]] Result<std::vector<Shape>> shapes(const MapInput& input) const;
  [[nodiscard]] std::vector<Shape> shapes_by_length(unsigned physmem_bits) const;
  Result<void> detect_struct(const MapInput& input);
  Result<void> detect_shape(const MapInput& input);
  void detect_base(const MapInput& input);
  void detect_online_bit(const MapInput& input);
  void read_as(const Shape& shape, VirtAddr root);

  [[nodiscard]] std::optional<std::uint64_t> word_of(Pfn pfn, AddressSpace& memory) const;
  [[nodiscard]] std::optional<VirtAddr> structs_of(Pfn pfn, std::uint64_t word,
                                                   AddressSpace& memory) const;
  [[nodiscard]] unsigned confirmed_sections(const MapInput& input) const;
  template <class Look>
  void sample(const MapInput& input, const Look& look) const;

  unsigned page_shift_ = 0;
  std::uint32_t section_size_ = 0;      // SIZE(mem_section)
  std::uint32_t mem_map_offset_ = 0;    // OFFSET(mem_section.section_mem_map)
  std::uint32_t page_struct_size_ = 0;  // SIZE(page)
  std::uint32_t flags_offset_ = 0;      // OFFSET(page.flags)
  std::uint64_t roots_ = 0;             // LENGTH(mem_section)
  std::uint64_t sections_per_page_ = 1;

  VirtAddr root_;
  Shape shape_;
  std::uint64_t pages_per_section_ = 1;
  std::uint64_t flag_bits_ = 0;  // low bits of a word that lies at a page boundary without them

  std::optional<VirtAddr> vmemmap_;  // SYMBOL(vmemmap): what every section must say
  std::optional<VirtAddr> base_;     // what sections say, as far as looked at, if all agree
  std::string no_online_bit_;
};

}  // namespace vmsift
