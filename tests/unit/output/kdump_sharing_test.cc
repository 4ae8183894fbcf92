// SPDX-License-Identifier: GPL-2.0-or-later
// Descriptors of kdump-compressed dumps: which data they share, members of a split set, headers of
// 32-bit kernels, and limits.
#include "src/copy/page_hash.h"
#include "src/output/kdump_writer.h"
#include "tests/unit/output/output_fixture.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/scripted_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace vmsift {
namespace {

using test::Bytes;
using test::Kind;
using test::Machine;
using test::put_machine;
using test::ScriptedSource;

constexpr std::size_t kPage = 4096;

class KdumpSharing : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("dump"); }
  static KdumpSpec spec_for(Pfn max_pfn, const char* codec = "zlib") {
    KdumpSpec spec;
    spec.codec = find_codec_by_name(codec);
    spec.header.status = spec.codec->header_flag;
    EXPECT_TRUE(spec.header.plan(max_pfn, 0));
    spec.share_zero_page = true;
    return spec;
  }
  [[nodiscard]] std::vector<kdump::Descriptor> descriptors(const kdump::Header& header,
                                                           std::size_t count) const {
    const Bytes file = test::read_file(path());
    std::vector<kdump::Descriptor> found;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = header.descriptors_offset() + i * kdump::kDescriptorBytes;
      if (at + kdump::kDescriptorBytes > file.size()) break;
      found.push_back(kdump::decode_descriptor(&file[at], ByteOrder::little));
    }
    return found;
  }
  static test::HowToPut zlib() {
    test::HowToPut how;
    how.codec = find_codec_by_name("zlib");
    how.sharing = {.zeros = true, .fills = true};
    return how;
  }

  test::TempDir dir_;
};

TEST_F(KdumpSharing, EachByteThatFillsPagesHasItsDataOnce) {
  Machine machine(2000);
  machine.source.add(0, 2000);
  for (Pfn pfn = 0; pfn < 2000; ++pfn) {
    machine.kept[pfn] = pfn % 7 == 0 ? Kind::noise : pfn % 7 == 1 ? Kind::zero : Kind::fill;
  }
  for (const char* codec : {"zlib", "lzo", "none"}) {
    const KdumpSpec spec = spec_for(2000, codec);
    auto writer = test::kdump_writer(path(), true, spec);
    ASSERT_TRUE(writer);
    test::HowToPut how = zlib();
    how.codec = spec.codec;
    ASSERT_EQ(put_machine(**writer, machine, how), "");
    const auto all = descriptors(spec.header, 2000);
    std::map<std::byte, std::set<std::uint64_t>> places;
    std::set<std::uint64_t> distinct;
    for (Pfn pfn = 0; pfn < 2000; ++pfn) {
      distinct.insert(all[pfn].offset);
      if (machine.kept[pfn] != Kind::noise) {
        places[machine.bytes(pfn)[0]].insert(all[pfn].offset);
      }
    }
    for (const auto& [fill, offsets] : places) {
      EXPECT_EQ(offsets.size(), 1U) << static_cast<int>(fill);
    }
    EXPECT_EQ(places.size(), 256U);
    EXPECT_EQ(distinct.size(), 256U + 2000 / 7 + 1);
    auto dump = open_dump(path(), ReadMode::map);
    ASSERT_TRUE(dump);
    for (const auto& [pfn, bytes] : test::read_all(**dump).pages) {
      ASSERT_TRUE(bytes && *bytes == machine.bytes(pfn)) << pfn;
    }
  }
}

// Pages of few contents, put with hashes as the copy stage gives them, or worse ones.
TEST_F(KdumpSharing, EqualPagesShareTheirDataAndOthersNever) {
  constexpr Pfn kPages = 1500;
  for (const bool collide : {false, true}) {
    std::map<Pfn, Bytes> pages;
    test::Random random(4);
    for (Pfn pfn = 0; pfn < kPages; ++pfn) {
      pages[pfn] = test::words(kPage, random.below(20));
      if (random.below(3) == 0) pages[pfn] = test::noise(kPage, pfn);
    }
    ScriptedSource source(pages);
    KdumpSpec spec = spec_for(kPages);
    spec.dedup = &source;
    auto writer = test::kdump_writer(path(), true, spec);
    ASSERT_TRUE(writer);
    Bytes bits((kPages + 7) / 8);
    BitSpan(bits).set_range(0, kPages);
    ASSERT_TRUE((*writer)->put_window(0, bits, bits));
    ASSERT_TRUE((*writer)->begin_pages());
    const auto encoder = spec.codec->encoder(kPage);
    for (Pfn pfn = 0; pfn < kPages;) {
      std::vector<Pfn> pfns;
      std::vector<std::uint32_t> sizes;
      std::vector<std::uint64_t> hashes;
      Bytes data;
      for (auto n = 1 + random.below(128); n != 0 && pfn < kPages; --n, ++pfn) {
        Bytes out(kPage + spec.codec->slack(kPage));
        const std::byte* page = pages[pfn].data();
        std::uint32_t size = 0;
        encoder->encode({&page, 1}, out, {&size, 1});
        pfns.push_back(pfn);
        sizes.push_back(size);
        const auto stored = std::span(out).first(size);
        hashes.push_back(collide ? 1 + pfn % 2 : page_hash(stored));
        test::append(data, stored);
      }
      ASSERT_TRUE((*writer)->put_pages({pfns, sizes, data, {}, hashes}));
    }
    ASSERT_TRUE((*writer)->finish(true));
    std::map<std::uint64_t, Bytes> by_place;
    std::uint64_t shared = 0;
    const auto all = descriptors(spec.header, kPages);
    for (Pfn pfn = 0; pfn < kPages; ++pfn) {
      const auto [it, is_new] = by_place.emplace(all[pfn].offset, pages[pfn]);
      ASSERT_EQ(it->second, pages[pfn]) << pfn;
      shared += !is_new;
    }
    EXPECT_EQ((*writer)->shared_pages(), shared);
    if (!collide) {
      std::set<Bytes> distinct;
      for (const auto& [pfn, bytes] : pages) distinct.insert(bytes);
      EXPECT_LT(by_place.size(), distinct.size() + 20) << "some take the place of others";
    }
    auto dump = open_dump(path(), ReadMode::map);
    ASSERT_TRUE(dump);
    const auto read = test::read_all(**dump).pages;
    ASSERT_EQ(read.size(), kPages);
    for (const auto& [pfn, bytes] : read) ASSERT_TRUE(bytes && *bytes == pages[pfn]) << pfn;
  }
}

