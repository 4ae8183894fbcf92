// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/extent_map.h"

#include <algorithm>
#include <map>

namespace vmsift {
namespace {

using ByBegin = std::map<std::uint64_t, Extent>;

// Adds those parts of `e` that no earlier extent covers.
void add_uncovered(ByBegin& map, const Extent& e) {
  std::uint64_t at = e.begin.value;
  auto next = map.upper_bound(at);
  if (next != map.begin()) {
    at = std::max(at, std::prev(next)->second.end.value);
  }
  while (at < e.end.value) {
    const std::uint64_t stop =
        next == map.end() ? e.end.value : std::min(e.end.value, next->first);
    if (at < stop) {
      map.emplace_hint(next, at, Extent{{at}, {stop}, e.offset_of({at})});
    }
    if (next == map.end()) break;
    at = std::max(at, next->second.end.value);
    ++next;
  }
}

}  // namespace

ExtentMap ExtentMap::from_overlapping(std::vector<Extent> extents) {
  ByBegin map;
  for (const Extent& e : extents) {
    if (e.begin < e.end) add_uncovered(map, e);
  }
  ExtentMap result;
  for (const auto& [begin, e] : map) {
    // Pieces that the cutting left side by side are one run of the file again.
    if (!result.extents_.empty()) {
      Extent& last = result.extents_.back();
      if (last.end == e.begin && last.offset_of(last.end) == e.offset) {
        last.end = e.end;
        continue;
      }
    }
    result.extents_.push_back(e);
  }
  return result;
}

std::size_t ExtentMap::find(PhysAddr a) const {
  const auto it = std::upper_bound(extents_.begin(), extents_.end(), a,
                                   [](PhysAddr x, const Extent& e) { return x < e.end; });
  return static_cast<std::size_t>(it - extents_.begin());
}

}  // namespace vmsift
