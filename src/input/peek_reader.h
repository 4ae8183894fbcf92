// SPDX-License-Identifier: GPL-2.0-or-later
// Small reads at rising offsets: headers of records or frames, which may be a few bytes or a few
// megabytes apart. Reads a little more than asked for where that is cheap.
#pragma once

#include "src/input/byte_store.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmsift {

class PeekReader {
 public:
  static constexpr std::size_t kAheadBytes = 4096;

  // `store` must outlive it.
  explicit PeekReader(const ByteStore& store) : store_(store) {}

  // Bytes at [offset, offset + length), valid until the next call; fewer at the end of the store.
  // Requires length <= kAheadBytes.
  Result<std::span<const std::byte>> at(std::uint64_t offset, std::size_t length);

 private:
  const ByteStore& store_;
  std::uint64_t begin_ = 0;
  std::size_t size_ = 0;
  std::array<std::byte, kAheadBytes> buffer_;
};

}  // namespace vmsift
