// SPDX-License-Identifier: GPL-2.0-or-later
// Memory maps that are one array of struct pages for each range of page frames: FLATMEM has one,
// DISCONTIGMEM one a node. The ranges of nodes may overlap where their memory is interleaved.
#pragma once

#include "mm-model/memory_map.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vmsift {

struct StructRange {
  PfnRange pages;
  VirtAddr structs;  // struct page of pages.begin
};

class RangeMap : public MemoryMap {
 public:
  // `model` must outlive it. At least one range; their arrays end within the address space.
  RangeMap(std::string_view model, std::uint32_t page_struct_size, std::vector<StructRange> ranges)
      : model_(model), page_struct_size_(page_struct_size), ranges_(std::move(ranges)) {}

  [[nodiscard]] std::string_view model() const override { return model_; }
  [[nodiscard]] MapPart part(Pfn pfn, AddressSpace& memory) const override;
  [[nodiscard]] std::optional<Pfn> pfn_of(VirtAddr at, AddressSpace& memory) const override;

 private:
  [[nodiscard]] VirtAddr struct_of(Pfn pfn, const StructRange& range) const {
    return range.structs + (pfn - range.pages.begin) * page_struct_size_;
  }
  [[nodiscard]] std::optional<VirtAddr> owner(PfnRange pages, AddressSpace& memory) const;
  [[nodiscard]] bool is_initialised(VirtAddr at, AddressSpace& memory) const;

  std::string_view model_;
  std::uint32_t page_struct_size_;
  std::vector<StructRange> ranges_;
};

// The array of node_mem_map in the pgdat at `pgdat`, for the page frames that the node spans.
// Errors name the key that is missing or impossible.
Result<StructRange> node_mem_map(const MapInput& input, VirtAddr pgdat, PfnRange spanned);

}  // namespace vmsift
