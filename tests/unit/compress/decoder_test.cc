// SPDX-License-Identifier: GPL-2.0-or-later
// Decoders on input that a broken disk or a hostile hand could have made.
#include "codec_fixture.h"

#include <random>

namespace vmsift {
namespace {

// Input that a broken disk or a hostile hand could have made. Guarded memory is the judge of what
// is read and written; a damaged stream may still decode to a full page, but to no other size.
class DecoderTest : public CodecTest {
 protected:
  static constexpr std::size_t kPage = 4096;

  void SetUp() override {
    decoder_ = codec().decoder();
    ASSERT_NE(decoder_, nullptr);
  }
  bool decodes(std::span<const std::byte> stored) {
    const Guarded in(stored);
    return decoder_->decode(in.bytes(),
                            (front_ = !front_) ? page_front_.bytes() : page_back_.bytes());
  }
  std::vector<Bytes> streams() {
    std::vector<Bytes> made;
    for (const auto& pattern : patterns(kPage)) {
      Bytes stored = encode_alone(codec(), pattern.page);
      if (stored.size() < kPage) made.push_back(std::move(stored));
    }
    return made;
  }

 private:
  std::unique_ptr<Decoder> decoder_;
  Guarded page_front_{kPage, true};
  Guarded page_back_{kPage};
  bool front_ = false;
};

TEST_P(DecoderTest, RefusesTruncatedStreams) {
  for (const Bytes& stream : streams()) {
    const std::size_t step = stream.size() / 200 + 1;
    for (std::size_t size = 0; size < stream.size(); size += step) {
      EXPECT_FALSE(decodes(std::span(stream).first(size))) << size << " of " << stream.size();
    }
    EXPECT_FALSE(decodes(std::span(stream).first(stream.size() - 1)));
    EXPECT_TRUE(decodes(stream));
  }
}

TEST_P(DecoderTest, RefusesAnotherPageSize) {
  for (const std::size_t page_size : {kPage / 2, kPage - 1, kPage + 1, 2 * kPage}) {
    for (const std::byte fill : {std::byte{0}, std::byte{0xcc}}) {
      const Guarded page(page_size);
      EXPECT_FALSE(
          codec().decoder()->decode(encode_alone(codec(), Bytes(kPage, fill)), page.bytes()))
          << page_size;
    }
  }
}

TEST_P(DecoderTest, SurvivesFlippedBits) {
  std::mt19937_64 random(3);
  for (const Bytes& stream : streams()) {
    for (int i = 0; i < 300; ++i) {
      Bytes damaged = stream;
      for (std::uint64_t flips = 1 + random() % 4; flips != 0; --flips) {
        damaged[random() % damaged.size()] ^= std::byte{1} << random() % 8;
      }
      decodes(damaged);
    }
  }
}

TEST_P(DecoderTest, SurvivesNoise) {
  std::mt19937_64 random(5);
  const auto valid = streams();
  for (int i = 0; i < 4000; ++i) {
    Bytes noise(random() % 600);
    fill_random(noise, random);
    // Half of them get a valid beginning, to come past the checks of the header.
    if (i % 2 == 0) {
      const Bytes& head = valid[random() % valid.size()];
      std::copy_n(head.begin(), std::min<std::uint64_t>({head.size(), noise.size(), random() % 40}),
                  noise.begin());
    }
    decodes(noise);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DecoderTest, testing::ValuesIn(all_codecs().subspan(1)), kCodecName);

}  // namespace
}  // namespace vmsift
