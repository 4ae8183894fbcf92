// SPDX-License-Identifier: GPL-2.0-or-later
// Every header version, layout and byte order, from files that were not made by the encoder.
#include "src/input/elf_headers.h"
#include "src/input/kdump_core.h"
#include "src/input/open.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/raw_kdump.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace vmsift {
namespace {

using test::Bytes;
using test::Flavour;
using test::RawKdump;

constexpr std::size_t kPage = 4096;

std::map<Pfn, Bytes> some_pages(std::size_t page_size = kPage) {
  std::map<Pfn, Bytes> pages;
  for (const auto& [pfn, bytes] : test::mixed_pages(40, page_size)) pages[pfn] = *bytes;
  return pages;
}

class KdumpFlavours : public testing::Test {
 protected:
  Result<std::unique_ptr<MemorySource>> open(const Bytes& file) const {
    test::write_file(path(), file);
    return open_dump(path(), ReadMode::map);
  }
  [[nodiscard]] std::string path() const { return dir_.file("dump"); }
  // In memory: thousands of files on a disk take their time.
  static Result<std::unique_ptr<MemorySource>> open_in_memory(const Bytes& bytes) {
    const int fd = ::memfd_create("dump", MFD_CLOEXEC);
    EXPECT_GE(fd, 0);
    File file(fd, "in-memory");
    EXPECT_TRUE(file.write_at(0, bytes));
    return open_kdump_core(std::make_unique<PlainStore>(std::move(file), bytes.size()),
                           ReadMode::map);
  }
  // What open() says against the file.
  std::string refusal(const Bytes& file) const {
    auto source = open(file);
    return source ? "" : source.message();
  }

  test::TempDir dir_;
};

void expect_pages(const MemorySource& source, const std::map<Pfn, Bytes>& pages) {
  const auto read = test::read_all(source);
  EXPECT_EQ(read.error, "");
  ASSERT_EQ(read.pages.size(), pages.size());
  for (const auto& [pfn, bytes] : pages) ASSERT_EQ(read.pages.at(pfn), bytes) << pfn;
}

TEST_F(KdumpFlavours, EveryVersionLayoutAndByteOrder) {
  for (const Flavour flavour : test::kFlavours) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      for (std::uint32_t version = 0; version <= 6; ++version) {
        for (const bool with_notes : {true, false}) {
          SCOPED_TRACE(fmt::format("flavour {} order {} version {} notes {}",
                                   static_cast<int>(flavour), static_cast<int>(order), version,
                                   with_notes));
          RawKdump raw{.flavour = flavour, .order = order, .version = version};
          raw.pages = some_pages();
          raw.excluded = {raw.pages.rbegin()->first + 3};
          raw.max_pfn = raw.pages.rbegin()->first + 10;
          if (!with_notes) raw.vmcoreinfo = {};
          auto source = open(raw.build());
          ASSERT_TRUE(source) << source.message();
          const DumpInfo& info = (*source)->info();
          EXPECT_EQ(info.order, order);
          EXPECT_EQ(info.abi == kdump::Abi::bits64, flavour == Flavour::bits64);
          if (version >= 4 && with_notes) {
            EXPECT_EQ(static_cast<int>(info.abi), static_cast<int>(flavour));
          }
          EXPECT_EQ(info.page_size, kPage);
          EXPECT_EQ(info.max_pfn, raw.max_pfn);
          EXPECT_EQ(info.utsname[2], "4.9.0");
          EXPECT_EQ(info.machine_name, "machine");
          EXPECT_EQ(info.crash_time, 1700000000U);
          EXPECT_EQ(info.cpus, 3U);
          EXPECT_EQ(info.phys_base, 0x200000U);
          EXPECT_EQ(info.dump_level, version >= 1 ? 17U : 0U);
          EXPECT_EQ(info.vmcoreinfo, version >= 3 ? raw.vmcoreinfo : "");
          EXPECT_EQ(info.notes, version >= 4 ? raw.notes() : Bytes());
          EXPECT_FALSE(info.incomplete);
          EXPECT_TRUE(info.warnings.empty());
          expect_pages(**source, raw.pages);
        }
      }
    }
  }
}