TEST_F(KdumpSharing, AMemberSaysItsRange) {
  for (const auto abi : {kdump::Abi::bits64, kdump::Abi::packed32, kdump::Abi::padded32}) {
    KdumpSpec spec = spec_for(1000);
    spec.header.abi = abi;
    spec.header.utsname[4] = "armv7l";
    auto writer = test::kdump_writer(path(), true, spec);
    ASSERT_TRUE(writer);
    Bytes bits(125, std::byte{0xff});
    ASSERT_TRUE((*writer)->put_window(0, bits, bits));
    ASSERT_TRUE((*writer)->set_range({128, 256}, 128));
    ASSERT_TRUE((*writer)->begin_pages());
    for (Pfn pfn = 128; pfn < 256; ++pfn) {
      const Bytes page = test::noise(kPage, pfn);
      const auto size = static_cast<std::uint32_t>(kPage);
      ASSERT_TRUE((*writer)->put_pages({{&pfn, 1}, {&size, 1}, page, {}, {}}));
    }
    ASSERT_TRUE((*writer)->finish(true));
    EXPECT_EQ(std::filesystem::file_size(path()),
              spec.header.descriptors_offset() + 128 * 24 + kPage + 128 * kPage)
        << "room for its own descriptors and no others";
    const Bytes file = test::read_file(path());
    auto main = kdump::decode_main(file, file.size());
    ASSERT_TRUE(main) << main.message();
    ASSERT_TRUE(kdump::decode_sub(std::span(file).subspan(kPage), file.size(), *main));
    EXPECT_EQ(main->header.abi, abi);
    EXPECT_TRUE(main->header.split);
    EXPECT_EQ(main->header.start_pfn, 128U);
    EXPECT_EQ(main->header.end_pfn, 256U);
    auto dump = open_dump(path(), ReadMode::map);
    ASSERT_TRUE(dump) << dump.message();
    std::size_t there = 0;
    for (const auto& [pfn, bytes] : test::read_all(**dump).pages) {
      if (!bytes) continue;
      ++there;
      ASSERT_EQ(*bytes, test::noise(kPage, pfn));
    }
    EXPECT_EQ(there, 128U);
  }
}

// As makedumpfile and crash count them; windows and pages are the machine's all the same.
TEST_F(KdumpSharing, PageFramesOfArmAreCountedFromPhysBase) {
  for (const Pfn first : {Pfn{0x800}, Pfn{0x808}, Pfn{0x1000}, Pfn{0x40200}}) {
    SCOPED_TRACE(first);
    const Pfn max_pfn = first + 3001;
    Machine machine(max_pfn);
    machine.source.add(first + 5, max_pfn);
    for (Pfn pfn = first + 7; pfn < max_pfn; pfn += 3) machine.kept[pfn] = test::Kind::words;
    KdumpSpec spec = spec_for(max_pfn, "none");
    spec.header.abi = kdump::Abi::padded32;
    spec.header.utsname[4] = "armv7l";
    spec.header.phys_base = first * kPage;
    spec.header.first_pfn = first;
    ASSERT_TRUE(spec.header.plan(max_pfn, 0));
    EXPECT_EQ(spec.header.bitmap_blocks, 2U);
    auto writer = test::kdump_writer(path(), true, spec);
    ASSERT_TRUE(writer);
    ASSERT_EQ(test::put_machine(**writer, machine), "");

    const Bytes file = test::read_file(path());
    auto main = kdump::decode_main(file, file.size());
    ASSERT_TRUE(main) << main.message();
    ASSERT_TRUE(kdump::decode_sub(std::span(file).subspan(kPage), file.size(), *main));
    EXPECT_EQ(main->header.max_pfn, 3001U);
    Bytes bitmap(file.begin() + 2 * kPage, file.begin() + 3 * kPage);
    EXPECT_FALSE(BitSpan(bitmap).test(4));
    EXPECT_TRUE(BitSpan(bitmap).test(5));
    EXPECT_TRUE(BitSpan(bitmap).test(3000));
    EXPECT_EQ(BitSpan(bitmap).count(), 2996U);

    auto dump = open_dump(path(), ReadMode::map);
    ASSERT_TRUE(dump) << dump.message();
    EXPECT_EQ((*dump)->info().max_pfn, max_pfn);
    const auto read = test::read_all(**dump).pages;
    ASSERT_EQ(read.size(), machine.kept.size());
    for (const auto& [pfn, kind] : machine.kept) ASSERT_EQ(read.at(pfn), machine.bytes(pfn));
  }
}

