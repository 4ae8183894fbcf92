// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/copy/copy_pages.h"

#include "src/input/open.h"
#include "tests/unit/copy/copy_fixture.h"
#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/temp_dir.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Bytes;
using test::Copied;
using test::copy_all;
using test::KeptPages;
using test::ScriptedSource;

constexpr std::size_t kPage = 4096;

// Copies `pages` and checks every page and every count.
void expect_copied(const Copied& copied, const std::map<Pfn, Bytes>& pages,
                   const ScriptedSource& source, const CopyOptions& options) {
  ASSERT_EQ(copied.error, "");
  const std::size_t page_size = source.info().page_size;
  const auto unpacked = copied.unpack(*options.codec, page_size);
  ASSERT_EQ(unpacked.size(), pages.size());
  std::uint64_t zero = 0;
  std::uint64_t raw = 0;
  std::size_t i = 0;
  for (const auto& [pfn, bytes] : pages) {
    const bool gone = source.lost.count(pfn) != 0;
    const bool is_zero = !gone && bytes == test::zeros(page_size);
    ASSERT_EQ(unpacked[i].has_value(), !gone) << pfn;
    if (!gone) {
      ASSERT_EQ(*unpacked[i], bytes) << pfn;
    }
    ASSERT_EQ(copied.sizes[i] == kStoredZero, is_zero && options.sharing.zeros) << pfn;
    zero += is_zero;
    raw += copied.sizes[i] == page_size;
    ++i;
  }
  EXPECT_EQ(copied.result.pages, pages.size());
  EXPECT_EQ(copied.result.zero_pages, zero);
  EXPECT_EQ(copied.result.raw_pages, raw);
  EXPECT_EQ(copied.result.lost_pages, source.lost.size());
  EXPECT_EQ(copied.result.data_bytes, copied.data.size());
}

TEST(CopyPages, EveryCodecAndPageSize) {
  for (const Codec* codec : all_codecs()) {
    for (const std::size_t page_size : {4096U, 65536U}) {
      for (const bool share : {false, true}) {
        const auto pages = test::machine(page_size == kPage ? 700 : 40, page_size);
        const ScriptedSource source(pages, page_size);
        KeptPages kept(test::all_kernel(pages));
        const CopyOptions options{codec, {share, false}, 1};
        const auto copied = copy_all(source, kept.windows(), options);
        ASSERT_NO_FATAL_FAILURE(expect_copied(copied, pages, source, options)) << codec->name;
      }
    }
  }
}

TEST(CopyPages, AnyNumberOfThreadsGivesTheSameBytes) {
  const auto pages = test::machine(3000);
  ScriptedSource source(pages);
  for (const Pfn pfn : {pages.begin()->first, std::next(pages.begin(), 1500)->first})
    source.lost.insert(pfn);
  KeptPages kept(test::all_kernel(pages));
  for (const Codec* codec : all_codecs()) {
    std::optional<Copied> first;
    for (const unsigned threads : {1U, 2U, 3U, 8U}) {
      const CopyOptions options{codec, {true, false}, threads};
      const auto copied = copy_all(source, kept.windows(), options);
      ASSERT_NO_FATAL_FAILURE(expect_copied(copied, pages, source, options));
      if (!first) first = copied;
      EXPECT_TRUE(copied.data == first->data) << codec->name << " " << threads;
      EXPECT_EQ(copied.sizes, first->sizes);
      EXPECT_EQ(copied.batches, first->batches);
      EXPECT_EQ(copied.result.lost_reason, first->result.lost_reason);
    }
  }
}

TEST(CopyPages, MappingAndReadingGiveTheSameBytes) {
  const test::TempDir dir;
  const auto pages = test::machine(1000);
  test::ElfBuilder elf;
  for (const auto& [pfn, bytes] : pages)
    elf.part({.paddr = pfn * kPage, .data = bytes, .gap = pfn % 3});
  test::write_file(dir.file("core"), elf.build());
  KeptPages kept(test::all_kernel(pages));
  const ScriptedSource model(pages);
  std::optional<Copied> first;
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    auto source = open_dump(dir.file("core"), mode);
    ASSERT_TRUE(source) << source.message();
    for (const unsigned threads : {1U, 3U}) {
      const CopyOptions options{find_codec_by_name("zstd"), {true, false}, threads};
      const auto copied = copy_all(**source, kept.windows(), options);
      ASSERT_NO_FATAL_FAILURE(expect_copied(copied, pages, model, options));
      if (!first) first = copied;
      EXPECT_TRUE(copied.data == first->data);
    }
  }
}

