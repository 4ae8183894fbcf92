// SPDX-License-Identifier: GPL-2.0-or-later
// Pages of zeros: the one class that is told by content, while a kept page is copied.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace vmsift {

// A page is zero when its first word is and every byte equals the one 8 before it; memcmp brings
// the vector code for whatever CPU this runs on. At least 8 bytes.
inline bool is_zero_page(const std::byte* page, std::size_t size) {
  unsigned long long first;
  std::memcpy(&first, page, sizeof first);
  return first == 0 && std::memcmp(page, page + sizeof first, size - sizeof first) == 0;
}

}  // namespace vmsift
