// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_core.h"

#include "src/input/open.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/emulated.h"
#include "tests/unit/support/kdump_builder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <limits>

namespace vmsift {
namespace {

using test::Bytes;
using test::DumpSpec;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kPage = 4096;

class KdumpCoreTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("dump"); }
  [[nodiscard]] std::unique_ptr<MemorySource> open(ReadMode mode) const {
    auto source = open_dump(path(), mode);
    if (!source) {
      ADD_FAILURE() << source.message();
      return nullptr;
    }
    return std::move(*source);
  }
  void expect_pages(const DumpSpec& spec) const {
    std::vector<Pfn> expected;
    for (const auto& [pfn, bytes] : spec.pages) expected.push_back(pfn);
    for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
      const auto source = open(mode);
      ASSERT_NE(source, nullptr);
      EXPECT_EQ(source->info().page_size, spec.page_size);
      ASSERT_EQ(test::stored_pages(*source), expected);
      for (const std::size_t batch : {1U, 5U, 128U}) {
        const auto read = test::read_all(*source, batch);
        ASSERT_EQ(read.pages, spec.pages) << spec.codec->name << " batch " << batch;
        EXPECT_EQ(read.error, "");
      }
    }
  }
  // The file with one descriptor replaced.
  void set_descriptor(const kdump::Header& header, std::size_t nth, kdump::Descriptor d) const {
    Bytes file = test::read_file(path());
    kdump::encode_descriptor(d, ByteOrder::little,
                             &file[header.descriptors_offset() + nth * kdump::kDescriptorBytes]);
    test::write_file(path(), file);
  }

  test::TempDir dir_;
};

TEST_F(KdumpCoreTest, ReadsWhatTheWriterWroteWithEveryCodec) {
  for (const Codec* codec : all_codecs()) {
    for (const std::uint32_t page_size : {4096U, 65536U}) {
      for (const bool share : {false, true}) {
        DumpSpec spec;
        spec.codec = codec;
        spec.page_size = page_size;
        spec.share_zero_page = share;
        spec.pages = test::mixed_pages(page_size == 4096 ? 200 : 12, page_size);
        spec.order = share ? ByteOrder::little : ByteOrder::big;
        test::write_kdump(path(), spec);
        ASSERT_NO_FATAL_FAILURE(expect_pages(spec));
      }
    }
  }
}

TEST_F(KdumpCoreTest, TellsWhatTheHeadersSay) {
  DumpSpec spec;
  spec.order = ByteOrder::big;
  spec.pages[7] = test::words(kPage, 1);
  spec.excluded = {3, 4};
  spec.max_pfn = 100;
  spec.header.utsname = {"Linux", "", "6.1.0", "", "s390x", ""};
  spec.header.dump_level = 17;
  spec.header.cpus = 9;
  spec.complete = false;
  const std::string_view text = "OSRELEASE=6.1.0\n";
  spec.notes = test::elf_note("CORE", NT_PRSTATUS, test::noise(336, 9), ByteOrder::big);
  spec.vmcoreinfo_at = spec.notes.size() + 24;
  spec.vmcoreinfo_size = text.size();
  test::append(spec.notes, test::elf_note("VMCOREINFO", 0, test::text_bytes(text), ByteOrder::big));
  const auto header = test::write_kdump(path(), spec);
  const auto source = open(ReadMode::map);
  ASSERT_NE(source, nullptr);
  const DumpInfo& info = source->info();
  EXPECT_EQ(info.format, "kdump-compressed");
  EXPECT_EQ(info.machine_name, "s390x");
  EXPECT_EQ(info.order, ByteOrder::big);
  EXPECT_EQ(info.max_pfn, 100U);
  EXPECT_EQ(info.notes, spec.notes);
  EXPECT_EQ(info.vmcoreinfo, text);
  EXPECT_EQ(info.cpus, 9U);
  EXPECT_EQ(info.dump_level, 17U);
  EXPECT_TRUE(info.incomplete);
  EXPECT_EQ(test::stored_pages(*source, false), (std::vector<Pfn>{3, 4, 7}));
  EXPECT_EQ(test::stored_pages(*source), (std::vector<Pfn>{7}));
  // The text where the sub header says, for files whose notes do not have it.
  const auto file = test::read_file(path());
  const auto at = test::peek<std::uint64_t>(file, kPage + 32, ByteOrder::big);
  EXPECT_EQ(at, kPage + 104 + spec.vmcoreinfo_at);
  EXPECT_EQ(std::memcmp(&file[at], text.data(), text.size()), 0);
  EXPECT_EQ(header.sub_header_blocks, 1U);
}