TEST(CopyPages, LostPagesAreCountedAndSaid) {
  const auto pages = test::machine(500);
  ScriptedSource source(pages);
  for (const std::size_t i : {7U, 8U, 130U, 499U}) {
    source.lost.insert(std::next(pages.begin(), static_cast<std::ptrdiff_t>(i))->first);
  }
  KeptPages kept(test::all_kernel(pages));
  const CopyOptions options{find_codec_by_name("lzo"), {true, false}, 2};
  const auto copied = copy_all(source, kept.windows(), options);
  expect_copied(copied, pages, source, options);
  EXPECT_EQ(copied.result.lost_reason, "lost " + std::to_string(pages.rbegin()->first));
}

// Memory that changes under its reader: what was made of it is made again, and nothing counts
// twice.
TEST(CopyPages, PagesOfATornFetchAreDoneAgain) {
  const auto pages = test::machine(900);
  test::Random random(5);
  for (int round = 0; round < 60; ++round) {
    ScriptedSource source(pages);
    source.most_per_fetch = 1 + random.below(128);
    source.after_tear = 1 + random.below(128);
    for (int i = 0; i < 3; ++i) {
      const auto page = [&] {
        return std::next(pages.begin(), static_cast<std::ptrdiff_t>(random.below(pages.size())))
            ->first;
      };
      source.torn.insert(page());
      source.lost.insert(page());
    }
    KeptPages kept(test::all_kernel(pages));
    const CopyOptions options{find_codec_by_name(round % 2 != 0 ? "zlib" : "none"),
                              {random.below(2) != 0, false},
                              static_cast<unsigned>(1 + random.below(3))};
    const auto copied = copy_all(source, kept.windows(), options);
    ASSERT_NO_FATAL_FAILURE(expect_copied(copied, pages, source, options)) << "round " << round;
  }
}

TEST(CopyPages, StopsAtTheFirstErrorOfTheSink) {
  const auto pages = test::machine(3000);
  const ScriptedSource source(pages);
  for (const unsigned threads : {1U, 3U}) {
    KeptPages kept(test::all_kernel(pages));
    CopyResult result;
    std::size_t calls = 0;
    const auto done = copy_pages(
        source, kept.windows(), {find_codec_by_name("snappy"), {true, false}, threads},
        [&](const StoredPages&) -> Result<void> {
          if (++calls == 3) return error("the disk is full");
          return {};
        },
        [](std::uint64_t) {}, result);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.message(), "the disk is full");
    EXPECT_EQ(calls, 3U);
    EXPECT_EQ(result.pages, 256U) << "what the sink took";
  }
}

TEST(CopyPages, AWindowThatFailsIsAnError) {
  const auto pages = test::machine(300);
  const ScriptedSource source(pages);
  for (const unsigned threads : {1U, 3U}) {
    KeptPages kept(test::all_kernel(pages));
    int calls = 0;
    const auto windows = [&,
                          inner = kept.windows()]() mutable -> Result<std::optional<KeptWindow>> {
      if (++calls == 2) return error("bitmap unreadable");
      return inner();
    };
    EXPECT_EQ(copy_all(source, windows, {find_codec_by_name("none"), {true, false}, threads}).error,
              "bitmap unreadable");
  }
}

TEST(CopyPages, NothingToCopy) {
  const auto pages = test::machine(3);
  const ScriptedSource source(pages);
  KeptPages none({});
  const auto copied =
      copy_all(source, none.windows(), {find_codec_by_name("zlib"), {true, false}, 3});
  EXPECT_EQ(copied.error, "");
  EXPECT_TRUE(copied.batches.empty());
  EXPECT_EQ(copied.result.pages, 0U);
}

}  // namespace
}  // namespace vmsift
