// SPDX-License-Identifier: GPL-2.0-or-later
// The places of all fields are written down here once more, as numbers from the format's
// description: what the code and this file agree on is what other readers expect.
#include "src/kdump/format.h"

#include "tests/unit/support/raw_kdump.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace vmsift::kdump {
namespace {

using test::Bytes;
using test::peek;
using test::poke;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

Header sample() {
  Header h;
  h.utsname = {"Linux", "node", "6.1.0-50-amd64", "#1 SMP", "x86_64", "(none)"};
  h.crash_time = 0x1122334455;
  h.status = 1 | kIncomplete;
  h.cpus = 77;
  h.phys_base = 0xffffffff12345000;
  h.dump_level = 31;
  h.vmcoreinfo_offset = 0x1100;
  h.vmcoreinfo_size = 0x800;
  h.notes_offset = 0x1068;
  h.notes_size = 0x900;
  EXPECT_TRUE(h.plan(0x140000, 0x900));
  return h;
}

TEST(KdumpFormat, MainHeaderFieldsStandWhereReadersLookForThem) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const Header h = sample();
    Bytes block = test::noise(4096, 1);  // must be cleared
    encode_main(h, order, block);
    const auto at = [&](std::size_t offset) { return peek<std::uint32_t>(block, offset, order); };
    EXPECT_EQ(std::memcmp(block.data(), "KDUMP   ", 8), 0);
    EXPECT_EQ(at(8), 6U);  // header_version
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_STREQ(reinterpret_cast<const char*>(&block[12 + 65 * i]), h.utsname[i].c_str());
    }
    EXPECT_EQ(peek<std::uint64_t>(block, 408, order), 0x1122334455U);  // timestamp, seconds
    EXPECT_EQ(peek<std::uint64_t>(block, 416, order), 0U);             // and microseconds
    EXPECT_EQ(at(424), 9U);                                            // status
    EXPECT_EQ(at(428), 4096U);                                         // block_size
    EXPECT_EQ(at(432), 1U);                                            // sub_hdr_size
    EXPECT_EQ(at(436), 2U * 40);    // bitmap_blocks: 0x140000 bits are 40 blocks
    EXPECT_EQ(at(440), 0x140000U);  // max_mapnr
    for (const std::size_t unused : {444U, 448U, 452U, 456U}) EXPECT_EQ(at(unused), 0U);
    EXPECT_EQ(at(460), 77U);  // nr_cpus
    for (std::size_t i = 402; i < 408; ++i) EXPECT_EQ(block[i], std::byte{0});
    for (std::size_t i = 464; i < 4096; ++i) ASSERT_EQ(block[i], std::byte{0});
  }
}

TEST(KdumpFormat, SubHeaderFieldsStandWhereReadersLookForThem) {
  EXPECT_EQ(kSubHeaderBytes, 104U);
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const Header h = sample();
    Bytes sub = test::noise(104, 1);
    encode_sub(h, order, sub);
    const auto at = [&](std::size_t offset) { return peek<std::uint64_t>(sub, offset, order); };
    EXPECT_EQ(at(0), 0xffffffff12345000U);               // phys_base
    EXPECT_EQ(peek<std::uint32_t>(sub, 8, order), 31U);  // dump_level
    EXPECT_EQ(peek<std::uint32_t>(sub, 12, order), 0U);  // split
    EXPECT_EQ(at(16), 0U);                               // start_pfn
    EXPECT_EQ(at(24), 0U);                               // end_pfn
    EXPECT_EQ(at(32), 0x1100U);                          // offset_vmcoreinfo
    EXPECT_EQ(at(40), 0x800U);                           // size_vmcoreinfo
    EXPECT_EQ(at(48), 0x1068U);                          // offset_note
    EXPECT_EQ(at(56), 0x900U);                           // size_note
    EXPECT_EQ(at(64), 0U);                               // offset_eraseinfo
    EXPECT_EQ(at(72), 0U);                               // size_eraseinfo
    EXPECT_EQ(at(80), 0U);                               // start_pfn_64
    EXPECT_EQ(at(88), 0U);                               // end_pfn_64
    EXPECT_EQ(at(96), 0x140000U);                        // max_mapnr_64
  }
}

TEST(KdumpFormat, DescriptorsAreTwentyFourBytes) {
  EXPECT_EQ(kDescriptorBytes, 24U);
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    Bytes raw = test::noise(24, 1);
    encode_descriptor({0x123456789abc, 4095, 0x20}, order, raw.data());
    EXPECT_EQ(peek<std::uint64_t>(raw, 0, order), 0x123456789abcU);
    EXPECT_EQ(peek<std::uint32_t>(raw, 8, order), 4095U);
    EXPECT_EQ(peek<std::uint32_t>(raw, 12, order), 0x20U);
    EXPECT_EQ(peek<std::uint64_t>(raw, 16, order), 0U);
    const Descriptor d = decode_descriptor(raw.data(), order);
    EXPECT_EQ(d.offset, 0x123456789abcU);
    EXPECT_EQ(d.size, 4095U);
    EXPECT_EQ(d.flags, 0x20U);
  }
}

