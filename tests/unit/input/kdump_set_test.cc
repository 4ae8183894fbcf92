// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_set.h"

#include "src/input/open.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/raw_kdump.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Bytes;
using test::Flavour;
using test::RawKdump;

constexpr std::size_t kPage = 4096;
constexpr Pfn kMaxPfn = 256;

class KdumpSet : public testing::Test {
 protected:
  KdumpSet() {
    for (const auto& [pfn, bytes] : test::mixed_pages(100, kPage)) {
      if (pfn < kMaxPfn) pages_[pfn] = *bytes;
    }
    // Nothing stored around the start of the second member.
    for (Pfn pfn = 60; pfn < 70; ++pfn) pages_.erase(pfn);
  }
  [[nodiscard]] RawKdump member(PfnRange range) const {
    RawKdump raw{.status = 1, .codec = find_codec_by_name("zlib")};
    raw.pages = pages_;
    raw.max_pfn = kMaxPfn;
    raw.split = range;
    return raw;
  }
  std::unique_ptr<ByteStore> store(const Bytes& file) {
    const std::string path = dir_.file("member" + std::to_string(++files_));
    test::write_file(path, file);
    auto opened = File::open(path, O_RDONLY);
    return std::move(*PlainStore::open(std::move(*opened)));
  }
  Result<std::unique_ptr<MemorySource>> open(const std::vector<Bytes>& files,
                                             ReadMode mode = ReadMode::map) {
    std::vector<std::unique_ptr<ByteStore>> stores;
    for (const Bytes& file : files) stores.push_back(store(file));
    return open_kdump_set(std::move(stores), mode);
  }
  std::string refusal(const std::vector<Bytes>& files) {
    auto source = open(files);
    return source ? "" : source.message();
  }
  std::map<Pfn, std::optional<Bytes>> expected(std::vector<PfnRange> ranges) const {
    std::map<Pfn, std::optional<Bytes>> in;
    for (const auto& [pfn, bytes] : pages_) {
      for (const PfnRange r : ranges) {
        if (pfn >= r.begin && pfn < r.end) in[pfn] = bytes;
      }
    }
    return in;
  }

  test::TempDir dir_;
  std::map<Pfn, Bytes> pages_;
  int files_ = 0;
};

TEST_F(KdumpSet, MembersInAnyOrderAreOneDump) {
  std::vector<PfnRange> ranges = {{0, 64}, {64, 128}, {128, 192}, {192, 256}};
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    for (int turn = 0; turn < 4; ++turn) {
      std::rotate(ranges.begin(), ranges.begin() + 1, ranges.end());
      if (turn == 2) std::swap(ranges[0], ranges[1]);
      std::vector<Bytes> files;
      for (const PfnRange range : ranges) files.push_back(member(range).build());
      auto source = open(files, mode);
      ASSERT_TRUE(source) << source.message();
      const DumpInfo& info = (*source)->info();
      EXPECT_FALSE(info.incomplete);
      EXPECT_TRUE(info.warnings.empty());
      EXPECT_EQ(info.max_pfn, kMaxPfn);
      EXPECT_EQ(info.codec_flag, 1U);
      for (const std::size_t batch : {1U, 7U, 128U}) {
        const auto read = test::read_all(**source, batch);
        EXPECT_EQ(read.error, "");
        ASSERT_EQ(read.pages, expected({{0, kMaxPfn}}));
      }
    }
  }
}

TEST_F(KdumpSet, PagesOfTwoMembersInTurn) {
  auto source =
      open({member({0, 128}).build(), member({128, 200}).build(), member({200, 256}).build()});
  ASSERT_TRUE(source) << source.message();
  const auto reader = (*source)->reader();
  const auto all = expected({{0, kMaxPfn}});
  test::Random random(3);
  for (int i = 0; i < 500; ++i) {
    const Pfn pfn = random.below(kMaxPfn);
    const auto read = test::read_pages(*reader, std::vector<Pfn>{pfn}, kPage);
    const auto it = all.find(pfn);
    ASSERT_EQ(read.pages.at(pfn), it == all.end() ? std::nullopt : it->second) << pfn;
  }
}

