// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/frame_format.h"

#include "src/base/bytes.h"

#include <array>

namespace vmsift {
namespace {

constexpr std::uint32_t kZstdMagic = 0xfd2fb528;
constexpr std::uint32_t kLz4Magic = 0x184d2204;
constexpr std::uint32_t kSkippableMagic = 0x184d2a50;  // the low four bits are free
constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kSkippableHeader = 8;

template <class T>
T little(std::span<const std::byte> bytes, std::size_t at) {
  return load<T>(bytes.data() + at, ByteOrder::little);
}

// What the first bytes of a frame say.
struct Header {
  std::uint64_t bytes = 0;  // up to the first block
  std::optional<std::uint64_t> plain;
  std::size_t block_trailer = 0;  // checksum behind each block
  std::size_t trailer = 0;        // and behind the last one
};
constexpr std::size_t kMostHeaderBytes = 19;  // of LZ4; zstd has 18

// nullopt: the bytes end too early. Reserved bits are left to the decoder.
std::optional<Header> zstd_header(std::span<const std::byte> bytes) {
  constexpr std::array<std::size_t, 4> kDictionaryBytes = {0, 1, 2, 4};
  if (bytes.size() < kMagicBytes + 1) return std::nullopt;
  const auto descriptor = std::to_integer<unsigned>(bytes[kMagicBytes]);
  const bool single_segment = (descriptor & 0x20U) != 0;
  const std::size_t size_bytes =
      descriptor >> 6U == 0 ? (single_segment ? 1 : 0) : std::size_t{1} << (descriptor >> 6U);
  const std::size_t size_at =
      kMagicBytes + 1 + (single_segment ? 0 : 1) + kDictionaryBytes[descriptor & 3U];
  if (bytes.size() < size_at + size_bytes) return std::nullopt;
  Header h;
  h.bytes = size_at + size_bytes;
  h.trailer = (descriptor & 4U) != 0 ? 4 : 0;
  if (size_bytes == 1) h.plain = little<std::uint8_t>(bytes, size_at);
  if (size_bytes == 2) h.plain = little<std::uint16_t>(bytes, size_at) + 256U;
  if (size_bytes == 4) h.plain = little<std::uint32_t>(bytes, size_at);
  if (size_bytes == 8) h.plain = little<std::uint64_t>(bytes, size_at);
  return h;
}

std::optional<Header> lz4_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kMagicBytes + 3) return std::nullopt;
  const auto flags = std::to_integer<unsigned>(bytes[kMagicBytes]);
  const bool has_size = (flags & 8U) != 0;
  Header h;
  h.bytes = kMagicBytes + 3 + (has_size ? 8U : 0U) + ((flags & 1U) != 0 ? 4U : 0U);
  h.block_trailer = (flags & 0x10U) != 0 ? 4 : 0;
  h.trailer = (flags & 4U) != 0 ? 4 : 0;
  if (bytes.size() < h.bytes) return std::nullopt;
  if (has_size) h.plain = little<std::uint64_t>(bytes, kMagicBytes + 2);
  return h;
}

// What the header of a block says.
struct Block {
  std::uint64_t stored = 0;  // behind the header
  bool last = false;
  bool valid = true;
};

Block zstd_block(std::span<const std::byte> bytes) {
  const unsigned word = little<std::uint16_t>(bytes, 0) | std::to_integer<unsigned>(bytes[2])
                                                              << 16U;
  const unsigned type = (word >> 1U) & 3U;  // 0 raw, 1 one byte repeated, 2 compressed
  return {type == 1 ? 1 : word >> 3U, (word & 1U) != 0, type != 3};
}

Block lz4_block(std::span<const std::byte> bytes) {
  const auto word = little<std::uint32_t>(bytes, 0);
  if (word == 0) return {0, true, true};
  return {word & 0x7fffffffU, false, true};
}

FrameScan none(std::string why) {
  return {std::nullopt, std::move(why), false};
}

}  // namespace

std::optional<FrameKind> frame_kind(std::span<const std::byte> start) {
  if (start.size() < kMagicBytes) return std::nullopt;
  const auto magic = little<std::uint32_t>(start, 0);
  if (magic == kZstdMagic) return FrameKind::zstd;
  if (magic == kLz4Magic) return FrameKind::lz4;
  if ((magic & ~0xfU) == kSkippableMagic) return FrameKind::skippable;
  return std::nullopt;
}

const char* name_of(FrameKind kind) {
  return kind == FrameKind::zstd ? "zstd" : kind == FrameKind::lz4 ? "lz4" : "skippable";
}

Result<FrameScan> scan_frame(PeekReader& peek, std::uint64_t at, std::uint64_t file_size) {
  auto start = peek.at(at, kMostHeaderBytes);
  if (!start) return start.take_error();
  const auto cut = [&] { return none(fmt::format("ends within the frame at {:#x}", at)); };
  if (start->size() < kMagicBytes) return cut();
  const auto kind = frame_kind(*start);
  if (!kind) return none(fmt::format("no zstd or lz4 frame at {:#x}", at));
  FrameShape shape{*kind, at, 0, std::nullopt};
  if (*kind == FrameKind::skippable) {
    if (start->size() < kSkippableHeader) return cut();
    shape.plain = 0;
    shape.stored = kSkippableHeader + little<std::uint32_t>(*start, kMagicBytes);
    return shape.stored > file_size - at ? cut() : FrameScan{shape, {}, false};
  }
  const auto header = *kind == FrameKind::zstd ? zstd_header(*start) : lz4_header(*start);
  if (!header) return cut();
  shape.plain = header->plain;
  const std::size_t block_header = *kind == FrameKind::zstd ? 3 : 4;
  std::uint64_t next = at + header->bytes;
  for (bool last = false; !last;) {
    if (next - at > kMaxStoredFrame) return FrameScan{std::nullopt, {}, true};
    auto bytes = peek.at(next, block_header);
    if (!bytes) return bytes.take_error();
    if (bytes->size() < block_header) return cut();
    const Block block = *kind == FrameKind::zstd ? zstd_block(*bytes) : lz4_block(*bytes);
    if (!block.valid) return none(fmt::format("invalid block at {:#x}", next));
    const bool empty_end = *kind == FrameKind::lz4 && block.last;
    next += block_header + block.stored + (empty_end ? 0 : header->block_trailer);
    last = block.last;
  }
  shape.stored = next + header->trailer - at;
  if (shape.stored > file_size - at) return cut();
  return FrameScan{shape, {}, false};
}

}  // namespace vmsift