TEST(KdumpFormat, PartsFollowEachOtherInWholeBlocks) {
  Header h;
  ASSERT_TRUE(h.plan(1, 0));
  EXPECT_EQ(h.sub_header_blocks, 1U);
  EXPECT_EQ(h.bitmap_blocks, 2U);
  EXPECT_EQ(h.bitmap1_offset(), 8192U);
  EXPECT_EQ(h.bitmap2_offset(), 12288U);
  EXPECT_EQ(h.descriptors_offset(), 16384U);
  ASSERT_TRUE(h.plan(4096 * 8, 4096 - 104));
  EXPECT_EQ(h.sub_header_blocks, 1U);
  EXPECT_EQ(h.bitmap_blocks, 2U);
  ASSERT_TRUE(h.plan(4096 * 8 + 1, 4096 - 103));
  EXPECT_EQ(h.sub_header_blocks, 2U);
  EXPECT_EQ(h.bitmap_blocks, 4U);
  h.block_size = 65536;
  ASSERT_TRUE(h.plan(65536 * 8 + 1, 0));
  EXPECT_EQ(h.bitmap_blocks, 4U);
  EXPECT_EQ(h.bitmap1_offset(), 2U * 65536);
}

TEST(KdumpFormat, MachinesThatTheFormatCannotDescribe) {
  Header h;
  const Header untouched = h;
  constexpr std::uint64_t kMostPages = ((std::uint64_t{1} << 30) - 1) * 4096 * 8;
  EXPECT_TRUE(h.plan(kMostPages, 0));
  EXPECT_EQ(h.bitmap_blocks, 0x7ffffffeU);
  for (const auto& [pages, notes] :
       {std::pair{kMostPages + 1, std::uint64_t{0}}, std::pair{kMost, std::uint64_t{0}},
        std::pair{std::uint64_t{1}, std::uint64_t{1} << 60}, std::pair{std::uint64_t{1}, kMost},
        std::pair{std::uint64_t{1}, kMost - 103}, std::pair{std::uint64_t{1}, kMost - 104}}) {
    h = untouched;
    EXPECT_FALSE(h.plan(pages, notes)) << pages << " " << notes;
    EXPECT_EQ(h.max_pfn, untouched.max_pfn);
    EXPECT_EQ(h.bitmap_blocks, untouched.bitmap_blocks);
  }
}

TEST(KdumpFormat, ManyPagesAreCutInTheOldFieldOnly) {
  Header h;
  ASSERT_TRUE(h.plan(std::uint64_t{1} << 36, 0));
  Bytes block(4096);
  Bytes sub(104);
  encode_main(h, ByteOrder::little, block);
  encode_sub(h, ByteOrder::little, sub);
  EXPECT_EQ(peek<std::uint32_t>(block, 440), 0xffffffffU);
  EXPECT_EQ(peek<std::uint64_t>(sub, 96), std::uint64_t{1} << 36);
}

TEST(KdumpFormat, LongNamesAreCutAndEndWithZero) {
  Header h = sample();
  h.utsname.fill(std::string(200, 'x'));
  Bytes block(4096);
  encode_main(h, ByteOrder::little, block);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(&block[12 + 65 * i])),
              std::string(64, 'x'));
  }
  EXPECT_EQ(block[402], std::byte{0});
}

TEST(KdumpFormat, SignaturesOfFilesThatAreRead) {
  EXPECT_TRUE(has_signature(test::text_bytes("KDUMP   ")));
  EXPECT_TRUE(has_signature(test::text_bytes("VMSIFT  ....")));
  EXPECT_FALSE(has_signature(test::text_bytes("KDUMP  ")));
  EXPECT_FALSE(has_signature(test::text_bytes("DISKDUMP")));
  EXPECT_FALSE(has_signature({}));
}

