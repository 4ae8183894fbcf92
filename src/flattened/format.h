// SPDX-License-Identifier: GPL-2.0-or-later
// The flattened form of a dump: a stream of records, each with the offset in the dump where its
// bytes belong, so that a dump whose headers are known last can go through a pipe (makedumpfile -F
// since 1.2.0, QEMU's dump-guest-memory).
//
//   4096 bytes       header: signature, type, version, zeros
//   16 bytes         offset and size of a record, then its bytes; and so on
//   16 bytes         end record: both are -1. What follows is none of the stream's.
//
// All integers are signed, 64 bits, big-endian, whatever the machine. Where records overlap, the
// later one holds; but crash may show either, so writers must not make any.
#pragma once

#include "src/base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace vmsift::flattened {

inline constexpr std::string_view kSignature = "makedumpfile";  // zero-padded to 16 bytes
inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kHeaderFieldBytes = 32;  // of it that are not zero fill
inline constexpr std::size_t kRecordHeaderBytes = 16;
// No byte of a dump stands at or beyond this offset.
inline constexpr std::uint64_t kMaxOffset = std::numeric_limits<std::int64_t>::max();

struct RecordHeader {
  std::uint64_t offset = 0;  // of the bytes in the dump
  std::uint64_t size = 0;    // 0: the end record
  [[nodiscard]] bool is_end() const { return size == 0; }
};

using EncodedRecordHeader = std::array<std::byte, kRecordHeaderBytes>;

void encode_flat_header(std::span<std::byte, kHeaderBytes> into);
// Requires size > 0 and offset + size <= kMaxOffset.
EncodedRecordHeader encode_record_header(std::uint64_t offset, std::uint64_t size);
EncodedRecordHeader encode_end_record();

// Whether a file that starts like this (16 bytes) is flattened.
bool has_signature(std::span<const std::byte> start);
// Whether it is of a kind that is known; the error says what it has.
Result<void> check_flat_header(std::span<const std::byte, kHeaderFieldBytes> bytes);
// Error: no writer makes such a record. Otherwise offset + size <= kMaxOffset.
Result<RecordHeader> decode_record_header(std::span<const std::byte, kRecordHeaderBytes> bytes);

}  // namespace vmsift::flattened
