// SPDX-License-Identifier: GPL-2.0-or-later
// Pages as they are stored: what fetch_stored() hands out, and what it must not.
#include "src/input/kdump_core.h"
#include "src/input/open.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/emulated.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/raw_kdump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vmsift {
namespace {

using test::Bytes;
using test::RawKdump;

constexpr std::size_t kPage = 4096;

struct Stored {
  Bytes bytes;
  std::uint32_t page_flag = 0;
  bool zero = false;
};
struct StoredPages {
  std::map<Pfn, Stored> pages;
  std::string error;
  std::size_t calls = 0;
  std::size_t redone = 0;
};

StoredPages read_stored(PageReader& reader, std::span<const Pfn> pfns, std::size_t batch = 128) {
  StoredPages read;
  std::vector<StoredPage> pages(batch);
  for (std::size_t done = 0; done < pfns.size();) {
    const auto wanted = pfns.subspan(done, std::min(batch, pfns.size() - done));
    for (StoredPage& page : pages) page = {{}, 77, true};  // must be set anew
    const std::size_t got = reader.fetch_stored(wanted, pages);
    if (got == 0 || got > wanted.size()) {
      ADD_FAILURE() << "fetch_stored() returned " << got << " of " << wanted.size();
      return read;
    }
    ++read.calls;
    // All together behind the call: what it hands out is valid side by side.
    std::vector<Stored> copies;
    for (std::size_t i = 0; i < got; ++i) {
      copies.push_back(
          {Bytes(pages[i].bytes.begin(), pages[i].bytes.end()), pages[i].page_flag, pages[i].zero});
    }
    if (!reader.last_error().empty()) read.error = reader.last_error();
    if (!reader.intact()) {
      ++read.redone;
      continue;
    }
    for (std::size_t i = 0; i < got; ++i) read.pages[wanted[i]] = std::move(copies[i]);
    done += got;
  }
  return read;
}

Bytes decoded(const Stored& stored, std::size_t page_size) {
  if (stored.page_flag == 0) return stored.bytes;
  const Codec* codec = find_codec_by_page_flag(stored.page_flag);
  Bytes page(page_size);
  if (codec == nullptr || !codec->decoder()->decode(stored.bytes, page)) return {};
  return page;
}

class KdumpStored : public testing::Test {
 protected:
  std::unique_ptr<MemorySource> open(const Bytes& file, ReadMode mode = ReadMode::map) {
    test::write_file(path(), file);
    auto source = open_dump(path(), mode);
    if (!source) {
      ADD_FAILURE() << source.message();
      return nullptr;
    }
    return std::move(*source);
  }
  [[nodiscard]] std::string path() const { return dir_.file("dump"); }
  static RawKdump of(std::size_t count, const Codec* codec, std::uint32_t page_size = kPage) {
    RawKdump raw{.block = page_size, .codec = codec};
    raw.status = codec->header_flag;
    for (const auto& [pfn, bytes] : test::mixed_pages(count, page_size)) raw.pages[pfn] = *bytes;
    return raw;
  }

  test::TempDir dir_;
};

TEST_F(KdumpStored, PagesOfEveryCodecInEveryMode) {
  for (const Codec* codec : all_codecs()) {
    for (const std::uint32_t page_size : {4096U, 65536U}) {
      for (const bool share : {true, false}) {
        RawKdump raw = of(page_size == 4096 ? 1500 : 60, codec, page_size);
        raw.share_zero_page = share;
        Bytes file = raw.build();
        if (is_private(*codec)) std::memcpy(file.data(), "VMSIFT  ", 8);
        for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
          const auto source = open(file, mode);
          ASSERT_NE(source, nullptr);
          EXPECT_TRUE(source->info().stores_encoded);
          EXPECT_EQ(source->info().codec_flag, codec->page_flag);
          for (const std::size_t batch : {1U, 50U, 1000U}) {
            const auto reader = source->reader();
            const auto read = read_stored(*reader, test::stored_pages(*source), batch);
            EXPECT_EQ(read.error, "");
            ASSERT_EQ(read.pages.size(), raw.pages.size());
            for (const auto& [pfn, bytes] : raw.pages) {
              const Stored& stored = read.pages.at(pfn);
              ASSERT_EQ(decoded(stored, page_size), bytes) << codec->name << " page " << pfn;
              // Without sharing too, the first item may be a zero page.
              const bool is_zero = bytes == test::zeros(page_size);
              ASSERT_TRUE(share ? stored.zero == is_zero : is_zero || !stored.zero);
              ASSERT_TRUE(stored.page_flag == 0 || stored.page_flag == codec->page_flag);
            }
          }
        }
      }
    }
  }
}