TEST_F(KdumpSharing, AWindowInFrontOfPhysBaseHasNoBits) {
  KdumpSpec spec = spec_for(0x2000);
  spec.header.first_pfn = 0x808;
  ASSERT_TRUE(spec.header.plan(0x2000, 0));
  auto writer = test::kdump_writer(path(), true, spec);
  ASSERT_TRUE(writer);
  const Bytes all(0x100, std::byte{0xff});
  for (const Pfn window : {0U, 0x800U, 0x1000U}) {
    ASSERT_TRUE((*writer)->put_window(window, all, all));
    Bytes kept(0x100, std::byte{0x55});
    ASSERT_TRUE((*writer)->read_kept(window, kept));
    for (Pfn pfn = window; pfn < window + 0x800; ++pfn) {
      ASSERT_EQ(BitSpan(kept).test(pfn - window), pfn >= 0x808) << pfn;
    }
  }
}

TEST_F(KdumpSharing, NotesStandBehindTheSubHeaderOfEachAbi) {
  for (const auto abi : {kdump::Abi::bits64, kdump::Abi::packed32, kdump::Abi::padded32}) {
    const Bytes notes = test::noise(5000, 3);
    KdumpSpec spec = spec_for(100);
    spec.header.abi = abi;
    ASSERT_TRUE(spec.header.plan(100, notes.size()));
    spec.header.vmcoreinfo_size = 70;
    spec.notes = notes;
    spec.vmcoreinfo_at = 200;
    auto writer = test::kdump_writer(path(), true, spec);
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->begin_pages());
    ASSERT_TRUE((*writer)->finish(true));
    const Bytes file = test::read_file(path());
    const std::size_t at = kPage + kdump::sub_header_bytes(abi);
    EXPECT_TRUE(std::equal(notes.begin(), notes.end(), file.begin() + at));
    EXPECT_EQ(test::peek<std::uint32_t>(file, kdump::status_offset(abi)), 1U);
    auto main = kdump::decode_main(file, file.size());
    ASSERT_TRUE(main) << main.message();
    ASSERT_TRUE(kdump::decode_sub(std::span(file).subspan(kPage), file.size(), *main));
    EXPECT_EQ(main->header.notes_offset, at);
    EXPECT_EQ(main->header.notes_size, notes.size());
    EXPECT_EQ(main->header.vmcoreinfo_offset, at + 200);
  }
}

TEST_F(KdumpSharing, ALimitAtAnyPlaceLeavesDescriptorsOfWhatIsThere) {
  const Machine machine = Machine::random(6, 1500);
  const KdumpSpec spec = spec_for(3000);
  const auto write = [&](std::uint64_t limit) {
    auto sink = FileSink::create(path(), true, limit);
    EXPECT_TRUE(sink);
    auto writer = KdumpWriter::create(std::move(*sink), spec);
    if (!writer) return writer.message();
    return put_machine(**writer, machine, zlib());
  };
  ASSERT_EQ(write(ByteSink::kNoLimit), "");
  const std::uint64_t whole = std::filesystem::file_size(path());
  test::Random random(8);
  std::size_t most = 0;
  for (std::uint64_t limit = 0; limit < whole + 20000; limit += 1 + random.below(whole / 60)) {
    const std::string failure = write(limit);
    ASSERT_EQ(failure.empty(), limit >= whole) << limit << " " << failure;
    if (!std::filesystem::exists(path())) continue;
    const std::uint64_t size = std::filesystem::file_size(path());
    ASSERT_LE(size, limit);
    for (const auto& d : descriptors(spec.header, machine.kept.size())) {
      ASSERT_LE(d.offset + d.size, size) << limit;
    }
    auto dump = open_dump(path(), ReadMode::map);
    if (!dump) continue;
    ASSERT_EQ((*dump)->info().incomplete, !failure.empty());
    std::size_t right = 0;
    for (const auto& [pfn, bytes] : test::read_all(**dump).pages) {
      if (!bytes) continue;
      ASSERT_EQ(*bytes, machine.bytes(pfn)) << pfn << " with limit " << limit;
      ++right;
    }
    ASSERT_GE(right, most) << "more room holds no less";
    most = right;
  }
  EXPECT_GT(most, 500U);
}

}  // namespace
}  // namespace vmsift
