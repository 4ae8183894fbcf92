// SPDX-License-Identifier: GPL-2.0-or-later
// Pages that are copied as the source stores them: verbatim, and decoded only where they must be.
#include "src/copy/page_hash.h"
#include "src/copy/stored_batch.h"
#include "src/input/open.h"
#include "tests/unit/copy/copy_fixture.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/stream_decode.h"
#include "tests/unit/support/temp_dir.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

namespace vmsift {
namespace {

using test::Bytes;
using test::Copied;
using test::copy_all;
using test::KeptPages;
using test::ScriptedSource;

constexpr std::size_t kPage = 4096;

// Pages of a ScriptedSource as a dump stores them, each in its own way.
class StoringSource : public ScriptedSource {
 public:
  StoringSource(std::map<Pfn, Bytes> pages, const Codec& codec) : ScriptedSource(pages) {
    edit().stores_encoded = true;
    edit().codec_flag = codec.page_flag;
    for (const auto& [pfn, bytes] : pages) store(pfn, bytes, codec);
  }
  struct Stored {
    Bytes bytes;
    std::uint32_t flag = 0;
    bool zero = false;
  };
  void store(Pfn pfn, const Bytes& page, const Codec& codec) {
    Bytes out(kPage + codec.slack(kPage));
    const std::byte* from = page.data();
    std::uint32_t size = 0;
    codec.encoder(kPage)->encode({&from, 1}, out, {&size, 1});
    out.resize(size);
    stored[pfn] = {out, size == kPage ? 0 : codec.page_flag, false};
  }
  std::map<Pfn, Stored> stored;
  mutable std::atomic<std::size_t> decoded = 0;  // pages that fetch() was asked for

  [[nodiscard]] std::unique_ptr<PageReader> reader() const override {
    return std::make_unique<Reader>(*this, ScriptedSource::reader());
  }

 private:
  class Reader : public PageReader {
   public:
    Reader(const StoringSource& source, std::unique_ptr<PageReader> pages)
        : source_(source), pages_(std::move(pages)) {}
    std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) override {
      source_.decoded += pfns.size();
      return pages_->fetch(pfns, pages);
    }
    std::size_t fetch_stored(std::span<const Pfn> pfns, std::span<StoredPage> pages) override {
      // Loss and tears are those of the pages themselves.
      std::vector<const std::byte*> raw(pfns.size());
      const std::size_t n = pages_->fetch(pfns, raw);
      torn_ = !pages_->intact();
      for (std::size_t i = 0; i < n; ++i) {
        pages[i] = {};
        if (torn_) {
          pages[i] = {rubbish_, 0, i % 2 == 0};
        } else if (raw[i] != nullptr) {
          const Stored& s = source_.stored.at(pfns[i]);
          pages[i] = {s.bytes, s.flag, s.zero};
        }
      }
      return n;
    }
    bool intact() override {
      const bool was_torn = torn_;
      torn_ = false;
      return pages_->intact() && !was_torn;
    }
    [[nodiscard]] std::string last_error() const override { return pages_->last_error(); }

