// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps what is written to a file from filling the page cache of a small machine: each chunk is
// sent to the disk while the next one is written, and dropped from memory after that. No more than
// two chunks are there at any time, dirty or not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vmsift {

class WriteBehind {
 public:
  static constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20;

  // After `bytes` were written to `fd`, anywhere in the file. Returns 0, or the errno value of an
  // earlier write that did not reach the disk: nobody else is told of it after this.
  int written(int fd, std::size_t bytes);

 private:
  std::uint64_t pending_ = 0;  // bytes since the last chunk was sent off
  bool possible_ = true;       // as far as is known
};

}  // namespace vmsift
