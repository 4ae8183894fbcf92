// SPDX-License-Identifier: GPL-2.0-or-later
// What the copy stage hands to a writer: the pages of one batch as they are to be stored.
#pragma once

#include "src/base/types.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace vmsift {

// What takes the place of a stored size for pages without data of their own.
constexpr std::uint32_t kStoredZero = 0;                  // shares the zero page
constexpr std::uint32_t kStoredLost = ~std::uint32_t{0};  // could not be read
constexpr std::uint32_t kStoredFill = 0x80000000;         // + the byte value that fills the page

constexpr bool is_fill(std::uint32_t stored_size) {
  return stored_size - kStoredFill < 256;
}
constexpr std::byte fill_of(std::uint32_t stored_size) {
  return static_cast<std::byte>(stored_size);
}
constexpr bool has_data(std::uint32_t stored_size) {
  return stored_size != kStoredZero && stored_size < kStoredFill;
}

struct StoredPages {
  std::span<const Pfn> pfns;               // ascending
  std::span<const std::uint32_t> sizes;    // of each: bytes, or one of the words above
  std::span<const std::byte> data;         // of the pages that have some, one behind another
  std::span<const std::byte> frame;        // `data` as one frame of the stream; empty: not framed
  std::span<const std::uint64_t> hashes;   // of each page's data, where CopyOptions::hash asks
};

}  // namespace vmsift