   private:
    const StoringSource& source_;
    std::unique_ptr<PageReader> pages_;
    Bytes rubbish_ = test::noise(kPage, 99);
    bool torn_ = false;
  };
};

// As Copied::unpack(), with fills.
std::vector<std::optional<Bytes>> unpack(const Copied& copied, const Codec& codec) {
  std::vector<std::optional<Bytes>> pages;
  const auto decoder = codec.decoder();
  std::size_t at = 0;
  for (const std::uint32_t size : copied.sizes) {
    Bytes page(kPage);
    if (size == kStoredLost) {
      pages.emplace_back();
      continue;
    }
    if (is_fill(size)) {
      std::fill(page.begin(), page.end(), fill_of(size));
    } else if (size == kPage) {
      std::copy_n(copied.data.begin() + static_cast<std::ptrdiff_t>(at), kPage, page.begin());
      at += size;
    } else if (size != kStoredZero) {
      EXPECT_TRUE(decoder && decoder->decode(std::span(copied.data).subspan(at, size), page));
      at += size;
    }
    pages.emplace_back(std::move(page));
  }
  EXPECT_EQ(at, copied.data.size());
  return pages;
}

std::map<Pfn, Bytes> machine_with_fills(std::size_t count) {
  auto pages = test::machine(count);
  test::Random random(6);
  for (auto& [pfn, bytes] : pages) {
    if (random.below(5) == 0) bytes.assign(kPage, static_cast<std::byte>(random.below(256)));
  }
  return pages;
}

void expect_all(const Copied& copied, const std::map<Pfn, Bytes>& pages,
                const StoringSource& source, const Codec& codec, Sharing sharing) {
  ASSERT_EQ(copied.error, "");
  const auto unpacked = unpack(copied, codec);
  ASSERT_EQ(unpacked.size(), pages.size());
  std::size_t i = 0;
  std::uint64_t zero = 0;
  for (const auto& [pfn, bytes] : pages) {
    const bool gone = source.lost.count(pfn) != 0;
    ASSERT_EQ(unpacked[i].has_value(), !gone) << pfn;
    if (!gone) {
      ASSERT_EQ(*unpacked[i], bytes) << pfn;
      const int fill = fill_byte(bytes.data(), kPage);
      ASSERT_EQ(!has_data(copied.sizes[i]), sharing.tells(fill)) << pfn;
      if (sharing.tells(fill)) {
        ASSERT_EQ(copied.sizes[i], sharing.stored(fill));
      }
      zero += fill == 0;
    }
    ++i;
  }
  EXPECT_EQ(copied.result.zero_pages, zero);
  EXPECT_EQ(copied.result.lost_pages, source.lost.size());
  EXPECT_EQ(copied.result.data_bytes, copied.data.size());
}

TEST(PassThrough, OnlyWhereTheCodecIsTheDumps) {
  const auto pages = test::machine(3);
  for (const Codec* codec : all_codecs()) {
    for (const Codec* other : all_codecs()) {
      StoringSource source(pages, *codec);
      EXPECT_EQ(can_pass_through(source, *other), codec == other);
      source.edit().stores_encoded = false;
      EXPECT_FALSE(can_pass_through(source, *other));
    }
  }
}

TEST(PassThrough, StoredBytesAreCopiedAndNothingIsDecoded) {
  const auto pages = machine_with_fills(700);
  for (const Codec* codec : all_codecs()) {
    for (const Sharing sharing :
         {Sharing{false, false}, Sharing{true, false}, Sharing{true, true}, Sharing{false, true}}) {
      StoringSource source(pages, *codec);
      KeptPages kept(test::all_kernel(pages));
      const auto copied = copy_all(source, kept.windows(), {codec, sharing, 2});
      ASSERT_NO_FATAL_FAILURE(expect_all(copied, pages, source, *codec, sharing)) << codec->name;
      EXPECT_EQ(source.decoded, 0U) << codec->name;
      Bytes verbatim;
      for (const auto& [pfn, bytes] : pages) {
        if (!sharing.tells(fill_byte(bytes.data(), kPage))) {
          test::append(verbatim, source.stored[pfn].bytes);
        }
      }
      EXPECT_TRUE(copied.data == verbatim) << codec->name;
    }
  }
}

TEST(PassThrough, PagesOfOtherCodecsAreEncodedAnew) {
  const auto pages = machine_with_fills(600);
  for (const Codec* codec : all_codecs()) {
    StoringSource source(pages, *codec);
    std::size_t others = 0;
    std::size_t i = 0;
    for (const auto& [pfn, bytes] : pages) {
      const Codec& stored_with = *all_codecs()[i++ % all_codecs().size()];
      source.store(pfn, bytes, stored_with);
      others += source.stored[pfn].flag != 0 && &stored_with != codec;
    }
    const Sharing sharing{true, true};
    KeptPages kept(test::all_kernel(pages));
    const auto copied = copy_all(source, kept.windows(), {codec, sharing, 1});
    ASSERT_NO_FATAL_FAILURE(expect_all(copied, pages, source, *codec, sharing)) << codec->name;
    EXPECT_EQ(source.decoded, others) << "no more than those";
  }
}

// What a damaged dump may say of a page.
TEST(PassThrough, SizesThatNoWriterMakesAreDecodedByTheReader) {
  const Codec& codec = *find_codec_by_name("zlib");
  const std::map<Pfn, Bytes> pages = {{0, test::words(kPage, 1)},
                                      {1, test::words(kPage, 2)},
                                      {2, test::words(kPage, 3)},
                                      {3, test::zeros(kPage)}};
  StoringSource source(pages, codec);
  source.stored[0] = {test::noise(kPage, 5), codec.page_flag, false};      // as large as a page
  source.stored[1] = {test::noise(3 * kPage, 6), codec.page_flag, false};  // and larger
  source.stored[2] = {test::noise(100, 7), 0, false};                      // raw and short
  source.stored[3] = {{}, 0, true};                                        // zeros without bytes
  for (const Sharing sharing : {Sharing{true, true}, Sharing{false, false}}) {
    source.decoded = 0;
    KeptPages kept(test::all_kernel(pages));
    const auto copied = copy_all(source, kept.windows(), {&codec, sharing, 1});
    ASSERT_NO_FATAL_FAILURE(expect_all(copied, pages, source, codec, sharing));
    EXPECT_EQ(source.decoded, sharing.zeros ? 3U : 4U);
  }
}

TEST(PassThrough, BytesThatDoNotDecodeStayAsTheyAre) {
  const Codec& codec = *find_codec_by_name("zlib");
  const std::map<Pfn, Bytes> pages = {{7, test::words(kPage, 1)}};
  StoringSource source(pages, codec);
  source.stored[7] = {test::noise(40, 5), codec.page_flag, false};  // short, as those of fills
  KeptPages kept(test::all_kernel(pages));
  const auto copied = copy_all(source, kept.windows(), {&codec, {true, true}, 1});
  EXPECT_EQ(copied.error, "");
  EXPECT_EQ(copied.data, source.stored[7].bytes);
}

TEST(PassThrough, TornAndLostPages) {
  const auto pages = machine_with_fills(700);
  test::Random random(5);
  for (int round = 0; round < 40; ++round) {
    const Codec& codec = *all_codecs()[static_cast<std::size_t>(round) % all_codecs().size()];
    StoringSource source(pages, codec);
    source.most_per_fetch = 1 + random.below(128);
    source.after_tear = 1 + random.below(128);
    const Codec& odd = *all_codecs()[static_cast<std::size_t>(round + 1) % all_codecs().size()];
    for (int i = 0; i < 4; ++i) {
      const auto page = [&] {
        return std::next(pages.begin(), static_cast<std::ptrdiff_t>(random.below(pages.size())))
            ->first;
      };
      source.torn.insert(page());
      source.lost.insert(page());
      const Pfn other = page();
      source.store(other, pages.at(other), odd);
    }
    const Sharing sharing{random.below(2) != 0, random.below(2) != 0};
    KeptPages kept(test::all_kernel(pages));
    const auto copied = copy_all(source, kept.windows(),
                                 {&codec, sharing, static_cast<unsigned>(1 + random.below(3))});
    ASSERT_NO_FATAL_FAILURE(expect_all(copied, pages, source, codec, sharing)) << round;
    EXPECT_EQ(copied.result.lost_reason.rfind("lost ", 0), 0U);
  }
}

TEST(PassThrough, ARealDumpGivesItsOwnBytes) {
  const test::TempDir dir;
  for (const Codec* codec : all_codecs()) {
    test::DumpSpec spec;
    spec.pages = test::mixed_pages(900, kPage);
    spec.codec = codec;
    test::write_kdump(dir.file("dump"), spec);
    for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
      auto source = open_dump(dir.file("dump"), mode);
      ASSERT_TRUE(source) << source.message();
      ASSERT_TRUE(can_pass_through(**source, *codec));
      std::map<Pfn, PageClass> all;
      for (const auto& [pfn, bytes] : spec.pages) all[pfn] = PageClass::kernel;
      KeptPages kept(all);
      const auto copied = copy_all(**source, kept.windows(), {codec, {true, true}, 2});
      ASSERT_EQ(copied.error, "");
      const auto unpacked = unpack(copied, *codec);
      ASSERT_EQ(unpacked.size(), spec.pages.size());
      std::size_t i = 0;
      for (const auto& [pfn, bytes] : spec.pages) {
        ASSERT_TRUE(unpacked[i] && *unpacked[i] == *bytes) << codec->name << " " << pfn;
        ++i;
      }
    }
  }
}

