// SPDX-License-Identifier: GPL-2.0-or-later
// The outside of zstd frames (RFC 8878) and LZ4 frames (version 1.6 of their format): where one
// ends and how many bytes come out of it, learnt from the headers of its blocks without reading
// what is in them. The libraries tell the same only of a frame that is in memory as a whole.
#pragma once

#include "src/input/peek_reader.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace vmsift {

enum class FrameKind : std::uint8_t { zstd, lz4, skippable };

struct FrameShape {
  FrameKind kind = FrameKind::skippable;
  std::uint64_t at = 0;                // in the file
  std::uint64_t stored = 0;            // bytes from there on; checksums included
  std::optional<std::uint64_t> plain;  // bytes that come out of it; nullopt: it does not say
};

// A frame that stores more is taken for one that is too large before its end is looked for.
inline constexpr std::uint64_t kMaxStoredFrame = 72U << 20;

// What kind of frame starts like this (4 bytes).
std::optional<FrameKind> frame_kind(std::span<const std::byte> start);
inline bool looks_framed(std::span<const std::byte> start) {
  return frame_kind(start).has_value();
}
const char* name_of(FrameKind kind);

// The frame at `at`. No shape: there is none, and `why` says so; errors are those of reading.
struct FrameScan {
  std::optional<FrameShape> shape;
  std::string why;
  bool too_large = false;
};
Result<FrameScan> scan_frame(PeekReader& peek, std::uint64_t at, std::uint64_t file_size);

}  // namespace vmsift
