// SPDX-License-Identifier: GPL-2.0-or-later
// Takes zstd and LZ4 frames apart, with the libraries that define them.
#pragma once

#include "src/input/frame_format.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace vmsift {

// For one thread at a time, one frame after the other.
class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  // Goes on in a frame that may come in pieces of any size. `in` never reaches into the next one's
  // decoding: consumed ends where the frame does.
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool frame_done = false;
  };
  Result<Step> step(FrameKind kind, std::span<const std::byte> in, std::span<std::byte> out);

  // Fills `plain` from a whole frame. Error: it is damaged, or holds another number of bytes.
  Result<void> decode(FrameKind kind, std::span<const std::byte> stored,
                      std::span<std::byte> plain);
  // How many bytes come out of a whole frame. Stops soon behind `most`.
  Result<std::uint64_t> measure(FrameKind kind, std::span<const std::byte> stored,
                                std::uint64_t most);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
  std::vector<std::byte> scratch_;  // what is measured comes out here
};

}  // namespace vmsift
