// SPDX-License-Identifier: GPL-2.0-or-later
// Walks the codec registry: what every codec owes to the pipeline, without knowing which there are.
// The last part names the libraries, since interchange with other programs is a promise by format.
//
// The codec libraries come without sanitizer instrumentation. So what they read and write lies
// flush against pages without access, where one byte too many ends the test.
#include "compress/codec.h"
#include "compress/batch.h"
#include "compress/incompressible.h"
#include "compress/page_sample.h"

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lzo/lzo1x.h>
#include <malloc.h>
#include <snappy-c.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace vmsift {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kPageSizes[] = {4096, 8192, 16384, 65536};

// Memory that ends (or with `at_front` begins) where access ends.
class Guarded {
 public:
  explicit Guarded(std::size_t size, bool at_front = false)
      : unit_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
        mapped_((size + unit_ - 1) / unit_ * unit_ + 2 * unit_),
        map_(static_cast<std::byte*>(
            ::mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    if (::mprotect(map_ + unit_, mapped_ - 2 * unit_, PROT_READ | PROT_WRITE) != 0) std::abort();
    bytes_ = {at_front ? map_ + unit_ : map_ + mapped_ - unit_ - size, size};
  }
  explicit Guarded(std::span<const std::byte> bytes, bool at_front = false)
      : Guarded(bytes.size(), at_front) {
    std::ranges::copy(bytes, bytes_.begin());
  }
  ~Guarded() { ::munmap(map_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::size_t unit_;
  std::size_t mapped_;
  std::byte* map_;
  std::span<std::byte> bytes_;
};

void fill_random(std::span<std::byte> bytes, std::mt19937_64& random) {
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
}

struct Pattern {
  std::string name;
  Bytes page;
};

// The kinds of pages a kernel leaves behind, and the corners of the encoders.
std::vector<Pattern> patterns(std::size_t page_size) {
  std::mt19937_64 random(page_size);
  std::vector<Pattern> all;
  const auto add = [&](std::string name) -> Bytes& {
    return all.emplace_back(Pattern{std::move(name), Bytes(page_size)}).page;
  };
  add("zero");
  std::ranges::fill(add("poison"), std::byte{0xcc});
  std::ranges::fill(add("ones"), std::byte{0xff});

  constexpr std::string_view kText = "BUG: unable to handle page fault for address: ffff8880 ";
  Bytes& text = add("text");
  for (std::size_t i = 0; i < page_size; ++i) {
    text[i] = static_cast<std::byte>(i % 97 == 0 ? '0' + random() % 10 : kText[i % kText.size()]);
  }
  fill_random(add("random"), random);

  Bytes& sparse = add("sparse");
  for (std::size_t i = 0; i < page_size; i += 500) sparse[i] = static_cast<std::byte>(random());

  // Pointers into the direct map, as in slabs and page tables.
  Bytes& pointers = add("pointers");
  for (std::size_t i = 0; i < page_size; i += 8) {
    const std::uint64_t pointer = 0xffff888000000000U + (random() % 0x20000000 & ~63U);
    std::memcpy(&pointers[i], &pointer, sizeof pointer);
  }
  // Gains so little that the codecs disagree about whether it is worth it.
  Bytes& nearly = add("nearly_incompressible");
  fill_random(nearly, random);
  std::fill_n(nearly.begin() + 100, 24, std::byte{7});

  Bytes& half = add("half_random");
  fill_random(std::span(half).first(page_size / 2), random);

  // Every byte value equally often, as in noise, but in order; noise, but twice the same.
  Bytes& ramp = add("ramp");
  for (std::size_t i = 0; i < page_size; ++i) ramp[i] = static_cast<std::byte>(i);
  Bytes& copies = add("copies_of_noise");
  fill_random(std::span(copies).first(page_size / 4), random);
  for (std::size_t i = page_size / 4; i < page_size; ++i) copies[i] = copies[i - page_size / 4];

  // No repetition, four bits of information a byte.
  for (std::byte& b : add("hex_digits")) {
    b = static_cast<std::byte>("0123456789abcdef"[random() % 16]);
  }

  for (const std::size_t at : {std::size_t{0}, std::size_t{7}, std::size_t{8}, page_size - 1}) {
    Bytes& page = add("one_byte_off_at_" + std::to_string(at));
    std::ranges::fill(page, std::byte{0xcc});
    page[at] = std::byte{0xcd};
  }
  // Eight equal bytes at the head, but the period of the rest is not one byte.
  Bytes& period = add("period_of_eight");
  for (std::size_t i = 8; i < page_size; ++i) period[i] = static_cast<std::byte>(i % 8);
  return all;
}

struct Encoded {
  Bytes bytes;
  std::vector<std::uint32_t> sizes;
};

// Encodes into exactly the space that the interface promises.
Encoded encode(const Codec& codec, Encoder& encoder, std::span<const std::byte* const> pages,
               std::size_t page_size) {
  const Guarded out(pages.size() * page_size + codec.slack(page_size));
  Encoded made;
  made.sizes.resize(pages.size());
  const std::size_t total = encoder.encode(pages, out.bytes(), made.sizes);
  EXPECT_EQ(total, std::accumulate(made.sizes.begin(), made.sizes.end(), std::size_t{0}));
  made.bytes.assign(out.bytes().begin(), out.bytes().begin() + static_cast<std::ptrdiff_t>(total));
  return made;
}

Bytes encode_one(const Codec& codec, Encoder& encoder, std::span<const std::byte> page) {
  const std::byte* const pages[] = {page.data()};
  return encode(codec, encoder, pages, page.size()).bytes;
}

Bytes encode_alone(const Codec& codec, std::span<const std::byte> page) {
  const auto encoder = codec.encoder(page.size());
  return encode_one(codec, *encoder, page);
}

// What a reader makes of stored bytes; empty when it would complain.
Bytes decode_stored(Decoder* decoder, std::span<const std::byte> stored, std::size_t page_size) {
  if (stored.size() == page_size) return {stored.begin(), stored.end()};
  const Guarded in(stored);
  const Guarded page(page_size);
  if (decoder == nullptr || !decoder->decode(in.bytes(), page.bytes())) return {};
  return {page.bytes().begin(), page.bytes().end()};
}

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

class CodecTest : public testing::TestWithParam<const Codec*> {
 protected:
  [[nodiscard]] const Codec& codec() const { return *GetParam(); }
  [[nodiscard]] bool stores_only() const { return codec().page_flag == 0; }
};

class CompressorTest : public CodecTest {};  // not "none"

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

// More fill values than the cache takes; each twice, so that the second comes from it or does not.
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
      std::copy_n(head.begin(), std::min({head.size(), noise.size(), random() % 40}),
                  noise.begin());
    }
    decodes(noise);
  }
}

