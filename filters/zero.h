// SPDX-License-Identifier: GPL-2.0-or-later
// Pages of zeros, and of any other single byte: what is told by content, while a kept page is
// copied. 8 to 10 % of the pages kept of a kernel are poison (0xcc) or erased (0xff).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vmsift {

inline constexpr int kNoFill = -1;

// The byte value that fills the page, or kNoFill. An ordinary page costs one comparison: its first
// eight bytes differ among themselves, or memcmp stops early; memcmp brings the vector code for
// whatever CPU this runs on. At least 8 bytes.
inline int fill_byte(const std::byte* page, std::size_t size) {
  std::uint64_t first;
  std::memcpy(&first, page, sizeof first);
  if (first != (first << 8 | first >> 56)) return kNoFill;
  return std::memcmp(page, page + sizeof first, size - sizeof first) == 0
             ? static_cast<int>(first & 0xff)
             : kNoFill;
}

inline bool is_zero_page(const std::byte* page, std::size_t size) {
  return fill_byte(page, size) == 0;
}

}  // namespace vmsift