TEST_F(KdumpCoreTest, PagesInAnyOrder) {
  DumpSpec spec;
  spec.codec = find_codec_by_name("zstd");
  spec.pages = test::mixed_pages(300, kPage);
  for (const Pfn far : {40000U, 70000U, 70001U, 131071U}) spec.pages[far] = test::words(kPage, far);
  test::write_kdump(path(), spec);
  const auto source = open(ReadMode::map);
  ASSERT_NE(source, nullptr);
  const auto reader = source->reader();
  test::Random random(2);
  for (int round = 0; round < 500; ++round) {
    auto it = spec.pages.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(random.below(spec.pages.size())));
    std::vector<Pfn> pfns = {it->first, it->first + 1};
    const auto read = test::read_pages(*reader, pfns, kPage, 4);
    ASSERT_EQ(read.pages.at(it->first), it->second) << it->first;
    ASSERT_EQ(read.pages.at(it->first + 1).has_value(), spec.pages.count(it->first + 1) != 0);
  }
  const std::vector<Pfn> beyond = {131072, 131073 + 32768};
  EXPECT_EQ(test::read_pages(*reader, std::span(beyond).first(0), kPage).pages.size(), 0U);
}

TEST_F(KdumpCoreTest, AMachineOfManyPagesThatAreHolesOpensQuickly) {
  constexpr Pfn kPages = std::uint64_t{1} << 36;
  DumpSpec spec;
  spec.max_pfn = kPages;
  for (const Pfn pfn : {Pfn{5}, Pfn{1} << 20, (Pfn{1} << 35) + 12345, kPages - 1}) {
    spec.pages[pfn] = test::words(kPage, pfn);
  }
  test::write_kdump(path(), spec);
  const auto start = std::chrono::steady_clock::now();
  const auto source = open(test::kMapsBeyond4GiB ? ReadMode::map : ReadMode::read);
  ASSERT_NE(source, nullptr);
  std::vector<Pfn> pfns;
  for (const auto& [pfn, bytes] : spec.pages) pfns.push_back(pfn);
  EXPECT_EQ(test::read_pages(*source, pfns).pages, spec.pages);
  EXPECT_LT(source->next_window(1 << 21, 32768), (Pfn{1} << 35) + 12345 + 1);
  EXPECT_GE(source->next_window(1 << 21, 32768), (Pfn{1} << 35) - 32768);
  EXPECT_EQ(test::stored_pages(*source), pfns);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(KdumpCoreTest, BitsBehindTheLastPageAreNotPages) {
  DumpSpec spec;
  spec.pages = {{0, test::words(kPage, 1)}, {9, test::words(kPage, 2)}};
  spec.max_pfn = 10;
  const auto header = test::write_kdump(path(), spec);
  Bytes file = test::read_file(path());
  for (const std::uint64_t bitmap : {header.bitmap1_offset(), header.bitmap2_offset()}) {
    file[bitmap + 1] |= std::byte{0xfc};
    std::fill_n(&file[bitmap + 2], 100, std::byte{0xff});
  }
  test::write_file(path(), file);
  expect_pages(spec);
}

TEST_F(KdumpCoreTest, ADescriptorOfZerosIsALostPage) {
  DumpSpec spec;
  spec.pages = {{1, test::words(kPage, 1)}, {2, std::nullopt}, {3, test::words(kPage, 3)}};
  test::write_kdump(path(), spec);
  const auto source = open(ReadMode::map);
  ASSERT_NE(source, nullptr);
  const auto read = test::read_all(*source);
  EXPECT_EQ(read.pages, spec.pages);
  EXPECT_EQ(read.error, "the page was lost when the dump was written");
}

TEST_F(KdumpCoreTest, CorruptDescriptorsCostTheirPageAlone) {
  for (const Codec* codec : all_codecs()) {
    DumpSpec spec;
    spec.codec = codec;
    spec.pages = test::mixed_pages(50, kPage);
    const auto header = test::write_kdump(path(), spec);
    const Bytes good = test::read_file(path());
    const auto victim = std::next(spec.pages.begin(), 20);
    const auto original = kdump::decode_descriptor(
        &good[header.descriptors_offset() + 20 * kdump::kDescriptorBytes], ByteOrder::little);
    for (const std::uint64_t offset :
         {std::uint64_t{good.size()} - 10, std::uint64_t{good.size()}, kMost, kMost - kPage + 1,
          std::uint64_t{1} << 63, std::uint64_t{0}}) {
      test::write_file(path(), good);
      set_descriptor(header, 20, {offset, 4096, 0});
      for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
        const auto source = open(mode);
        ASSERT_NE(source, nullptr);
        const auto read = test::read_all(*source);
        auto expected = spec.pages;
        expected[victim->first] = std::nullopt;
        ASSERT_EQ(read.pages, expected) << offset;
        EXPECT_NE(read.error, "");
      }
    }
    struct Case {
      std::uint32_t size;
      std::uint32_t flags;
    };
    for (const Case c :
         {Case{0, 0}, Case{4095, 0}, Case{4097, 0}, Case{0xffffffff, 0}, Case{100, 0x40},
          Case{100, 0x80000000}, Case{100, 3}, Case{100, 0xffffffff}, Case{0, 1}, Case{4097, 1},
          Case{0xffffffff, 2}, Case{0xffffffff, 0x20}}) {
      test::write_file(path(), good);
      set_descriptor(header, 20, {original.offset, c.size, c.flags});
      const auto source = open(ReadMode::map);
      ASSERT_NE(source, nullptr);
      auto expected = spec.pages;
      expected[victim->first] = std::nullopt;
      const auto read = test::read_all(*source);
      ASSERT_EQ(read.pages, expected) << c.size << " " << c.flags;
      EXPECT_NE(read.error, "");
    }
    test::write_file(path(), good);
  }
}

