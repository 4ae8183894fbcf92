// SPDX-License-Identifier: GPL-2.0-or-later
// Walks the codec registry: what every codec owes to the pipeline, without knowing which there are.
#include "codec_fixture.h"

#include <malloc.h>

#include <random>
#include <set>

namespace vmsift {
namespace {

TEST(CodecRegistry, NoneComesFirst) {
  ASSERT_FALSE(all_codecs().empty());
  EXPECT_EQ(all_codecs()[0]->name, "none");
  EXPECT_EQ(all_codecs()[0]->page_flag, 0U);
}

TEST(CodecRegistry, NothingIsTwice) {
  std::set<std::string_view> names;
  std::set<std::uint32_t> page_flags;
  std::set<std::uint32_t> header_flags;
  std::set<char> options;
  for (const Codec* codec : all_codecs()) {
    EXPECT_TRUE(names.insert(codec->name).second) << codec->name;
    EXPECT_TRUE(page_flags.insert(codec->page_flag).second) << codec->name;
    EXPECT_TRUE(header_flags.insert(codec->header_flag).second) << codec->name;
    EXPECT_TRUE(codec->option == 0 || options.insert(codec->option).second) << codec->name;
  }
}

TEST(CodecRegistry, FlagsAreThoseOfTheFormat) {
  constexpr std::uint32_t kIncomplete = 8;
  constexpr std::uint32_t kVmemmapExcluded = 0x10;
  for (const Codec* codec : all_codecs()) {
    EXPECT_EQ(codec->page_flag, codec->header_flag) << codec->name;
    EXPECT_LE(std::popcount(codec->header_flag), 1) << codec->name;
    EXPECT_EQ(codec->header_flag & (kIncomplete | kVmemmapExcluded), 0U) << codec->name;
  }
  const auto flag = [](std::string_view name) { return find_codec_by_name(name)->page_flag; };
  EXPECT_EQ(flag("zlib"), 1U);
  EXPECT_EQ(flag("lzo"), 2U);
  EXPECT_EQ(flag("snappy"), 4U);
  EXPECT_EQ(flag("zstd"), 0x20U);
  EXPECT_EQ(flag("lz4"), 1U << 24);
}

TEST(CodecRegistry, Find) {
  for (const Codec* codec : all_codecs()) {
    EXPECT_EQ(find_codec_by_name(codec->name), codec);
    EXPECT_EQ(find_codec_by_page_flag(codec->page_flag), codec);
  }
  EXPECT_EQ(find_codec_by_name("lz"), nullptr);
  EXPECT_EQ(find_codec_by_name(""), nullptr);
  EXPECT_EQ(find_codec_by_page_flag(3), nullptr);
}

TEST_P(CodecTest, RoundTrip) {
  for (const std::size_t page_size : kPageSizes) {
    const auto encoder = codec().encoder(page_size);
    const auto decoder = codec().decoder();
    ASSERT_NE(encoder, nullptr);
    EXPECT_EQ(decoder == nullptr, stores_only());
    for (const bool at_front : {false, true}) {
      for (const auto& [name, page] : patterns(page_size)) {
        const Guarded source(page, at_front);
        const Bytes stored = encode_one(codec(), *encoder, source.bytes());
        EXPECT_LE(stored.size(), page_size) << name;
        EXPECT_EQ(decode_stored(decoder.get(), stored, page_size), page) << name << page_size;
      }
    }
  }
}

TEST_P(CompressorTest, CompressesWhatItShould) {
  for (const auto& [name, page] : patterns(4096)) {
    const std::size_t size = encode_alone(codec(), page).size();
    if (name == "random") {
      EXPECT_EQ(size, 4096U);
    } else if (name == "zero" || name == "poison" || name.starts_with("one_byte_off")) {
      EXPECT_LT(size, 256U) << name;
    } else if (name != "nearly_incompressible" && name != "hex_digits") {
      EXPECT_LT(size, 3500U) << name;
    }
  }
}

TEST_P(CodecTest, PageThatDoesNotShrinkIsStoredRaw) {
  for (const std::size_t page_size : kPageSizes) {
    Bytes page(page_size);
    std::mt19937_64 random(7);
    fill_random(page, random);
    EXPECT_EQ(encode_alone(codec(), page), page) << page_size;
  }
}

TEST_P(CodecTest, BatchIsItsPagesOneBehindAnother) {
  for (const std::size_t page_size : kPageSizes) {
    const auto all = patterns(page_size);
    std::vector<const std::byte*> pages;
    Bytes expected;
    std::vector<std::uint32_t> sizes;
    for (int repeat = 0; repeat < 4; ++repeat) {
      for (const auto& pattern : all) {
        const Bytes stored = encode_alone(codec(), pattern.page);
        pages.push_back(pattern.page.data());
        expected.insert(expected.end(), stored.begin(), stored.end());
        sizes.push_back(static_cast<std::uint32_t>(stored.size()));
      }
    }
    const auto encoder = codec().encoder(page_size);
    const Encoded made = encode(codec(), *encoder, pages, page_size);
    EXPECT_EQ(made.sizes, sizes);
    EXPECT_EQ(made.bytes, expected);
  }
}

TEST_P(CodecTest, NoPagesNoBytes) {
  const auto encoder = codec().encoder(4096);
  EXPECT_TRUE(encode(codec(), *encoder, {}, 4096).bytes.empty());
}

// Else the dump would depend on which worker met which pages.
TEST_P(CodecTest, BytesDoNotDependOnHistory) {
  for (const std::size_t page_size : {std::size_t{4096}, std::size_t{65536}}) {
    const auto all = patterns(page_size);
    std::vector<Bytes> expected;
    for (const auto& pattern : all) expected.push_back(encode_alone(codec(), pattern.page));
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    std::mt19937_64 random(11);
    const auto encoder = codec().encoder(page_size);
    for (int round = 0; round < 30; ++round) {
      std::ranges::shuffle(order, random);
      for (const std::size_t i : order) {
        EXPECT_EQ(encode_one(codec(), *encoder, all[i].page), expected[i]) << all[i].name;
      }
    }
  }
}

// Encoders that keep a window could see the page before as part of the same stream.
TEST_P(CodecTest, BytesDoNotDependOnWhereThePageLies) {
  constexpr std::size_t kPage = 4096;
  const auto all = patterns(kPage);
  for (const auto& [name, page] : all) {
    const Bytes expected = encode_alone(codec(), page);
    Bytes memory(16 * kPage);
    const auto encoder = codec().encoder(kPage);
    for (std::size_t at = 0; at < memory.size(); at += kPage) {
      std::ranges::copy(page, memory.begin() + static_cast<std::ptrdiff_t>(at));
      EXPECT_EQ(encode_one(codec(), *encoder, std::span(memory).subspan(at, kPage)), expected)
          << name << at;
    }
    for (std::size_t shift = 1; shift < 9; ++shift) {
      const auto moved = std::span(memory).subspan(shift, kPage);
      std::ranges::copy(page, moved.begin());
      EXPECT_EQ(encode_one(codec(), *encoder, moved), expected) << name << shift;
    }
  }
}

// Pages that one byte fills, each twice: an encoder carries nothing over.
TEST_P(CodecTest, FillPagesAreWhatTheCodecMakesOfThem) {
  for (const std::size_t page_size : {std::size_t{4096}, std::size_t{65536}}) {
    const auto encoder = codec().encoder(page_size);
    const auto decoder = codec().decoder();
    for (int repeat = 0; repeat < 2; ++repeat) {
      for (unsigned fill = 0; fill < 256; ++fill) {
        const Bytes page(page_size, static_cast<std::byte>(fill));
        const Bytes stored = encode_one(codec(), *encoder, page);
        ASSERT_EQ(stored, encode_alone(codec(), page)) << fill;
        ASSERT_EQ(decode_stored(decoder.get(), stored, page_size), page) << fill;
      }
    }
  }
}

// Where the allocator is replaced (sanitizers) the difference reads 0 and the test says nothing.
TEST_P(CodecTest, HoldsNoMoreMemoryThanItSays) {
  for (const std::size_t page_size : kPageSizes) {
    const auto all = patterns(page_size);
    const auto held = [] {
      const auto info = ::mallinfo2();
      return info.uordblks + info.hblkhd;
    };
    Bytes out(page_size + codec().slack(page_size));
    codec().encoder(page_size).reset();  // what a library sets up once is no part of an encoder
    const std::size_t before = held();
    const auto encoder = codec().encoder(page_size);
    for (const auto& pattern : all) {
      const std::byte* const pages[] = {pattern.page.data()};
      std::uint32_t size = 0;
      encoder->encode(pages, out, {&size, 1});
    }
    EXPECT_LE(held() - before, codec().memory(page_size)) << page_size;
  }
}

INSTANTIATE_TEST_SUITE_P(All, CodecTest, testing::ValuesIn(all_codecs()), kCodecName);

INSTANTIATE_TEST_SUITE_P(All, CompressorTest, testing::ValuesIn(all_codecs().subspan(1)),
                         kCodecName);

}  // namespace
}  // namespace vmsift
