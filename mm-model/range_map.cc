// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/range_map.h"

#include <algorithm>
#include <limits>

namespace vmsift {
namespace {

// Where ranges overlap, they are told apart for as many page frames at a time: the largest free
// block of any architecture, so that no block is cut in two.
constexpr std::uint64_t kGrain = 8192;

}  // namespace

MapPart RangeMap::part(Pfn pfn, AddressSpace& memory) const {
  Pfn end = std::numeric_limits<Pfn>::max();
  const StructRange* only = nullptr;
  unsigned owners = 0;
  for (const StructRange& range : ranges_) {
    for (const Pfn edge : {range.pages.begin, range.pages.end}) {
      if (edge > pfn) end = std::min(end, edge);
    }
    if (pfn < range.pages.begin || pfn >= range.pages.end) continue;
    only = &range;
    ++owners;
  }
  if (owners == 0) return {end, std::nullopt};
  if (owners == 1) return {end, struct_of(pfn, *only)};
  end = std::min(end, align_down(pfn, kGrain) + kGrain);
  return {end, owner({pfn, end}, memory)};
}

// The only array in which these page frames, all of them in the same ranges, are initialised: what
// a node has for the pages of others stays as it was allocated, zeros (5.13 and before).
std::optional<VirtAddr> RangeMap::owner(PfnRange pages, AddressSpace& memory) const {
  std::optional<VirtAddr> found;
  for (const StructRange& range : ranges_) {
    if (pages.begin < range.pages.begin || pages.begin >= range.pages.end) continue;
    const VirtAddr first = struct_of(pages.begin, range);
    const bool begins = is_initialised(first, memory);
    if (begins != is_initialised(struct_of(pages.end - 1, range), memory)) return std::nullopt;
    if (!begins) continue;
    if (found) return std::nullopt;
    found = first;
  }
  return found;
}

bool RangeMap::is_initialised(VirtAddr at, AddressSpace& memory) const {
  std::vector<std::byte> raw(page_struct_size_);
  return memory.read(at, raw) &&
         std::any_of(raw.begin(), raw.end(), [](std::byte b) { return b != std::byte{0}; });
}

std::optional<Pfn> RangeMap::pfn_of(VirtAddr at, AddressSpace& memory) const {
  for (const StructRange& range : ranges_) {
    if (at < range.structs || (at - range.structs) % page_struct_size_ != 0) continue;
    const Pfn pfn = range.pages.begin + (at - range.structs) / page_struct_size_;
    if (pfn < range.pages.end && part(pfn, memory).structs == at) return pfn;
  }
  return std::nullopt;
}

Result<StructRange> node_mem_map(const MapInput& input, VirtAddr pgdat, PfnRange spanned) {
  const auto offset = input.note.offset("pglist_data.node_mem_map");
  if (!offset) return error("OFFSET(pglist_data.node_mem_map) is missing");
  const auto structs = input.memory.read_word(pgdat + *offset);
  if (!structs || *structs == 0 || *structs % input.memory.word_bytes() != 0 || spanned.empty()) {
    return error("the node at {:#x} has no node_mem_map", pgdat.value);
  }
  const std::uint64_t room = (input.memory.highest_address() - *structs) / input.page_struct_size;
  if (spanned.size() > room) {
    return error("node_mem_map {:#x} has no room for {} page frames", *structs, spanned.size());
  }
  return StructRange{spanned, {*structs}};
}

}  // namespace vmsift
