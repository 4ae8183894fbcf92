// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/virtual_maps.h"

#include <algorithm>

namespace vmsift {
namespace {

// The image is mapped by the large pages of its architecture or in parts of them (2 MiB on x86_64),
// and is smaller than this.
constexpr std::uint64_t kImageStep = std::uint64_t{2} << 20;
constexpr std::uint64_t kMostImageSteps = 1024;

bool holds(const VirtualRange& range, VirtAddr vaddr) {
  return vaddr - range.vaddr < range.size;  // wraps to something large below
}

// PT_LOADs of kdump kernels: one a piece of memory, and one for the image.
void take_headers(const DumpInfo& dump, const AddressLayout* layout, VirtualMaps& maps) {
  for (const VirtualRange& r : dump.virtual_ranges) {
    // QEMU leaves p_vaddr 0; addresses of the lower half are not the kernel's.
    const bool known =
        dump.abi == kdump::Abi::bits64 ? r.vaddr.value >> 63 != 0 : r.vaddr.value != 0;
    if (!known) continue;
    const bool image =
        layout != nullptr && std::any_of(layout->image.begin(), layout->image.end(),
                                         [&](const VirtualRange& l) { return holds(l, r.vaddr); });
    if (image) {
      maps.image.push_back(r);
    } else if (!maps.direct_map) {
      maps.direct_map = r.vaddr.value - r.paddr.value;
    }
  }
}

// The direct map comes first in the kernel's half on architectures that do not say where it is.
// It is believed when it also maps the tables' own root.
std::optional<std::uint64_t> direct_map_by_tables(const PageTable& table, AddressSpace& memory) {
  const auto first = memory.first_mapped({table.upper});
  if (!first) return std::nullopt;
  const std::uint64_t base = first->first.value - first->second.paddr.value;
  const auto root = memory.walk({base + table.root.value});
  if (!root || root->paddr != table.root) return std::nullopt;
  return base;
}

std::optional<VirtualRange> image_by_tables(const VirtualRange& range, AddressSpace& memory) {
  std::optional<VirtualRange> found;
  const std::uint64_t steps = std::min(range.size / kImageStep, kMostImageSteps);
  for (std::uint64_t i = 0; i < steps; ++i) {
    const VirtAddr at = range.vaddr + i * kImageStep;
    const auto mapped = memory.walk(at);
    const PhysAddr expected = range.paddr + i * kImageStep;
    if (!mapped || mapped->paddr != expected) {
      if (found) break;
      continue;
    }
    if (!found) found = VirtualRange{at, expected, 0};
    found->size = at + kImageStep - found->vaddr;
  }
  return found;
}

}  // namespace

VirtualMaps find_virtual_maps(const MemorySource& source, const AddressLayout* layout) {
  VirtualMaps maps;
  take_headers(source.info(), layout, maps);
  if (layout == nullptr) return maps;
  if (!maps.direct_map && !layout->linear.empty()) {
    const VirtualRange& direct = layout->linear.front();
    maps.direct_map = direct.vaddr.value - direct.paddr.value;
  }
  // A window of the processor is what it is.
  if (maps.image.empty() && !layout->tables_map_image) maps.image = layout->image;
  if (layout->table.decode == nullptr) return maps;
  AddressSpace memory(*layout, source);
  if (!maps.direct_map) maps.direct_map = direct_map_by_tables(layout->table, memory);
  if (maps.image.empty()) {
    for (const VirtualRange& range : layout->image) {
      if (const auto image = image_by_tables(range, memory)) maps.image.push_back(*image);
    }
  }
  return maps;
}

}  // namespace vmsift