TEST_F(KdumpStored, ManyPagesCostFewCalls) {
  RawKdump raw;
  for (Pfn pfn = 0; pfn < 4096; ++pfn) raw.pages[pfn] = test::words(kPage, pfn);
  const auto source = open(raw.build());
  ASSERT_NE(source, nullptr);
  const auto reader = source->reader();
  const auto pfns = test::stored_pages(*source);
  const auto read = read_stored(*reader, pfns, 128);
  ASSERT_EQ(read.pages.size(), 4096U);
  EXPECT_LE(read.calls, 4096U / 128 + 4096 * kPage / (1 << 20) + 1);  // and where windows end
}

TEST_F(KdumpStored, PagesThatAreNotInTheDump) {
  RawKdump raw = of(50, find_codec_by_name("lzo"));
  raw.excluded = {raw.pages.begin()->first + 1000};
  raw.max_pfn = 2000;
  const auto source = open(raw.build());
  ASSERT_NE(source, nullptr);
  const auto reader = source->reader();
  std::vector<Pfn> all(2010);
  for (Pfn pfn = 0; pfn < all.size(); ++pfn) all[pfn] = pfn;
  const auto read = read_stored(*reader, all, 200);
  EXPECT_EQ(read.error, "");
  for (const Pfn pfn : all) {
    ASSERT_EQ(read.pages.at(pfn).bytes.empty(), raw.pages.count(pfn) == 0) << pfn;
    ASSERT_FALSE(read.pages.at(pfn).bytes.empty() && read.pages.at(pfn).zero);
  }
}

// Descriptors may share data, and data may stand in any order.
TEST_F(KdumpStored, DataInAnyOrderAndShared) {
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    test::Random random(11);
    RawKdump raw;
    for (Pfn pfn = 0; pfn < 600; ++pfn) raw.pages[pfn] = test::words(kPage, pfn);
    Bytes file = raw.build();
    const Bytes good = file;
    const auto target = [&](std::size_t nth, std::size_t as) {
      std::copy_n(good.begin() + static_cast<std::ptrdiff_t>(raw.descriptors + as * 24), 24,
                  file.begin() + static_cast<std::ptrdiff_t>(raw.descriptors + nth * 24));
      raw.pages[nth] = test::words(kPage, as);
    };
    for (std::size_t i = 0; i < 200; ++i) target(i, 199 - i);  // backwards
    for (std::size_t i = 200; i < 400; ++i) target(i, random.below(600));
    for (std::size_t i = 400; i < 600; i += 2) target(i, 3 + i % 8);  // some that come often
    const auto source = open(file, mode);
    ASSERT_NE(source, nullptr);
    for (const std::size_t batch : {1U, 64U, 600U}) {
      const auto reader = source->reader();
      const auto read = read_stored(*reader, test::stored_pages(*source), batch);
      EXPECT_EQ(read.error, "");
      for (const auto& [pfn, bytes] : raw.pages) ASSERT_EQ(read.pages.at(pfn).bytes, bytes) << pfn;
      const auto plain = test::read_all(*source, batch);
      for (const auto& [pfn, bytes] : raw.pages) ASSERT_EQ(plain.pages.at(pfn), bytes) << pfn;
    }
  }
}

// One who went back to an earlier page and goes on from there maps again.
TEST_F(KdumpStored, GoingBackAndOnFromThere) {
  RawKdump raw;
  for (Pfn pfn = 0; pfn < 1000; ++pfn) raw.pages[pfn] = test::words(kPage, pfn);
  const auto source = open(raw.build());
  ASSERT_NE(source, nullptr);
  const auto reader = source->reader();
  std::vector<Pfn> pfns(1000);
  for (Pfn pfn = 0; pfn < pfns.size(); ++pfn) pfns[pfn] = pfn;
  for (const std::size_t from : {900U, 0U, 500U, 400U}) {
    const auto read = read_stored(*reader, std::span(pfns).subspan(from));
    for (const auto& [pfn, stored] : read.pages) ASSERT_EQ(stored.bytes, raw.pages.at(pfn)) << pfn;
    EXPECT_LE(read.calls, 16U) << from;
  }
}

