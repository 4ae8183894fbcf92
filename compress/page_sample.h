// SPDX-License-Identifier: GPL-2.0-or-later
// A look at an eighth of a page, spread over it: the first line of every 512 bytes. Enough to tell
// how an encoder should go about the page, cheap enough (30 ns) to be done for every one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vmsift {

constexpr std::size_t kSampleStride = 512;  // divides every page size
constexpr std::size_t kSampleLine = 64;

constexpr std::size_t sample_size(std::size_t page_size) {
  return page_size / kSampleStride * kSampleLine;
}

inline std::size_t count_sampled_zeros(const std::byte* page, std::size_t page_size) {
  std::size_t zeros = 0;
  for (std::size_t at = 0; at < page_size; at += kSampleStride) {
    std::uint8_t in_line = 0;  // a byte wide, so that the compiler compares whole vectors
    for (std::size_t i = 0; i < kSampleLine; ++i) {
      in_line = static_cast<std::uint8_t>(in_line + (page[at + i] == std::byte{0}));
    }
    zeros += in_line;
  }
  return zeros;
}

}  // namespace vmsift