TEST_F(KdumpSet, EveryFlavour) {
  for (const Flavour flavour : test::kFlavours) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      for (const std::uint32_t version : {2U, 3U, 4U, 5U, 6U}) {
        std::vector<Bytes> files;
        for (const PfnRange range : {PfnRange{70, 256}, PfnRange{0, 70}}) {
          RawKdump raw = member(range);
          raw.flavour = flavour;
          raw.order = order;
          raw.version = version;
          files.push_back(raw.build());
        }
        auto source = open(files);
        ASSERT_TRUE(source) << source.message();
        EXPECT_FALSE((*source)->info().incomplete);
        ASSERT_EQ(test::read_all(**source).pages, expected({{0, kMaxPfn}})) << version;
      }
    }
  }
}

TEST_F(KdumpSet, OneMemberAloneHasItsPages) {
  for (const PfnRange range : {PfnRange{0, 64}, PfnRange{64, 128}, PfnRange{128, 256}}) {
    test::write_file(dir_.file("one"), member(range).build());
    auto source = open_dump(dir_.file("one"), ReadMode::map);
    ASSERT_TRUE(source) << source.message();
    EXPECT_TRUE((*source)->info().incomplete);
    ASSERT_FALSE((*source)->info().warnings.empty());
    const std::size_t others = pages_.size() - expected({range}).size();
    if (range.begin == 0) {
      EXPECT_EQ((*source)->info().warnings.front(),
                fmt::format("{} pages of page frames 0x40 to 0x100 are missing: this is one member "
                            "of a split set",
                            others));
    }
    ASSERT_EQ(test::read_all(**source).pages, expected({range}));
    // Memory of the machine is told of all the same.
    EXPECT_EQ(test::stored_pages(**source, false).size(), pages_.size());
    const auto read = test::read_pages(**source, test::stored_pages(**source, false));
    EXPECT_EQ(read.error, "");
  }
}

// makedumpfile cuts on multiples of 1 GiB: a small machine is all in the first member.
TEST_F(KdumpSet, MembersForWhichNothingWasLeft) {
  auto source =
      open({member({256, 256}).build(), member({0, 256}).build(), member({256, 256}).build()});
  ASSERT_TRUE(source) << source.message();
  EXPECT_FALSE((*source)->info().incomplete);
  ASSERT_EQ(test::read_all(**source).pages, expected({{0, kMaxPfn}}));

  test::write_file(dir_.file("one"), member({0, 256}).build());
  auto alone = open_dump(dir_.file("one"), ReadMode::map);
  ASSERT_TRUE(alone) << alone.message();
  EXPECT_FALSE((*alone)->info().incomplete);

  auto none = open({member({256, 256}).build(), member({256, 256}).build()});
  ASSERT_TRUE(none) << none.message();
  EXPECT_TRUE((*none)->info().incomplete);
  EXPECT_TRUE(test::stored_pages(**none).empty());
}

TEST_F(KdumpSet, GapsAreNamed) {
  auto source =
      open({member({192, 256}).build(), member({0, 64}).build(), member({100, 128}).build()});
  ASSERT_TRUE(source) << source.message();
  const DumpInfo& info = (*source)->info();
  EXPECT_TRUE(info.incomplete);
  const auto lost = [&](Pfn begin, Pfn end) {
    return fmt::format(
        "{} pages of page frames {:#x} to {:#x} are missing: no member of the split set that was "
        "given has them",
        expected({{begin, end}}).size(), begin, end);
  };
  EXPECT_EQ(info.warnings, (std::vector{lost(64, 100), lost(128, 192)}));
  ASSERT_EQ(test::read_all(**source).pages, expected({{0, 64}, {100, 128}, {192, 256}}));
  const auto read = test::read_pages(**source, std::vector<Pfn>{50, 80, 99, 110, 150, 255});
  EXPECT_EQ(read.error, "");
  // A gap in which nothing was stored is none.
  auto whole = open({member({0, 60}).build(), member({70, 256}).build()});
  ASSERT_TRUE(whole) << whole.message();
  EXPECT_FALSE((*whole)->info().incomplete);
}

