// SPDX-License-Identifier: GPL-2.0-or-later
// Where the struct page of page frame N is. SPARSEMEM: memory is cut in sections, mem_section says
// of each where its part of mem_map is; with EXTREME mem_section is an array of pointers to arrays
// of sections, otherwise one array. With VMEMMAP all parts lie in one virtual array and newer
// kernels name its start (SYMBOL(vmemmap)).
//
// Sections are looked up when a walk comes to them and none is kept: nothing here grows with RAM.
#pragma once

#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace vmsift {

// The answer for a run of page frames whose struct pages follow each other in virtual memory.
struct MapPart {
  Pfn end = 0;                      // the answer holds from the page frame asked for up to here
  std::optional<VirtAddr> structs;  // struct page of that page frame; nullopt: these have none
};

class MemoryMap {
 public:
  // Reads the first sections through `memory` to find out how mem_section is to be read.
  // `page_struct_size` is SIZE(page). Errors name the missing key: then no page can be classified.
  static Result<MemoryMap> detect(const Arch& arch, const MemorySource& source,
                                  const Vmcoreinfo& note, std::uint32_t page_struct_size,
                                  AddressSpace& memory);

  [[nodiscard]] std::string_view model() const;

  // Where the struct pages of `pfn` and what follows are. None: that section has no memory map,
  // mem_section cannot be read there, or what it says is not what SYMBOL(vmemmap) says.
  [[nodiscard]] MapPart part(Pfn pfn, AddressSpace& memory) const;

  // The page frame whose struct page is at `at`; nullopt: of none.
  [[nodiscard]] std::optional<Pfn> pfn_of(VirtAddr at, AddressSpace& memory) const;

 private:
  [[nodiscard]] std::optional<VirtAddr> page_struct(Pfn pfn, AddressSpace& memory) const;
  [[nodiscard]] std::optional<VirtAddr> section_struct(std::uint64_t section,
                                                       AddressSpace& memory) const;
  [[nodiscard]] std::optional<std::uint64_t> section_mem_map(std::uint64_t section,
                                                             AddressSpace& memory) const;
  [[nodiscard]] bool any_section_valid(const MemorySource& source, AddressSpace& memory) const;

  VirtAddr root_;
  bool extreme_ = false;
  std::optional<VirtAddr> vmemmap_;
  std::uint32_t page_struct_size_ = 0;
  std::uint64_t pages_per_section_ = 0;
  std::uint64_t sections_per_root_ = 1;
  std::uint64_t roots_ = 0;
  std::uint32_t section_size_ = 0;    // SIZE(mem_section)
  std::uint32_t mem_map_offset_ = 0;  // OFFSET(mem_section.section_mem_map)
  std::uint64_t flag_bits_ = 0;       // low bits of section_mem_map that are flags
};

}  // namespace vmsift
