// SPDX-License-Identifier: GPL-2.0-or-later
// A stream from its beginning to its end, once: a pipe, a file, or a disk that a stream was written
// to. Frames of zstd and LZ4 are taken off on the way, however large they are.
#pragma once

#include "src/base/file.h"
#include "src/base/result.h"
#include "src/input/frame_decoder.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vmsift {

class StreamReader {
 public:
  static constexpr std::size_t kBufferBytes = 1U << 20;

  // `file` must outlive it, and is read from where it stands.
  explicit StreamReader(const File& file);

  // The next bytes of the stream, at least one and at most `most`, valid until the next call;
  // empty: it has ended. Error: reading failed, or a frame is damaged or cut.
  Result<std::span<const std::byte>> next(std::size_t most);

  // Bytes that next() has given so far.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  Result<void> refill();
  Result<void> begin_frame();
  Result<void> decode();

  const File& file_;
  std::vector<std::byte> raw_;  // as read
  std::size_t raw_begin_ = 0;
  std::size_t raw_end_ = 0;
  std::uint64_t raw_position_ = 0;  // of raw_end_
  bool at_end_ = false;
  bool started_ = false;
  bool framed_ = false;

  FrameDecoder decoder_;
  std::optional<FrameKind> frame_;  // that the stream is within
  std::vector<std::byte> plain_;
  std::size_t plain_begin_ = 0;
  std::size_t plain_end_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace vmsift