// The first data item is a page like any other when it is not zeros, or not stored raw.
TEST_F(KdumpStored, AFirstItemThatIsNoZeroPage) {
  RawKdump raw{.share_zero_page = false};
  raw.pages = {{0, test::words(kPage, 1)}, {1, test::zeros(kPage)}, {2, test::words(kPage, 2)}};
  Bytes file = raw.build();
  auto source = open(file);
  ASSERT_NE(source, nullptr);
  auto read = read_stored(*source->reader(), test::stored_pages(*source));
  EXPECT_FALSE(read.pages.at(0).zero);
  EXPECT_FALSE(read.pages.at(1).zero);
  EXPECT_EQ(read.pages.at(0).bytes, raw.pages.at(0));
  EXPECT_EQ(read.pages.at(1).bytes, raw.pages.at(1));

  raw.pages[0] = test::zeros(kPage);
  file = raw.build();
  test::poke(file, raw.descriptors + 12, 1U);  // said to be zlib
  source = open(file);
  ASSERT_NE(source, nullptr);
  read = read_stored(*source->reader(), test::stored_pages(*source));
  EXPECT_FALSE(read.pages.at(0).zero);
  EXPECT_EQ(read.pages.at(0).page_flag, 1U);
}

TEST_F(KdumpStored, DescriptorsThatCannotBeAreLostPages) {
  RawKdump raw = of(30, find_codec_by_name("lzo"));
  const Bytes good = raw.build();
  const std::uint64_t size = good.size();
  struct Case {
    std::uint64_t offset;
    std::uint32_t size;
    std::uint32_t flags;
  };
  for (const Case c : {Case{0, 0, 0}, Case{0, 4096, 0}, Case{size, 10, 2}, Case{size - 9, 10, 2},
                       Case{~0ULL, 10, 2}, Case{~0ULL - 9, 10, 2}, Case{1ULL << 63, 4096, 0},
                       Case{5000, 4095, 0}, Case{5000, 4097, 2}, Case{5000, 0, 2},
                       Case{5000, ~0U, 2}, Case{5000, 10, 3}, Case{5000, 10, 1U << 31}}) {
    Bytes file = good;
    test::poke(file, raw.descriptors + 10 * 24, c.offset);
    test::poke(file, raw.descriptors + 10 * 24 + 8, c.size);
    test::poke(file, raw.descriptors + 10 * 24 + 12, c.flags);
    const auto source = open(file);
    ASSERT_NE(source, nullptr);
    const auto read = read_stored(*source->reader(), test::stored_pages(*source));
    EXPECT_NE(read.error, "");
    std::size_t nth = 0;
    for (const auto& [pfn, bytes] : raw.pages) {
      if (nth++ == 10) {
        ASSERT_TRUE(read.pages.at(pfn).bytes.empty());
      } else {
        ASSERT_EQ(decoded(read.pages.at(pfn), kPage), bytes);
      }
    }
  }
}

TEST_F(KdumpStored, CutWhileMapped) {
  if (!test::kFaultsAreTold) GTEST_SKIP() << test::kNoFaults;
  RawKdump raw;
  for (Pfn pfn = 0; pfn < 1000; ++pfn) raw.pages[pfn] = test::noise(kPage, pfn);
  const Bytes file = raw.build();
  const auto source = open(file);
  ASSERT_NE(source, nullptr);
  const auto reader = source->reader();
  const auto pfns = test::stored_pages(*source);
  ASSERT_EQ(read_stored(*reader, std::span(pfns).first(1)).pages.at(0).bytes, raw.pages.at(0));
  const std::size_t left = raw.first_data + 50 * kPage;
  ASSERT_EQ(::truncate(path().c_str(), static_cast<off_t>(left)), 0);
  const auto read = read_stored(*reader, pfns);
  EXPECT_GE(read.redone, 1U);
  EXPECT_NE(read.error, "");
  for (const auto& [pfn, stored] : read.pages) {
    if (pfn >= 50) {
      ASSERT_TRUE(stored.bytes.empty()) << pfn;
    } else if (pfn < 40) {
      ASSERT_EQ(stored.bytes, raw.pages.at(pfn)) << pfn;
    }
  }
}

}  // namespace
}  // namespace vmsift