// Against files that were put together byte by byte.
TEST(KdumpFormat, HeadersOfEveryFlavourAreEncodedByteForByte) {
  for (const test::Flavour flavour : test::kFlavours) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      for (std::uint32_t version = 0; version <= 6; ++version) {
        for (const bool split : {false, true}) {
          test::RawKdump raw{.flavour = flavour, .order = order, .version = version, .status = 9};
          raw.pages = {{3, test::words(4096, 1)}, {70000, test::words(4096, 2)}};
          if (split && version >= 2) raw.split = PfnRange{0x40, 0x11171};
          raw.eraseinfo = "erase x\n";
          const Bytes file = raw.build();
          Header h;
          h.abi = static_cast<Abi>(flavour);
          h.version = version;
          h.utsname = {"Linux", "node", "4.9.0", "#1", "machine", "(none)"};
          h.crash_time = 1700000000;
          h.status = 9;
          h.cpus = 3;
          h.phys_base = 0x200000;
          h.dump_level = 17;
          h.split = split;
          h.start_pfn = split ? 0x40 : 0;
          h.end_pfn = split ? 0x11171 : 0;
          const std::size_t sub_end = test::places(flavour).sub_end;
          const std::size_t notes = raw.notes().size();
          h.notes_offset = 4096 + sub_end;
          h.notes_size = notes;
          h.vmcoreinfo_offset = 4096 + sub_end + notes - 32;  // the text, padded
          h.vmcoreinfo_size = raw.vmcoreinfo.size();
          h.eraseinfo_offset = file.size() - 8;
          h.eraseinfo_size = 8;
          ASSERT_TRUE(h.plan(70001, notes));
          EXPECT_EQ(h.descriptors_offset(), raw.descriptors);
          Bytes block(4096);
          Bytes sub = test::noise(h.sub_header_bytes(), 1);
          encode_main(h, order, block);
          encode_sub(h, order, sub);
          SCOPED_TRACE(static_cast<int>(flavour) * 100 + static_cast<int>(version));
          ASSERT_EQ(block, Bytes(file.begin(), file.begin() + 4096));
          ASSERT_EQ(sub, Bytes(file.begin() + 4096,
                               file.begin() + 4096 + static_cast<std::ptrdiff_t>(sub_end)));
        }
      }
    }
  }
}

TEST(KdumpFormat, SizesOfEveryLayout) {
  EXPECT_EQ(main_header_bytes(Abi::bits64), 464U);
  EXPECT_EQ(main_header_bytes(Abi::packed32), 452U);
  EXPECT_EQ(main_header_bytes(Abi::padded32), 452U);
  EXPECT_EQ(sub_header_bytes(Abi::bits64), 104U);
  EXPECT_EQ(sub_header_bytes(Abi::packed32), 80U);
  EXPECT_EQ(sub_header_bytes(Abi::padded32), 96U);
  EXPECT_EQ(abi_of_elf(true, 62), Abi::bits64);     // x86_64
  EXPECT_EQ(abi_of_elf(false, 3), Abi::packed32);   // i386
  EXPECT_EQ(abi_of_elf(false, 40), Abi::padded32);  // arm
  EXPECT_EQ(abi_of_elf(false, 20), Abi::padded32);  // ppc
  EXPECT_EQ(abi_of_elf(false, 42), Abi::packed32);  // sh
  EXPECT_EQ(abi_of_elf(false, 8), Abi::padded32);   // mips
  EXPECT_EQ(abi_of_elf(true, 8), Abi::bits64);      // mips64
  EXPECT_EQ(abi_of_elf(true, 22), Abi::bits64);     // s390x
  EXPECT_EQ(abi_of_elf(true, 3), Abi::packed32);    // i386 with PAE
  EXPECT_EQ(abi_of_elf(true, 40), Abi::padded32);   // arm with LPAE
  EXPECT_EQ(abi_of_elf(false, 62), Abi::bits64);    // kexec --elf32-core-headers
  EXPECT_EQ(abi_of_elf(true, 0xfeed), Abi::bits64);
  EXPECT_EQ(abi_of_elf(false, 0xfeed), Abi::padded32);
  Header h;
  h.abi = Abi::packed32;
  ASSERT_TRUE(h.plan(1, 4096 - 80));
  EXPECT_EQ(h.sub_header_blocks, 1U);
  ASSERT_TRUE(h.plan(1, 4096 - 79));
  EXPECT_EQ(h.sub_header_blocks, 2U);
}

// What 32 bits cannot hold is cut to the most that they can.
TEST(KdumpFormat, WideValuesInNarrowFields) {
  Header h = sample();
  h.abi = Abi::packed32;
  h.start_pfn = std::uint64_t{1} << 33;
  Bytes block(4096);
  Bytes sub(80);
  encode_main(h, ByteOrder::little, block);
  encode_sub(h, ByteOrder::little, sub);
  EXPECT_EQ(peek<std::uint32_t>(block, 404), 0xffffffffU);  // seconds
  EXPECT_EQ(peek<std::uint32_t>(sub, 0), 0xffffffffU);      // phys_base
  EXPECT_EQ(peek<std::uint32_t>(sub, 12), 0xffffffffU);     // start_pfn
  EXPECT_EQ(peek<std::uint64_t>(sub, 56), std::uint64_t{1} << 33);
}

