// SPDX-License-Identifier: GPL-2.0-or-later
// Streams taken apart by other means than the project's own readers: frames by the libraries'
// streaming interfaces, as `zstd -d` and `lz4 -d` do it, and flattened records one by one.
#pragma once

#include "src/flattened/format.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace vmsift::test {

// nullopt: not whole frames of the format, or a checksum that is wrong.
inline std::optional<Bytes> decode_zstd(std::span<const std::byte> stream) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                        ZSTD_freeDCtx);
  Bytes plain;
  Bytes room(64U << 10);
  ZSTD_inBuffer in = {stream.data(), stream.size(), 0};
  std::size_t due = 0;
  for (bool more = true; more;) {
    ZSTD_outBuffer out = {room.data(), room.size(), 0};
    due = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(due) != 0) return std::nullopt;
    append(plain, std::span(room).first(out.pos));
    more = in.pos < in.size || (due != 0 && out.pos == out.size);
  }
  if (due != 0 && !stream.empty()) return std::nullopt;
  return plain;
}

inline std::optional<Bytes> decode_lz4(std::span<const std::byte> stream) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) != 0) return std::nullopt;
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      raw, LZ4F_freeDecompressionContext);
  Bytes plain;
  Bytes room(64U << 10);
  std::size_t due = 0;
  while (!stream.empty()) {
    std::size_t out = room.size();
    std::size_t in = stream.size();
    due = LZ4F_decompress(raw, room.data(), &out, stream.data(), &in, nullptr);
    if (LZ4F_isError(due) != 0) return std::nullopt;
    append(plain, std::span(room).first(out));
    stream = stream.subspan(in);
  }
  if (due != 0) return std::nullopt;
  return plain;
}

inline std::optional<Bytes> decode_frames(std::string_view format,
                                          std::span<const std::byte> stream) {
  return format == "zstd" ? decode_zstd(stream) : decode_lz4(stream);
}

struct FlatStream {
  std::map<std::uint64_t, Bytes> records;  // by offset
  bool ended = false;                      // by its end record, with nothing behind
  bool torn = false;                       // within a record or its header
  Bytes dump;                              // what it makes

  [[nodiscard]] std::uint64_t covered() const {
    std::uint64_t bytes = 0;
    for (const auto& [offset, record] : records) bytes += record.size();
    return bytes;
  }
};

// Fails the test where two records say something of one byte.
inline FlatStream parse_flat(std::span<const std::byte> stream) {
  FlatStream parsed;
  if (stream.size() < flattened::kHeaderBytes) {
    parsed.torn = true;
    return parsed;
  }
  EXPECT_TRUE(flattened::has_signature(stream.first(16)));
  EXPECT_TRUE(flattened::check_flat_header(stream.first<flattened::kHeaderFieldBytes>()));
  std::size_t at = flattened::kHeaderBytes;
  while (!parsed.ended && at + flattened::kRecordHeaderBytes <= stream.size()) {
    auto header =
        flattened::decode_record_header(stream.subspan(at).first<flattened::kRecordHeaderBytes>());
    EXPECT_TRUE(header) << (header ? "" : header.message());
    if (!header) break;
    at += flattened::kRecordHeaderBytes;
    parsed.ended = header->is_end();
    if (parsed.ended) break;
    if (header->size > stream.size() - at) {
      parsed.torn = true;
      return parsed;
    }
    const auto bytes = stream.subspan(at, header->size);
    at += header->size;
    if (parsed.dump.size() < header->offset + bytes.size()) {
      parsed.dump.resize(header->offset + bytes.size());
    }
    std::copy(bytes.begin(), bytes.end(),
              parsed.dump.begin() + static_cast<std::ptrdiff_t>(header->offset));
    EXPECT_EQ(parsed.records.count(header->offset), 0U) << header->offset;
    parsed.records[header->offset] = Bytes(bytes.begin(), bytes.end());
  }
  parsed.torn = !parsed.ended && at != stream.size();
  EXPECT_TRUE(!parsed.ended || at == stream.size()) << "bytes behind the end record";
  std::uint64_t end = 0;
  for (const auto& [offset, record] : parsed.records) {
    EXPECT_GE(offset, end) << "two records over one offset";
    end = offset + record.size();
  }
  return parsed;
}

}  // namespace vmsift::test