TEST(CopyFills, PagesThatAByteFillsAreToldWithoutData) {
  const auto pages = machine_with_fills(800);
  const ScriptedSource source(pages);
  const Codec& codec = *find_codec_by_name("lzo");
  for (const Sharing sharing : {Sharing{true, true}, Sharing{false, true}}) {
    KeptPages kept(test::all_kernel(pages));
    const auto copied = copy_all(source, kept.windows(), {&codec, sharing, 3});
    const auto unpacked = unpack(copied, codec);
    std::size_t i = 0;
    for (const auto& [pfn, bytes] : pages) {
      ASSERT_EQ(*unpacked[i], bytes) << pfn;
      const int fill = fill_byte(bytes.data(), kPage);
      ASSERT_EQ(has_data(copied.sizes[i]), fill == kNoFill) << pfn;
      if (fill != kNoFill) {
        ASSERT_EQ(copied.sizes[i], sharing.stored(fill));
      }
      ++i;
    }
  }
}

TEST(CopyFrames, EachBatchHasItsDataAsAFrame) {
  const auto pages = test::machine(1000);
  ScriptedSource source(pages);
  source.lost = {pages.begin()->first};
  for (const char* name : {"zstd", "lz4"}) {
    for (const char* codec : {"none", "zlib"}) {
      for (const unsigned threads : {1U, 3U}) {
        CopyOptions options{find_codec_by_name(codec), {true, true}, threads};
        options.frames = find_frame_format(name);
        KeptPages kept(test::all_kernel(pages));
        CopyResult result;
        std::size_t frames = 0;
        const auto done = copy_pages(
            source, kept.windows(), options,
            [&](const StoredPages& p) -> Result<void> {
              EXPECT_EQ(p.frame.empty(), p.data.empty());
              EXPECT_TRUE(p.hashes.empty());
              if (p.frame.empty()) return {};
              ++frames;
              const auto plain = test::decode_frames(name, p.frame);
              EXPECT_TRUE(plain &&
                          std::equal(plain->begin(), plain->end(), p.data.begin(), p.data.end()));
              return {};
            },
            [](std::uint64_t) {}, result);
        ASSERT_TRUE(done);
        EXPECT_GT(frames, 5U);
      }
    }
  }
}

