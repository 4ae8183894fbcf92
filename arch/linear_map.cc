// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/linear_map.h"

#include "mm-model/address_space.h"

namespace vmsift {

VirtualRange linear_map_around(VirtAddr inside, VirtAddr page_offset, PhysAddr start,
                               std::uint64_t step, const AddressLayout& layout,
                               const MemorySource& source) {
  constexpr std::uint64_t kEnd = std::uint64_t{1} << 32;
  AddressSpace memory(layout, source);
  const auto is_linear = [&](std::uint64_t vaddr) {
    const auto walked = memory.walk({vaddr});
    return walked && walked->paddr == start + (VirtAddr{vaddr} - page_offset);
  };
  std::uint64_t begin = align_down(inside.value, step);
  std::uint64_t end = begin;
  while (end < kEnd && is_linear(end)) end += step;
  while (begin > page_offset.value && is_linear(begin - step)) begin -= step;
  return {{begin}, start + (VirtAddr{begin} - page_offset), end - begin};
}

}  // namespace vmsift