TEST(KdumpFormat, WhatWasEncodedIsDecoded) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (const std::uint32_t block_size : {4096U, 16384U, 65536U, 262144U}) {
      for (const bool is_private : {false, true}) {
        Header h = sample();
        h.block_size = block_size;
        h.is_private = is_private;
        ASSERT_TRUE(h.plan(std::uint64_t{1} << 33, 0x900));
        Bytes block(block_size);
        Bytes sub(kSubHeaderBytes);
        encode_main(h, order, block);
        encode_sub(h, order, sub);
        auto main = decode_main(block, h.descriptors_offset());
        ASSERT_TRUE(main) << main.message();
        ASSERT_TRUE(decode_sub(sub, h.descriptors_offset(), *main));
        const Header& d = main->header;
        EXPECT_EQ(main->order, order);
        EXPECT_EQ(d.is_private, is_private);
        EXPECT_EQ(d.utsname, h.utsname);
        EXPECT_EQ(d.crash_time, h.crash_time);
        EXPECT_EQ(d.status, h.status);
        EXPECT_EQ(d.block_size, block_size);
        EXPECT_EQ(d.descriptors_offset(), h.descriptors_offset());
        EXPECT_EQ(d.cpus, h.cpus);
        EXPECT_EQ(d.phys_base, h.phys_base);
        EXPECT_EQ(d.dump_level, h.dump_level);
        EXPECT_EQ(d.vmcoreinfo_offset, h.vmcoreinfo_offset);
        EXPECT_EQ(d.vmcoreinfo_size, h.vmcoreinfo_size);
        EXPECT_EQ(d.notes_offset, h.notes_offset);
        EXPECT_EQ(d.notes_size, h.notes_size);
        EXPECT_EQ(d.max_pfn, h.max_pfn);
        // One byte less, and the bitmaps are not whole.
        EXPECT_FALSE(decode_sub(sub, h.descriptors_offset() - 1, *main));
      }
    }
  }
}

TEST(KdumpFormat, HeadersThatAreRefusedSayWhy) {
  const Header h = sample();
  const std::uint64_t size = h.descriptors_offset();
  Bytes block(4096);
  Bytes sub(kSubHeaderBytes);
  encode_main(h, ByteOrder::little, block);
  encode_sub(h, ByteOrder::little, sub);
  const auto message = [&](const Bytes& b, const Bytes& s) {
    auto main = decode_main(b, size);
    if (!main) return main.message();
    const auto decoded = decode_sub(s, size, *main);
    return decoded ? std::string() : decoded.message();
  };
  const auto main_with = [&](std::size_t at, auto value) {
    Bytes bad = block;
    poke(bad, at, value);
    return message(bad, sub);
  };
  const auto sub_with = [&](std::size_t at, auto value) {
    Bytes bad = sub;
    poke(bad, at, value);
    return message(block, bad);
  };
  EXPECT_EQ(message(block, sub), "");
  EXPECT_EQ(message(Bytes(block.begin(), block.begin() + 463), sub),
            "truncated kdump-compressed header");
  EXPECT_EQ(main_with(0, 0x7f454c46U), "no kdump-compressed dump");
  EXPECT_EQ(main_with(8, 7U), "kdump-compressed header version 7, 0 to 6 are read");
  for (const std::uint32_t bad : {0U, 1U, 2048U, 4095U, 4097U, 1U << 19, 0xffffffffU}) {
    EXPECT_NE(main_with(428, bad).find("block size"), std::string::npos) << bad;
  }
  EXPECT_NE(main_with(436, 81U).find("truncated"), std::string::npos);  // odd
  EXPECT_NE(main_with(436, 82U).find("truncated"), std::string::npos);  // not in the file
  EXPECT_NE(main_with(436, 78U).find("do not fit in bitmaps"), std::string::npos);
  EXPECT_NE(main_with(432, 0xffffffffU).find("truncated"), std::string::npos);
  EXPECT_NE(sub_with(96, std::uint64_t{0}).find("do not fit"), std::string::npos);
  EXPECT_NE(sub_with(96, std::uint64_t{0x140001}).find("do not fit"), std::string::npos);
  EXPECT_NE(sub_with(96, kMost).find("at most 1099511627776 are read"), std::string::npos);
  EXPECT_EQ(main_with(432, 0U), "no room for the sub header");
  for (const std::size_t field : {32U, 40U, 48U, 56U}) {
    EXPECT_EQ(sub_with(field, kMost), "notes outside of the file") << field;
    EXPECT_EQ(sub_with(field, size), "notes outside of the file") << field;
  }
}

}  // namespace
}  // namespace vmsift::kdump