constexpr auto kCodecName = [](const testing::TestParamInfo<const Codec*>& info) {
  return std::string(info.param->name);
};
INSTANTIATE_TEST_SUITE_P(All, CodecTest, testing::ValuesIn(all_codecs()), kCodecName);
INSTANTIATE_TEST_SUITE_P(All, CompressorTest, testing::ValuesIn(all_codecs().subspan(1)),
                         kCodecName);
INSTANTIATE_TEST_SUITE_P(All, DecoderTest, testing::ValuesIn(all_codecs().subspan(1)), kCodecName);

TEST(Incompressible, IsNoiseAndNothingElse) {
  for (const std::size_t page_size : kPageSizes) {
    for (const auto& [name, page] : patterns(page_size)) {
      const Guarded scratch(page_size);
      const bool expected = name == "random" || name == "nearly_incompressible";
      EXPECT_EQ(incompressible(page.data(), page_size, scratch.bytes().data()), expected)
          << name << page_size;
    }
  }
}

// zlib's whole point on such a page; the codecs without an entropy code may give up.
TEST(Incompressible, LeavesHexDigitsToTheEntropyCode) {
  for (const auto& [name, page] : patterns(4096)) {
    if (name != "hex_digits") continue;
    for (const char* codec : {"zlib", "zstd"}) {
      EXPECT_LT(encode_alone(*find_codec_by_name(codec), page).size(), 2600U) << codec;
    }
  }
}