// Batches of nothing but zeros and lost pages have no data, and no frame.
TEST(CopyFrames, NoDataIsNoFrame) {
  std::map<Pfn, Bytes> pages;
  for (Pfn pfn = 0; pfn < 300; ++pfn) pages[pfn] = test::zeros(kPage);
  ScriptedSource source(pages);
  source.lost = {5};
  CopyOptions options{find_codec_by_name("none"), {true, true}, 2};
  options.frames = find_frame_format("zstd");
  KeptPages kept(test::all_kernel(pages));
  CopyResult result;
  const auto done = copy_pages(
      source, kept.windows(), options,
      [](const StoredPages& p) -> Result<void> {
        EXPECT_TRUE(p.frame.empty() && p.data.empty());
        return {};
      },
      [](std::uint64_t) {}, result);
  EXPECT_TRUE(done);
}

TEST(CopyHashes, AreThoseOfTheData) {
  std::map<Pfn, Bytes> pages;
  for (Pfn pfn = 0; pfn < 600; ++pfn) {
    pages[pfn] = pfn % 5 == 0 ? test::zeros(kPage) : test::words(kPage, pfn % 50);
  }
  ScriptedSource source(pages);
  source.lost = {7};
  for (const unsigned threads : {1U, 3U}) {
    CopyOptions options{find_codec_by_name("zstd"), {true, true}, threads};
    options.hash = true;
    KeptPages kept(test::all_kernel(pages));
    CopyResult result;
    std::map<Bytes, std::uint64_t> by_data;
    std::set<std::uint64_t> hashes;
    const auto done = copy_pages(
        source, kept.windows(), options,
        [&](const StoredPages& p) -> Result<void> {
          EXPECT_EQ(p.hashes.size(), p.sizes.size());
          std::size_t at = 0;
          for (std::size_t i = 0; i < p.sizes.size(); ++i) {
            if (!has_data(p.sizes[i])) {
              EXPECT_EQ(p.hashes[i], 0U);
              continue;
            }
            const auto data = p.data.subspan(at, p.sizes[i]);
            at += p.sizes[i];
            EXPECT_EQ(p.hashes[i], page_hash(data));
            const auto known = by_data.emplace(Bytes(data.begin(), data.end()), p.hashes[i]);
            EXPECT_EQ(known.first->second, p.hashes[i]) << "equal for equal data";
            hashes.insert(p.hashes[i]);
          }
          return {};
        },
        [](std::uint64_t) {}, result);
    ASSERT_TRUE(done);
    EXPECT_EQ(hashes.size(), by_data.size()) << "and different for these";
    EXPECT_EQ(by_data.size(), 40U);
  }
}

// Dumps of every host share the same pages.
TEST(PageHash, IsTheSameOnEveryHost) {
  EXPECT_EQ(page_hash(test::text_bytes("eight by, and the rest")), 0x2398c5ef183a154fU);
}

TEST(PageHash, DependsOnEveryByteAndTheLength) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 63U, 4096U}) {
    Bytes bytes = test::noise(size, 1);
    const std::uint64_t hash = page_hash(bytes);
    EXPECT_NE(hash, 0U);
    EXPECT_EQ(page_hash(bytes), hash);
    for (std::size_t i = 0; i < size; i += 1 + size / 50) {
      bytes[i] ^= std::byte{1};
      EXPECT_NE(page_hash(bytes), hash) << size << " " << i;
      bytes[i] ^= std::byte{1};
    }
    bytes.push_back(std::byte{0});
    EXPECT_NE(page_hash(bytes), hash) << size;
  }
}

}  // namespace
}  // namespace vmsift