TEST_F(KdumpCoreTest, TruncatedFilesLoseWhatIsMissing) {
  DumpSpec spec;
  spec.codec = find_codec_by_name("zlib");
  spec.pages = test::mixed_pages(40, kPage);
  const auto header = test::write_kdump(path(), spec);
  const Bytes good = test::read_file(path());
  const std::uint64_t descriptors = header.descriptors_offset();
  for (std::size_t size = 0; size < good.size(); size += size < descriptors ? 1000 : 97) {
    test::write_file(path(), std::span(good).first(size));
    auto source = open_dump(path(), ReadMode::map);
    if (size < descriptors) {
      ASSERT_FALSE(source) << size;
      continue;
    }
    ASSERT_TRUE(source) << source.message();
    EXPECT_EQ((*source)->info().incomplete, size < descriptors + 40 * kdump::kDescriptorBytes);
    const auto read = test::read_all(**source);
    ASSERT_EQ(read.pages.size(), 40U);
    for (const auto& [pfn, bytes] : read.pages) {
      if (bytes) {
        ASSERT_EQ(bytes, spec.pages.at(pfn));
      }
    }
    EXPECT_NE(read.error, "");
  }
}

// Compressed data behind the new end read as zeros through the mapping: no stream, and no page.
TEST_F(KdumpCoreTest, CutWhileMapped) {
  if (!test::kFaultsAreTold) GTEST_SKIP() << test::kNoFaults;
  for (const Codec* codec : all_codecs()) {
    DumpSpec spec;
    spec.codec = codec;
    spec.share_zero_page = false;
    for (Pfn pfn = 0; pfn < 600; ++pfn) {
      spec.pages[pfn] = pfn % 2 == 0 ? test::words(kPage, pfn) : test::noise(kPage, pfn);
    }
    test::write_kdump(path(), spec);
    const auto source = open(ReadMode::map);
    ASSERT_NE(source, nullptr);
    const auto reader = source->reader();
    const std::vector<Pfn> first = {0};
    ASSERT_EQ(test::read_pages(*reader, first, kPage).pages.at(0), spec.pages.at(0));
    const auto size = static_cast<off_t>(std::filesystem::file_size(path()));
    ASSERT_EQ(::truncate(path().c_str(), size / 2), 0);
    for (Pfn pfn = 598; pfn > 0; --pfn) {  // first a compressed page behind the end
      const std::vector<Pfn> one = {pfn};
      const auto page = test::read_pages(*reader, one, kPage).pages.at(pfn);
      if (page) {
        ASSERT_EQ(page, spec.pages.at(pfn)) << codec->name << " page " << pfn;
      }
      if (pfn > 400) {
        ASSERT_EQ(page, std::nullopt) << codec->name << " page " << pfn;
      }
      if (pfn < 200) {
        ASSERT_NE(page, std::nullopt) << codec->name << " page " << pfn;
      }
    }
  }
}