TEST_F(KdumpSet, IncompleteAndTruncatedMembers) {
  RawKdump first = member({0, 128});
  first.status |= 8;
  auto source = open({first.build(), member({128, 256}).build()});
  ASSERT_TRUE(source) << source.message();
  EXPECT_TRUE((*source)->info().incomplete);
  ASSERT_EQ(test::read_all(**source).pages, expected({{0, kMaxPfn}}));

  RawKdump cut = member({128, 256});
  Bytes file = cut.build();
  file.resize(cut.descriptors + 3 * 24 + 5);
  source = open({member({0, 128}).build(), file});
  ASSERT_TRUE(source) << source.message();
  EXPECT_TRUE((*source)->info().incomplete);
  ASSERT_EQ((*source)->info().warnings.size(), 1U);
  EXPECT_NE((*source)->info().warnings[0].find("truncated: "), std::string::npos);
  const auto read = test::read_all(**source);
  EXPECT_NE(read.error, "");
  for (const auto& [pfn, bytes] : expected({{0, 128}})) ASSERT_EQ(read.pages.at(pfn), bytes);
}

TEST_F(KdumpSet, RangesThatOverlapAreRefused) {
  const auto overlaps = [&](PfnRange a, PfnRange b) {
    return refusal({member(a).build(), member(b).build()}).find(" has too ") != std::string::npos;
  };
  EXPECT_TRUE(overlaps({0, 128}, {0, 128}));
  EXPECT_TRUE(overlaps({0, 129}, {128, 256}));
  EXPECT_TRUE(overlaps({128, 256}, {0, 129}));
  EXPECT_TRUE(overlaps({0, 256}, {64, 128}));
  EXPECT_TRUE(overlaps({0, 256}, {64, 64}));
  EXPECT_FALSE(overlaps({0, 128}, {128, 256}));
}

TEST_F(KdumpSet, RangesThatAreNoneAreRefused) {
  for (const PfnRange range :
       {PfnRange{64, 63}, PfnRange{0, 257}, PfnRange{257, 257}, PfnRange{~Pfn{0} - 5, ~Pfn{0}}}) {
    RawKdump raw = member({0, 0});
    Bytes file = raw.build();
    test::poke(file, kPage + 80, range.begin);
    test::poke(file, kPage + 88, range.end);
    EXPECT_NE(refusal({file}).find("member of a split set with page frames"), std::string::npos);
  }
}

TEST_F(KdumpSet, FilesOfDifferentDumpsAreRefused) {
  const Bytes first = member({0, 128}).build();
  const auto other = [&](auto change) {
    RawKdump raw = member({128, 256});
    change(raw);
    return refusal({first, raw.build()});
  };
  const auto differ = [](const std::string& message, std::string_view what) {
    return message.find(fmt::format("not members of one set: they differ in {}", what)) !=
           std::string::npos;
  };
  EXPECT_EQ(other([](RawKdump&) {}), "");
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.order = ByteOrder::big; }), "kind of machine"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.flavour = Flavour::padded32; }), "kind of"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.version = 5; }), "header version"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.utsname[1] = "other"; }), "kernel or machine"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { ++r.seconds; }), "time of the crash"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.dump_level = 31; }), "dump level"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { ++r.max_pfn; }), "number of page frames"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { ++r.cpus; }), "number of CPUs"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.vmcoreinfo = "OSRELEASE=4.9.1\n"; }), "notes"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.pages.erase(r.pages.begin()); }), "bitmaps"));
  EXPECT_TRUE(differ(other([](RawKdump& r) { r.excluded = {65}; }), "bitmaps"));
  const Bytes whole = [&] {
    RawKdump raw = member({0, 0});
    raw.split.reset();
    return raw.build();
  }();
  EXPECT_NE(refusal({first, whole}).find("no member of a split set"), std::string::npos);
  EXPECT_EQ(refusal({whole}), "");
  EXPECT_EQ(refusal({}), "a split set without members");
}

TEST_F(KdumpSet, BitmapsOfManyPages) {
  std::vector<Bytes> files;
  constexpr Pfn kLast = 3'000'000;
  for (const PfnRange range : {PfnRange{0, 128}, PfnRange{128, kLast + 1}}) {
    RawKdump raw = member(range);
    raw.max_pfn = 0;
    raw.pages[kLast] = test::words(kPage, 9);
    files.push_back(raw.build());
  }
  auto source = open(files);
  ASSERT_TRUE(source) << source.message();
  EXPECT_EQ(test::read_pages(**source, std::vector<Pfn>{kLast}).pages.at(kLast),
            test::words(kPage, 9));
  files[1][kPage * 2 + kLast / 8 - 4] ^= std::byte{1};  // bitmap 1, in its last block
  EXPECT_NE(refusal(files).find("differ in bitmaps"), std::string::npos);
}

}  // namespace
}  // namespace vmsift
