// SPDX-License-Identifier: GPL-2.0-or-later
// Which bytes of a file hold which physical memory: disjoint extents sorted by physical address,
// made from PT_LOADs that may come unsorted and overlap (a kdump kernel describes its text twice).
#pragma once

#include "src/base/types.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmsift {

struct Extent {
  PhysAddr begin;
  PhysAddr end;
  std::uint64_t offset = 0;  // file offset of the byte at `begin`; unused for memory without data

  [[nodiscard]] bool contains(PhysAddr a) const { return begin <= a && a < end; }
  [[nodiscard]] std::uint64_t offset_of(PhysAddr a) const { return offset + (a - begin); }
};

class ExtentMap {
 public:
  // Where extents overlap the one that comes first in `extents` wins. O(n log n).
  static ExtentMap from_overlapping(std::vector<Extent> extents);

  [[nodiscard]] std::span<const Extent> extents() const { return extents_; }

  // Index of the extent that holds `a`, or else of the first one behind it; size() when none is.
  [[nodiscard]] std::size_t find(PhysAddr a) const;

 private:
  std::vector<Extent> extents_;
};

}  // namespace vmsift
