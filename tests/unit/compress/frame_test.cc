// SPDX-License-Identifier: GPL-2.0-or-later
// Frames are those of the standard tools: the libraries' own streaming decoders give them back.
#include "compress/frame.h"

#include "tests/unit/support/stream_decode.h"

#include <gtest/gtest.h>

#include <string>

namespace vmsift {
namespace {

using test::Bytes;

class Frames : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] const FrameFormat& format() const { return *find_frame_format(GetParam()); }
  [[nodiscard]] Bytes frame_of(std::span<const std::byte> plain) const {
    Bytes frame(format().bound(plain.size()));
    const std::size_t size = format().encoder()->encode(plain, frame);
    EXPECT_NE(size, 0U);
    EXPECT_LE(size, frame.size());
    frame.resize(size);
    return frame;
  }
  [[nodiscard]] std::optional<Bytes> decode(std::span<const std::byte> stream) const {
    return test::decode_frames(format().name, stream);
  }
  [[nodiscard]] Bytes stored(std::span<const std::byte> plain) const {
    Bytes frame(format().stored.before.begin(), format().stored.before.end());
    test::append(frame, plain);
    test::append(frame, format().stored.after);
    return frame;
  }
};

TEST_P(Frames, OfAnySizeComeBack) {
  for (const std::size_t size :
       {1U, 2U, 15U, 255U, 256U, 4096U, 65535U, 65536U, 65537U, 131072U, 524288U, 600000U}) {
    for (const Bytes& plain : {test::words(size, 1), test::noise(size, 2), test::zeros(size)}) {
      const Bytes frame = frame_of(plain);
      const auto back = decode(frame);
      ASSERT_TRUE(back) << size;
      EXPECT_EQ(*back, plain) << size;
    }
  }
}

TEST_P(Frames, StandOneBehindAnother) {
  test::Random random(1);
  Bytes stream;
  Bytes plain;
  for (int i = 0; i < 60; ++i) {
    const auto part = i % 3 == 0   ? test::noise(1 + random.below(100000), i)
                      : i % 3 == 1 ? test::words(1 + random.below(100000), i)
                                   : test::noise(kStoredFrameBytes, i);
    test::append(plain, part);
    test::append(stream, i % 3 == 2 ? stored(part) : frame_of(part));
  }
  const auto back = decode(stream);
  ASSERT_TRUE(back);
  EXPECT_TRUE(*back == plain);
}

TEST_P(Frames, StoredOnesHoldWhateverIsPutIntoThem) {
  for (const Bytes& plain : {test::zeros(kStoredFrameBytes), test::noise(kStoredFrameBytes, 3),
                             Bytes(kStoredFrameBytes, std::byte{0xff})}) {
    const auto back = decode(stored(plain));
    ASSERT_TRUE(back);
    EXPECT_TRUE(*back == plain);
  }
  const Bytes whole = stored(test::zeros(kStoredFrameBytes));
  EXPECT_FALSE(decode(std::span(whole).first(kStoredFrameBytes)));
}

TEST_P(Frames, DependOnTheirContentAlone) {
  const auto encoder = format().encoder();
  const auto plain = test::words(200000, 5);
  Bytes first(format().bound(plain.size()));
  first.resize(encoder->encode(plain, first));
  Bytes other(format().bound(plain.size()));
  EXPECT_NE(encoder->encode(test::noise(131072, 1), other), 0U);
  other.assign(format().bound(plain.size()), std::byte{0xee});
  other.resize(encoder->encode(plain, other));
  EXPECT_TRUE(first == other);
  EXPECT_TRUE(first == frame_of(plain));
}

TEST_P(Frames, SayWhatTheyHoldAndNoticeDamage) {
  const auto plain = test::noise(100000, 4);
  const Bytes frame = frame_of(plain);
  if (format().name == "zstd") {
    EXPECT_EQ(ZSTD_getFrameContentSize(frame.data(), frame.size()), plain.size());
  }
  for (const std::size_t at : {frame.size() / 3, frame.size() / 2, frame.size() - 1}) {
    Bytes damaged = frame;
    damaged[at] ^= std::byte{0x10};
    EXPECT_FALSE(decode(damaged)) << at;
  }
  EXPECT_FALSE(decode(std::span(frame).first(frame.size() - 1)));
}

TEST_P(Frames, NoRoomIsSaid) {
  const auto plain = test::noise(5000, 1);
  Bytes small(100);
  EXPECT_EQ(format().encoder()->encode(plain, small), 0U);
}

INSTANTIATE_TEST_SUITE_P(Formats, Frames, testing::Values("zstd", "lz4"),
                         [](const auto& format) { return std::string(format.param); });

TEST(FrameFormats, AreFoundByName) {
  EXPECT_EQ(find_frame_format("zstd")->name, "zstd");
  EXPECT_EQ(find_frame_format("lz4")->name, "lz4");
  EXPECT_EQ(find_frame_format("gzip"), nullptr);
  EXPECT_EQ(find_frame_format(""), nullptr);
}

}  // namespace
}  // namespace vmsift
