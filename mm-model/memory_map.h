// SPDX-License-Identifier: GPL-2.0-or-later
// Where the struct page of page frame N is, and which page frame a struct page describes. A kernel
// has one of three models (include/asm-generic/memory_model.h): FLATMEM, DISCONTIGMEM (until 5.13)
// or SPARSEMEM, with or without VMEMMAP. One file a model, one line in memory_map.cc.
//
// Nothing is kept for a page or a section: nothing here grows with RAM.
#pragma once

#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace vmsift {

// The answer for a run of page frames whose struct pages follow each other in virtual memory.
struct MapPart {
  Pfn end = 0;                      // the answer holds from the page frame asked for up to here
  std::optional<VirtAddr> structs;  // struct page of that page frame; nullopt: these have none
  bool offline = false;             // a memory block that nobody can use until it is onlined
};

// What there is to find out a model by.
struct MapInput {
  const AddressLayout& layout;
  const MemorySource& source;
  const Vmcoreinfo& note;
  std::uint32_t page_struct_size;  // SIZE(page)
  AddressSpace& memory;
};

class MemoryMap {
 public:
  // The model is the one whose entries the note has. Errors name the key that is missing, or what
  // contradicts it: then no page can be classified.
  static Result<std::unique_ptr<MemoryMap>> detect(const MapInput& input);

  virtual ~MemoryMap() = default;

  [[nodiscard]] virtual std::string_view model() const = 0;

  // Where the struct pages of `pfn` and of what follows are. None where the kernel has none for
  // them, and where what it says of them cannot be read or contradicts itself.
  [[nodiscard]] virtual MapPart part(Pfn pfn, AddressSpace& memory) const = 0;

  // The page frame whose struct page is at `at`; nullopt: of none. part() confirms every answer.
  [[nodiscard]] virtual std::optional<Pfn> pfn_of(VirtAddr at, AddressSpace& memory) const = 0;

  // Why no part is ever said to be offline; empty when parts are where their blocks are.
  [[nodiscard]] virtual std::string_view why_never_offline() const {
    return "CONFIG_SPARSEMEM, which has sections to be offline,";
  }
};

struct MemoryModel {
  // Whether the note has what marks a kernel of this model.
  bool (*is_named)(const Vmcoreinfo& note);
  Result<std::unique_ptr<MemoryMap>> (*detect)(const MapInput& input);
};

}  // namespace vmsift