// Every field of both headers, one at a time, as nobody would write it.
TEST_F(KdumpCoreTest, HostileHeaderFields) {
  DumpSpec spec;
  spec.codec = find_codec_by_name("lzo");
  spec.pages = test::mixed_pages(30, kPage);
  spec.notes = test::elf_note("CORE", NT_PRSTATUS, test::noise(336, 9));
  test::write_kdump(path(), spec);
  const Bytes good = test::read_file(path());
  std::vector<std::pair<std::size_t, std::size_t>> fields;
  for (const std::size_t at : {8U, 424U, 428U, 432U, 436U, 440U, 460U, 4096U + 8, 4096U + 12}) {
    fields.emplace_back(at, 4);
  }
  for (const std::size_t at : {408U, 416U}) fields.emplace_back(at, 8);
  for (std::size_t at = 4096 + 16; at < 4096 + 104; at += 8) fields.emplace_back(at, 8);
  fields.emplace_back(4096, 8);
  for (const auto& [at, size] : fields) {
    std::vector<std::uint64_t> values = {0, 1, 2, 3, kMost, kMost - 1, kMost / 2, good.size()};
    for (unsigned bit = 0; bit < 64; bit += 3) values.push_back(std::uint64_t{1} << bit);
    for (const std::uint64_t value : values) {
      Bytes bad = good;
      if (size == 4) test::poke(bad, at, static_cast<std::uint32_t>(value));
      if (size == 8) test::poke(bad, at, value);
      test::write_file(path(), bad);
      auto source = open_dump(path(), ReadMode::map);
      if (!source) {
        EXPECT_NE(source.message().find(path()), std::string::npos) << source.message();
        continue;
      }
      for (const auto& [pfn, bytes] : test::read_all(**source).pages) {
        ASSERT_TRUE(!bytes || bytes->size() == (*source)->info().page_size);
      }
    }
  }
}

TEST_F(KdumpCoreTest, ThePageSizeOfTheNoteMustBeTheHeaders) {
  DumpSpec spec;
  spec.pages = test::mixed_pages(3, kPage);
  test::write_kdump(path(), spec);
  const auto source = open(ReadMode::map);
  ASSERT_NE(source, nullptr);
  EXPECT_TRUE(source->set_page_size(4096));
  EXPECT_FALSE(source->set_page_size(65536));
}

}  // namespace
}  // namespace vmsift