TEST_F(KdumpFlavours, EveryCodecAndPageSize) {
  for (const Flavour flavour : test::kFlavours) {
    for (const Codec* codec : all_codecs()) {
      for (const std::uint32_t page_size : {4096U, 16384U, 65536U}) {
        if (is_private(*codec)) continue;  // has another signature
        RawKdump raw{.flavour = flavour, .block = page_size, .codec = codec};
        raw.status = codec->header_flag;
        raw.order = page_size == 16384 ? ByteOrder::big : ByteOrder::little;
        raw.pages = some_pages(page_size);
        auto source = open(raw.build());
        ASSERT_TRUE(source) << source.message();
        EXPECT_EQ((*source)->info().page_size, page_size);
        EXPECT_EQ((*source)->info().codec_flag, codec->page_flag);
        expect_pages(**source, raw.pages);
      }
    }
  }
}

// QEMU: packed for every 32-bit guest, no names but the machine's, bitmaps that are equal.
TEST_F(KdumpFlavours, DumpsOfQemu) {
  for (const auto& [flavour, machine] :
       {std::pair(Flavour::packed32, "armv7l"), std::pair(Flavour::packed32, "i686"),
        std::pair(Flavour::bits64, "x86_64")}) {
    RawKdump raw{.flavour = flavour, .status = 2, .codec = find_codec_by_name("lzo")};
    raw.utsname = {"", "", "", "", machine, ""};
    raw.seconds = 0;
    raw.dump_level = 1;
    raw.vmcoreinfo = {};
    raw.pages = some_pages();
    if (std::string_view(machine) == "armv7l") {  // counted from 0 there too
      raw.phys_base = 0x40000000;
      raw.pages.clear();
      for (const auto& [pfn, bytes] : some_pages()) raw.pages[0x40000 + pfn] = bytes;
    }
    auto source = open(raw.build());
    ASSERT_TRUE(source) << source.message();
    EXPECT_EQ((*source)->info().machine_name, machine);
    EXPECT_EQ((*source)->info().abi,
              flavour == Flavour::bits64 ? kdump::Abi::bits64 : kdump::Abi::packed32);
    EXPECT_EQ((*source)->info().dump_level, 1U);
    expect_pages(**source, raw.pages);
  }
}

// makedumpfile and crash: page frame 0 of arm is the first of its memory.
TEST_F(KdumpFlavours, DumpsOfArmAreCountedFromPhysBase) {
  // The last one is as no machine has it: bits of one byte are of two.
  for (const Pfn first : {0x200U, 0x40000U, 0x60008U, 0x40003U}) {
    for (const bool wide_time : {false, true}) {
      for (const bool lowest_is_excluded : {false, true}) {
        SCOPED_TRACE(fmt::format("{:#x} {} {}", first, wide_time, lowest_is_excluded));
        RawKdump raw{.flavour = Flavour::padded32, .wide_time = wide_time, .first_pfn = first};
        raw.utsname[4] = "armv7l";
        raw.phys_base = static_cast<std::uint32_t>(first * kPage);
        for (const auto& [pfn, bytes] : some_pages()) raw.pages[first + 1 + pfn] = bytes;
        if (lowest_is_excluded) raw.excluded = {first};
        for (Pfn pfn = 0x10000; pfn < 0x10064; ++pfn) {
          raw.pages[first + pfn] = test::words(kPage, pfn);
        }
        auto source = open(raw.build());
        ASSERT_TRUE(source) << source.message();
        EXPECT_EQ((*source)->info().abi, kdump::Abi::padded32);
        EXPECT_EQ((*source)->info().crash_time, 1700000000U);
        EXPECT_EQ((*source)->info().phys_base, raw.phys_base);
        EXPECT_EQ((*source)->info().max_pfn, raw.max_pfn);
        EXPECT_EQ((*source)->info().vmcoreinfo, raw.vmcoreinfo);
        expect_pages(**source, raw.pages);
        const Pfn inside = first + 0x8000;
        EXPECT_EQ((*source)->next_window(inside, 8), inside);
        EXPECT_EQ((*source)->next_window(raw.max_pfn, 8), raw.max_pfn);
        for (const Pfn below : {Pfn{0}, first - 1}) {
          const auto read = test::read_pages(**source, std::vector<Pfn>{below});
          EXPECT_EQ(read.pages.at(below), std::nullopt);
        }
      }
    }
  }
  // No other machine is.
  for (const char* const machine : {"aarch64", "armv7l"}) {
    const bool is64 = machine[0] == 'a' && machine[1] == 'a';
    RawKdump raw{.flavour = is64 ? Flavour::bits64 : Flavour::padded32};
    raw.utsname[4] = machine;
    raw.phys_base = is64 ? 0x40000000 : 0;
    raw.pages = some_pages();
    auto source = open(raw.build());
    ASSERT_TRUE(source) << source.message();
    expect_pages(**source, raw.pages);
  }
}

