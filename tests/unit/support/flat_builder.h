// SPDX-License-Identifier: GPL-2.0-or-later
// Flattened streams record by record, and frames around any bytes.
#pragma once

#include "src/flattened/format.h"
#include "src/input/byte_store.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <sys/mman.h>
#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace vmsift::test {

class FlatBuilder {
 public:
  FlatBuilder() : bytes_(flattened::kHeaderBytes) {
    flattened::encode_flat_header(std::span(bytes_).first<flattened::kHeaderBytes>());
  }
  FlatBuilder& record(std::uint64_t offset, const Bytes& data) {
    header(offset, data.size());
    append(bytes_, data);
    if (plain_.size() < offset + data.size()) plain_.resize(offset + data.size());
    std::copy(data.begin(), data.end(), plain_.begin() + static_cast<std::ptrdiff_t>(offset));
    return *this;
  }
  // Whatever it says.
  FlatBuilder& header(std::uint64_t offset, std::uint64_t size) {
    append(bytes_, flattened::encode_record_header(offset, size));
    return *this;
  }
  // The dump in records of this size, in order.
  FlatBuilder& dump(const Bytes& image, std::size_t size) {
    for (std::size_t at = 0; at < image.size(); at += size) {
      const auto first = image.begin() + static_cast<std::ptrdiff_t>(at);
      record(at,
             Bytes(first, first + static_cast<std::ptrdiff_t>(std::min(size, image.size() - at))));
    }
    return *this;
  }
  FlatBuilder& end() {
    append(bytes_, flattened::encode_end_record());
    return *this;
  }

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }  // of the stream
  [[nodiscard]] const Bytes& plain() const { return plain_; }  // of the dump

 private:
  Bytes bytes_;
  Bytes plain_;
};

inline Bytes zstd_frame(std::span<const std::byte> plain, bool with_size = true,
                        bool checksum = true) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, with_size ? 1 : 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum ? 1 : 0);
  Bytes frame(ZSTD_compressBound(plain.size()));
  frame.resize(ZSTD_compress2(context, frame.data(), frame.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  return frame;
}

inline Bytes lz4_frame(std::span<const std::byte> plain, bool with_size = true,
                       bool checksums = true) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentSize = with_size ? plain.size() : 0;
  preferences.frameInfo.contentChecksumFlag =
      checksums ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum;
  preferences.frameInfo.blockChecksumFlag =
      checksums ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum;
  Bytes frame(LZ4F_compressFrameBound(plain.size(), &preferences));
  frame.resize(
      LZ4F_compressFrame(frame.data(), frame.size(), plain.data(), plain.size(), &preferences));
  return frame;
}

inline Bytes skippable_frame(std::size_t size) {
  Bytes frame(8 + size, std::byte{0xaa});
  poke(frame, 0, std::uint32_t{0x184d2a53});
  poke(frame, 4, static_cast<std::uint32_t>(size));
  return frame;
}

// A file that has no name; reads of it are those of any file.
inline std::unique_ptr<ByteStore> store_of(std::span<const std::byte> bytes) {
  const int fd = ::memfd_create("test", MFD_CLOEXEC);
  File file(fd, "test");
  EXPECT_TRUE(fd >= 0 && file.write_at(0, bytes).ok());
  return std::make_unique<PlainStore>(std::move(file), bytes.size());
}

inline Bytes read_all_of(const ByteStore& store) {
  Bytes bytes(store.size());
  const auto read = store.read_exactly(0, bytes);
  EXPECT_TRUE(read.ok()) << (read ? "" : read.message());
  return bytes;
}

// Every byte by itself and by pieces, as windows take them.
inline void expect_contents(const ByteStore& store, const Bytes& expected, Random& random) {
  ASSERT_EQ(store.size(), expected.size());
  ASSERT_EQ(read_all_of(store), expected);
  for (int i = 0; i < 200 && !expected.empty(); ++i) {
    const std::size_t at = random.below(expected.size());
    Bytes some(1 + random.below(std::min<std::size_t>(expected.size(), 20'000)));
    const auto got = store.read_at(at, some);
    ASSERT_TRUE(got.ok()) << got.message();
    ASSERT_EQ(*got, std::min(some.size(), expected.size() - at));
    ASSERT_EQ(std::memcmp(some.data(), expected.data() + at, *got), 0) << at;
    if (const auto piece = store.piece_at(at)) {
      ASSERT_LE(piece->begin, at);
      ASSERT_GT(piece->end, at);
      ASSERT_LE(piece->end, expected.size());
      Bytes mapped(piece->end - piece->begin);
      ASSERT_TRUE(piece->file->read_exactly(piece->file_offset, mapped).ok());
      ASSERT_EQ(std::memcmp(mapped.data(), expected.data() + piece->begin, mapped.size()), 0);
    }
  }
  Bytes none(10);
  EXPECT_EQ(*store.read_at(expected.size(), none), 0U);
  EXPECT_EQ(*store.read_at(~std::uint64_t{0}, none), 0U);
}

}  // namespace vmsift::test
