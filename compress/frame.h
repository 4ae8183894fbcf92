// SPDX-License-Identifier: GPL-2.0-or-later
// Compression of a whole stream (--stream), in place of or on top of that of single pages: what is
// written is cut into stretches and each becomes a frame of its own, in the standard format of
// zstd (RFC 8878) or LZ4 (LZ4 Frame Format 1.6). Frames do not depend on each other, so that they
// are made in parallel and read from anywhere; `zstd -d` or `lz4 -d` gives the stream back.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace vmsift {

// One worker's compressor. Not thread-safe. The bytes of a frame depend on its content alone.
class FrameEncoder {
 public:
  virtual ~FrameEncoder() = default;

  // A frame of `plain` (not empty) at the start of `out`, which holds FrameFormat::bound() bytes;
  // its size, 0 when the library failed. The frame says how many bytes it holds, and has a
  // checksum.
  virtual std::size_t encode(std::span<const std::byte> plain, std::span<std::byte> out) = 0;
};

// What stands around bytes that a frame stores as they are.
struct StoredFrame {
  std::span<const std::byte> before;
  std::span<const std::byte> after;
};

struct FrameFormat {
  std::string_view name;                       // as in --stream NAME
  std::size_t (*bound)(std::size_t plain);     // bytes that the frame of so many may take
  std::size_t memory;                          // bytes that one encoder takes, for the memory plan
  std::unique_ptr<FrameEncoder> (*encoder)();  // nullptr: out of memory
  // A frame of kStoredFrameBytes bytes that are not compressed and have no checksum: they can be
  // written later.
  StoredFrame stored;
};

// Some hundred program headers a frame; the size fits the smallest fields of both formats.
inline constexpr std::size_t kStoredFrameBytes = 65536;

const FrameFormat* find_frame_format(std::string_view name);  // nullptr: no such format

}  // namespace vmsift