// Of a split set, too.
TEST_F(KdumpFlavours, MembersOfArmHaveTheMachinesPageFrames) {
  constexpr Pfn kFirst = 0x60000;
  RawKdump raw{.flavour = Flavour::padded32, .first_pfn = kFirst};
  raw.phys_base = kFirst * kPage;
  raw.utsname[4] = "armv5tel";
  raw.max_pfn = kFirst + 200;
  for (Pfn pfn = 0; pfn < 200; ++pfn) raw.pages[kFirst + pfn] = test::words(kPage, pfn);
  std::vector<std::string> paths;
  for (const PfnRange range :
       {PfnRange{kFirst, kFirst + 64}, PfnRange{kFirst + 64, kFirst + 200}}) {
    raw.split = range;
    paths.push_back(dir_.file(fmt::format("member {}", range.begin)));
    test::write_file(paths.back(), raw.build());
  }
  auto source = open_dump(paths, ReadMode::map);
  ASSERT_TRUE(source) << source.message();
  expect_pages(**source, raw.pages);
}

// Page counts that would make a block size where the other word size has it.
TEST_F(KdumpFlavours, NumbersThatLookLikeABlockSize) {
  for (const Flavour flavour : test::kFlavours) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      for (const Pfn max_pfn : {4096U, 65536U, 131072U, 262144U}) {
        RawKdump raw{.flavour = flavour, .order = order};
        raw.pages = some_pages();
        raw.max_pfn = max_pfn;
        Bytes file = raw.build();
        if (flavour == Flavour::bits64) {
          test::poke(file, order == ByteOrder::little ? 416 : 420, 4096U, order);  // microseconds
        }
        auto source = open(file);
        ASSERT_TRUE(source) << source.message();
        EXPECT_EQ(static_cast<int>((*source)->info().abi), static_cast<int>(flavour));
        expect_pages(**source, raw.pages);
      }
    }
  }
}

TEST_F(KdumpFlavours, HeadersThatMakeSenseInTwoWaysAreRefused) {
  RawKdump raw;
  raw.pages = {{1, test::words(kPage, 1)}};
  Bytes file = raw.build();
  // A whole header for a 32-bit kernel inside of the time stamp and what follows: block size 4096,
  // one block, two blocks of bitmaps, and then as many page frames as the block size says.
  test::poke(file, 416, 4096U);
  test::poke(file, 420, 1U);
  test::poke(file, 424, 2U);
  EXPECT_NE(refusal(file).find("makes sense in 2 ways"), std::string::npos) << refusal(file);

  raw = {.flavour = Flavour::packed32};
  raw.pages = {{1, test::words(kPage, 1)}};
  file = raw.build();
  const Bytes garbage = test::noise(76, 1);
  std::copy(garbage.begin(), garbage.end(), file.begin() + kPage + 20);
  EXPECT_NE(refusal(file).find("fits both 32-bit layouts, or none"), std::string::npos);
}

