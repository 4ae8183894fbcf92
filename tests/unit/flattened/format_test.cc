// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/flattened/format.h"

#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

namespace vmsift::flattened {
namespace {

using test::Bytes;

std::array<std::byte, kHeaderBytes> header() {
  std::array<std::byte, kHeaderBytes> bytes;
  bytes.fill(std::byte{0xff});
  encode_flat_header(bytes);
  return bytes;
}

Result<void> check(const std::array<std::byte, kHeaderBytes>& bytes) {
  return check_flat_header(std::span(bytes).first<kHeaderFieldBytes>());
}

TEST(FlattenedFormat, HeaderIsTheOneThatReadersExpect) {
  const auto bytes = header();
  Bytes expected(kHeaderBytes);
  std::memcpy(expected.data(), "makedumpfile", 12);
  expected[23] = std::byte{1};  // big-endian
  expected[31] = std::byte{1};
  EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), expected);
  EXPECT_TRUE(has_signature(bytes));
  EXPECT_TRUE(check(bytes).ok());
}

TEST(FlattenedFormat, RecordHeadersAreBigEndian) {
  const auto bytes = encode_record_header(0x0102030405060708, 0x1122);
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  EXPECT_EQ(at(0), 1U);
  EXPECT_EQ(at(7), 8U);
  EXPECT_EQ(at(14), 0x11U);
  EXPECT_EQ(at(15), 0x22U);
  const auto back = decode_record_header(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->offset, 0x0102030405060708U);
  EXPECT_EQ(back->size, 0x1122U);
  EXPECT_FALSE(back->is_end());
}

TEST(FlattenedFormat, EndRecordIsAllOnes) {
  const auto bytes = encode_end_record();
  for (const std::byte b : bytes) EXPECT_EQ(b, std::byte{0xff});
  const auto back = decode_record_header(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back->is_end());
}

TEST(FlattenedFormat, OtherFilesAreNotTakenForFlattened) {
  EXPECT_FALSE(has_signature({}));
  auto bytes = header();
  EXPECT_FALSE(has_signature(std::span(bytes).first(15)));
  bytes[12] = std::byte{'2'};
  EXPECT_FALSE(has_signature(bytes));
  EXPECT_FALSE(check(bytes).ok());
}

TEST(FlattenedFormat, OtherTypesAndVersionsAreRefused) {
  for (const std::size_t at :
       {std::size_t{16}, std::size_t{23}, std::size_t{24}, std::size_t{31}}) {
    auto bytes = header();
    bytes[at] = std::byte{2};
    const auto result = check(bytes);
    ASSERT_FALSE(result.ok()) << at;
    EXPECT_NE(result.message().find("only 1 and 1 are known"), std::string::npos);
  }
}

TEST(FlattenedFormat, ImpossibleRecordsAreRefused) {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  const std::pair<std::uint64_t, std::uint64_t> cases[] = {{0, 0},
                                                           {4096, 0},
                                                           {kAll, 0},
                                                           {kAll, 1},
                                                           {0, kAll},
                                                           {kAll - 1, kAll},
                                                           {kMaxOffset + 1, 1},
                                                           {1, kMaxOffset},
                                                           {kMaxOffset, 1},
                                                           {kMaxOffset, kMaxOffset}};
  for (const auto& [offset, size] : cases) {
    EXPECT_FALSE(decode_record_header(encode_record_header(offset, size)).ok())
        << offset << " " << size;
  }
  EXPECT_TRUE(decode_record_header(encode_record_header(0, kMaxOffset)).ok());
  EXPECT_TRUE(decode_record_header(encode_record_header(kMaxOffset - 1, 1)).ok());
}

}  // namespace
}  // namespace vmsift::flattened
