// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/flattened/format.h"

#include "src/base/bytes.h"

#include <algorithm>
#include <cstring>

namespace vmsift::flattened {
namespace {

constexpr std::size_t kSignatureBytes = 16;
constexpr std::size_t kTypeAt = 16;
constexpr std::size_t kVersionAt = 24;
constexpr std::uint64_t kType = 1;
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kEnd = ~std::uint64_t{0};  // -1

EncodedRecordHeader encode(std::uint64_t offset, std::uint64_t size) {
  EncodedRecordHeader bytes;
  store(bytes.data(), offset, ByteOrder::big);
  store(bytes.data() + 8, size, ByteOrder::big);
  return bytes;
}

}  // namespace

void encode_flat_header(std::span<std::byte, kHeaderBytes> into) {
  std::fill(into.begin(), into.end(), std::byte{0});
  std::memcpy(into.data(), kSignature.data(), kSignature.size());
  store(into.data() + kTypeAt, kType, ByteOrder::big);
  store(into.data() + kVersionAt, kVersion, ByteOrder::big);
}

EncodedRecordHeader encode_record_header(std::uint64_t offset, std::uint64_t size) {
  return encode(offset, size);
}

EncodedRecordHeader encode_end_record() {
  return encode(kEnd, kEnd);
}

bool has_signature(std::span<const std::byte> start) {
  std::array<std::byte, kSignatureBytes> wanted{};
  std::memcpy(wanted.data(), kSignature.data(), kSignature.size());
  return start.size() >= wanted.size() &&
         std::memcmp(start.data(), wanted.data(), wanted.size()) == 0;
}

Result<void> check_flat_header(std::span<const std::byte, kHeaderFieldBytes> bytes) {
  if (!has_signature(bytes)) return error("no signature of a flattened dump");
  const auto type = load<std::uint64_t>(bytes.data() + kTypeAt, ByteOrder::big);
  const auto version = load<std::uint64_t>(bytes.data() + kVersionAt, ByteOrder::big);
  if (type != kType || version != kVersion) {
    return error("flattened dump of type {} and version {}, only {} and {} are known", type,
                 version, kType, kVersion);
  }
  return {};
}

Result<RecordHeader> decode_record_header(std::span<const std::byte, kRecordHeaderBytes> bytes) {
  const auto offset = load<std::uint64_t>(bytes.data(), ByteOrder::big);
  const auto size = load<std::uint64_t>(bytes.data() + 8, ByteOrder::big);
  if (offset == kEnd && size == kEnd) return RecordHeader{};
  if (size == 0 || offset > kMaxOffset || size > kMaxOffset - offset) {
    return error("impossible record: {:#x} bytes for offset {:#x} of the dump", size, offset);
  }
  return RecordHeader{offset, size};
}

}  // namespace vmsift::flattened