TEST_F(KdumpFlavours, ErasedRangesAreFoundAndNeverInTheWay) {
  for (const Flavour flavour : test::kFlavours) {
    RawKdump raw{.flavour = flavour, .eraseinfo = "erase jiffies 8\n"};
    raw.pages = some_pages();
    Bytes file = raw.build();
    const auto header = [&]() -> kdump::Header {
      auto main = kdump::decode_main(file, file.size());
      EXPECT_TRUE(main);
      EXPECT_TRUE(kdump::decode_sub(std::span(file).subspan(kPage, 104), file.size(), *main));
      return main->header;
    };
    EXPECT_EQ(header().eraseinfo_offset, file.size() - 16);
    EXPECT_EQ(header().eraseinfo_size, 16U);
    file.resize(file.size() - 1);
    EXPECT_EQ(header().eraseinfo_offset, 0U);
    EXPECT_EQ(header().eraseinfo_size, 0U);
    auto source = open(file);
    ASSERT_TRUE(source) << source.message();
    expect_pages(**source, raw.pages);
  }
}

// Each field of each flavour as nobody would write it: refused with the file's name, or read.
TEST_F(KdumpFlavours, HostileFields) {
  for (const Flavour flavour : test::kFlavours) {
    for (const std::uint32_t version : {3U, 6U}) {
      RawKdump raw{.flavour = flavour, .version = version, .split = PfnRange{0, 60}};
      for (const Pfn pfn : {1, 2, 5, 8, 50}) raw.pages[pfn] = test::words(kPage, pfn);
      raw.max_pfn = 60;
      const Bytes good = raw.build();
      std::vector<std::size_t> fields = {8};
      for (std::size_t at = 404; at < 464; at += 4) fields.push_back(at);
      for (std::size_t at = kPage; at < kPage + 104; at += 4) fields.push_back(at);
      for (const std::size_t at : fields) {
        for (const std::uint64_t value :
             {0ULL, 1ULL, 2ULL, 59ULL, 61ULL, 4096ULL, 65536ULL, 0x7fffffffULL, 0x80000000ULL,
              ~0ULL, ~0ULL - 4095, 1ULL << 40, 1ULL << 62, 1ULL << 32}) {
          Bytes bad = good;
          test::poke(bad, at, static_cast<std::uint32_t>(value));
          if (value > 0xffffffff) test::poke(bad, at, value);
          auto source = open_in_memory(bad);
          if (!source) {
            ASSERT_NE(source.message().find("in-memory"), std::string::npos) << source.message();
            continue;
          }
          for (const auto& [pfn, bytes] : test::read_all(**source).pages) {
            ASSERT_TRUE(!bytes || bytes->size() == (*source)->info().page_size);
          }
        }
      }
    }
  }
}

TEST_F(KdumpFlavours, OfNotesWithoutEndABoundedPartIsTaken) {
  RawKdump raw{.vmcoreinfo = {}};
  raw.pages = some_pages();
  const Bytes file = raw.build();
  const auto open_with = [&](std::size_t offset_field, std::uint64_t size) {
    Bytes large = file;
    test::poke(large, kPage + offset_field, std::uint64_t{large.size()});
    test::poke(large, kPage + offset_field + 8, size);
    large.resize(file.size() + size, std::byte{'x'});
    auto source = open(large);
    EXPECT_TRUE(source) << source.message();
    return std::move(*source);
  };
  const auto with_notes = open_with(48, kMaxNoteBytes + 4096);
  EXPECT_LE(with_notes->info().notes.size(), kMaxNoteBytes);
  expect_pages(*with_notes, raw.pages);
  const auto with_text = open_with(32, (2U << 20) + 4096);
  EXPECT_EQ(with_text->info().vmcoreinfo, std::string(1U << 20, 'x'));
  expect_pages(*with_text, raw.pages);
}

TEST_F(KdumpFlavours, PageFramesBeyondTheEndAreNoPages) {
  RawKdump raw;
  raw.pages = some_pages();
  auto source = open(raw.build());
  ASSERT_TRUE(source);
  for (const Pfn pfn : {raw.max_pfn, raw.max_pfn + 1, Pfn{1} << 40, ~Pfn{0}}) {
    const auto read = test::read_pages(**source, std::vector<Pfn>{pfn});
    EXPECT_EQ(read.pages.at(pfn), std::nullopt);
    EXPECT_EQ(read.error, "");
  }
}

}  // namespace
}  // namespace vmsift