TEST(PageSample, CountsZerosAllOverThePage) {
  for (const std::size_t page_size : kPageSizes) {
    Bytes page(page_size);
    EXPECT_EQ(count_sampled_zeros(page.data(), page_size), sample_size(page_size));
    std::ranges::fill(std::span(page).last(page_size / 2), std::byte{1});
    EXPECT_EQ(count_sampled_zeros(page.data(), page_size), sample_size(page_size) / 2);
  }
}

TEST(FillPage, IsOneByteRepeated) {
  for (const auto& [name, page] : patterns(4096)) {
    const bool expected = name == "zero" || name == "poison" || name == "ones";
    EXPECT_EQ(is_fill_page(page.data(), page.size()), expected) << name;
  }
}

TEST(FillCache, KeepsWhatFitsAndNothingElse) {
  FillCache cache;
  EXPECT_TRUE(cache.find(std::byte{1}).empty());
  const Bytes large(4000, std::byte{1});
  const Bytes small(96, std::byte{2});
  cache.remember(std::byte{1}, large);
  cache.remember(std::byte{2}, large);
  cache.remember(std::byte{3}, small);
  cache.remember(std::byte{4}, Bytes(1));
  EXPECT_TRUE(std::ranges::equal(cache.find(std::byte{1}), large));
  EXPECT_TRUE(cache.find(std::byte{2}).empty());
  EXPECT_TRUE(std::ranges::equal(cache.find(std::byte{3}), small));
  EXPECT_TRUE(cache.find(std::byte{4}).empty());
}

// The functions that crash, libkdumpfile and makedumpfile call, against our two halves.
struct Reference {
  std::string_view codec;
  bool (*encode)(std::span<const std::byte> page, Bytes& out);  // resizes `out`
  bool (*decode)(std::span<const std::byte> in, std::span<std::byte> page);
};

template <class To, class From>
To* as(From* bytes) {
  return reinterpret_cast<To*>(bytes);
}

constexpr Reference kReferences[] = {
    {"zlib",
     [](std::span<const std::byte> page, Bytes& out) {
       uLongf size = compressBound(page.size());
       out.resize(size);
       const int status = compress2(as<Bytef>(out.data()), &size, as<const Bytef>(page.data()),
                                    page.size(), Z_BEST_SPEED);
       out.resize(size);
       return status == Z_OK;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       uLongf size = page.size();
       return uncompress(as<Bytef>(page.data()), &size, as<const Bytef>(in.data()), in.size()) ==
                  Z_OK &&
              size == page.size();
     }},
    {"lzo",
     [](std::span<const std::byte> page, Bytes& out) {
       lzo_uint size = page.size() + page.size() / 16 + 67;
       out.resize(size);
       Bytes work(LZO1X_1_MEM_COMPRESS);
       const int status = lzo1x_1_compress(as<const unsigned char>(page.data()), page.size(),
                                           as<unsigned char>(out.data()), &size, work.data());
       out.resize(size);
       return status == LZO_E_OK;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       lzo_uint size = page.size();
       return lzo1x_decompress_safe(as<const unsigned char>(in.data()), in.size(),
                                    as<unsigned char>(page.data()), &size, nullptr) == LZO_E_OK &&
              size == page.size();
     }},
    {"snappy",
     [](std::span<const std::byte> page, Bytes& out) {
       std::size_t size = snappy_max_compressed_length(page.size());
       out.resize(size);
       const auto status =
           snappy_compress(as<const char>(page.data()), page.size(), as<char>(out.data()), &size);
       out.resize(size);
       return status == SNAPPY_OK;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       std::size_t size = page.size();
       return snappy_uncompress(as<const char>(in.data()), in.size(), as<char>(page.data()),
                                &size) == SNAPPY_OK &&
              size == page.size();
     }},
    {"zstd",
     [](std::span<const std::byte> page, Bytes& out) {
       out.resize(ZSTD_compressBound(page.size()));
       const std::size_t size = ZSTD_compress(out.data(), out.size(), page.data(), page.size(), 1);
       if (ZSTD_isError(size) != 0) return false;
       out.resize(size);
       return true;
     },
     // crash and libkdumpfile give no context and know the size only from the page size.
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       return ZSTD_decompress(page.data(), page.size(), in.data(), in.size()) == page.size();
     }},
    {"lz4",
     [](std::span<const std::byte> page, Bytes& out) {
       const int page_size = static_cast<int>(page.size());
       out.resize(static_cast<std::size_t>(LZ4_compressBound(page_size)));
       const int size = LZ4_compress_default(as<const char>(page.data()), as<char>(out.data()),
                                             page_size, static_cast<int>(out.size()));
       out.resize(static_cast<std::size_t>(size));
       return size > 0;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       const int size =
           LZ4_decompress_safe(as<const char>(in.data()), as<char>(page.data()),
                               static_cast<int>(in.size()), static_cast<int>(page.size()));
       return size >= 0 && static_cast<std::size_t>(size) == page.size();
     }},
};

