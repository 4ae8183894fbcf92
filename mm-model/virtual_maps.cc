// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/virtual_maps.h"

#include <algorithm>

namespace vmsift {
namespace {

// An image is smaller (KERNEL_IMAGE_SIZE of x86 is 1 GiB, arm64.cc allows 1 GiB up to the tables),
// and so are the parts that free_initmem() leaves unmapped (arch/arm64/mm/init.c; seen 6.1 to 7.3).
constexpr std::uint64_t kMostImageBytes = std::uint64_t{2} << 30;
constexpr std::uint64_t kMostImageHole = std::uint64_t{16} << 20;
constexpr std::size_t kMostImagePieces = 64;

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

// What the tables map as `range` says, leaf by leaf. Of arm64's image only the first part is known:
// what follows a range belongs to it where it is mapped alike.
std::vector<VirtualRange> image_by_tables(const VirtualRange& range, AddressSpace& memory) {
  std::vector<VirtualRange> pieces;
  const std::uint64_t most = std::min(kMostImageBytes, ~range.vaddr.value);
  std::uint64_t end = range.size;  // of what is known of the image, from its start
  std::uint64_t at = 0;
  while (at < most) {  // a page further each time, at least
    const auto mapped = memory.first_mapped(range.vaddr + at);
    if (!mapped) break;
    const auto& [vaddr, to] = *mapped;
    const std::uint64_t begin = vaddr - range.vaddr;
    if (begin >= most || (begin > end && begin - end > kMostImageHole)) break;
    const std::uint64_t size = std::min(to.contiguous, most - begin);
    at = begin + size;
    if (to.paddr != range.paddr + begin) continue;
    end = std::max(end, at);
    if (!pieces.empty() && pieces.back().vaddr + pieces.back().size == vaddr) {
      pieces.back().size += size;
    } else if (pieces.size() < kMostImagePieces) {
      pieces.push_back({vaddr, to.paddr, size});
    } else {
      break;
    }
  }
  return pieces;
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
      const auto pieces = image_by_tables(range, memory);
      maps.image.insert(maps.image.end(), pieces.begin(), pieces.end());
    }
  }
  return maps;
}

}  // namespace vmsift