TEST(Interchange, EveryCodecHasItsReference) {
  for (const Codec* codec : all_codecs().subspan(1)) {
    EXPECT_EQ(std::ranges::count(kReferences, codec->name, &Reference::codec), 1) << codec->name;
  }
}

TEST(Interchange, OthersReadOurPages) {
  for (const Reference& reference : kReferences) {
    const Codec& codec = *find_codec_by_name(reference.codec);
    for (const std::size_t page_size : kPageSizes) {
      for (const auto& [name, page] : patterns(page_size)) {
        const Bytes stored = encode_alone(codec, page);
        if (stored.size() == page_size) continue;
        Bytes back(page_size);
        EXPECT_TRUE(reference.decode(stored, back)) << codec.name << name << page_size;
        EXPECT_EQ(back, page) << codec.name << name << page_size;
      }
    }
  }
}

TEST(Interchange, WeReadTheirPages) {
  for (const Reference& reference : kReferences) {
    const auto decoder = find_codec_by_name(reference.codec)->decoder();
    for (const std::size_t page_size : kPageSizes) {
      for (const auto& [name, page] : patterns(page_size)) {
        Bytes stored;
        ASSERT_TRUE(reference.encode(page, stored)) << reference.codec << name;
        const Guarded in(stored);
        const Guarded back(page_size);
        EXPECT_TRUE(decoder->decode(in.bytes(), back.bytes())) << reference.codec << name;
        EXPECT_TRUE(std::ranges::equal(back.bytes(), page)) << reference.codec << name;
      }
    }
  }
}

// A capture kernel short of memory: zlib takes over, in the same format.
TEST(Zlib, EncodesWithoutLibdeflate) {
  libdeflate_set_memory_allocator([](std::size_t) -> void* { return nullptr; }, std::free);
  const Codec& codec = *find_codec_by_name("zlib");
  for (const std::size_t page_size : kPageSizes) {
    const auto encoder = codec.encoder(page_size);
    ASSERT_NE(encoder, nullptr);
    EXPECT_EQ(codec.decoder(), nullptr);
    for (const auto& [name, page] : patterns(page_size)) {
      const Bytes stored = encode_one(codec, *encoder, page);
      if (stored.size() == page_size) {
        EXPECT_EQ(stored, page) << name;
        continue;
      }
      Bytes back(page_size);
      EXPECT_TRUE(kReferences[0].decode(stored, back)) << name;
      EXPECT_EQ(back, page) << name;
    }
  }
  libdeflate_set_memory_allocator(std::malloc, std::free);
}

}  // namespace
}  // namespace vmsift
