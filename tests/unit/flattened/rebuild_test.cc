// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/flattened/rebuild.h"

#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/flat_builder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace vmsift::flattened {
namespace {

using test::Bytes;
using test::noise;
using test::Random;

File new_file() {
  return File(::memfd_create("dump", MFD_CLOEXEC), "dump");
}

Bytes contents(const File& file) {
  Bytes bytes(*file.size());
  EXPECT_TRUE(file.read_exactly(0, bytes).ok());
  return bytes;
}

std::uint32_t number_at(const File& file, std::uint64_t offset, ByteOrder order) {
  Bytes bytes(4);
  EXPECT_TRUE(file.read_exactly(offset, bytes).ok());
  return test::peek<std::uint32_t>(bytes, 0, order);
}

// A main header, as far as the mark is concerned. 32-bit kernels have these fields 12 bytes
// further to the front.
Bytes kdump_header(bool wide, ByteOrder order, std::uint32_t status = 0) {
  Bytes bytes(4096);
  std::memcpy(bytes.data(), "KDUMP   ", 8);
  test::poke(bytes, 8, std::uint32_t{6}, order);
  const std::size_t at = wide ? 424 : 412;
  test::poke(bytes, at, status, order);
  test::poke(bytes, at + 4, std::uint32_t{4096}, order);
  test::poke(bytes, at + 8, std::uint32_t{1}, order);
  test::poke(bytes, at + 12, std::uint32_t{4}, order);
  return bytes;
}

TEST(Rebuild, RecordsGoWhereTheyBelong) {
  Random random(1);
  for (int round = 0; round < 20; ++round) {
    const File file = new_file();
    Rebuild rebuild(file);
    Bytes expected;
    for (int i = 0; i < 30; ++i) {
      const std::uint64_t at = random.below(1'000'000);
      const std::size_t size = 1 + random.below(300'000);
      const Bytes bytes = random.below(2) != 0 ? test::zeros(size) : noise(size, random.next());
      if (expected.size() < at + size) expected.resize(at + size);
      std::copy(bytes.begin(), bytes.end(), expected.begin() + static_cast<std::ptrdiff_t>(at));
      ASSERT_TRUE(rebuild.put(at, bytes).ok());
    }
    ASSERT_TRUE(rebuild.finish().ok());
    ASSERT_EQ(contents(file), expected);
  }
}

TEST(Rebuild, ZerosAreHoles) {
  const File file = new_file();
  Rebuild rebuild(file);
  ASSERT_TRUE(rebuild.put(0, noise(4096, 1)).ok());
  for (std::uint64_t at = 4096; at < 64U << 20; at += 1U << 20) {
    ASSERT_TRUE(rebuild.put(at, test::zeros(1U << 20)).ok());
  }
  ASSERT_TRUE(rebuild.finish().ok());
  struct stat st;
  ASSERT_EQ(::fstat(file.fd(), &st), 0);
  EXPECT_EQ(st.st_size, (64 << 20) + 4096);
  EXPECT_LT(st.st_blocks * 512, 12 << 20);
}

TEST(Rebuild, TheMarkIsThereUntilAllIs) {
  for (const bool wide : {true, false}) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      const std::uint64_t at = wide ? 424 : 412;
      const File file = new_file();
      Rebuild rebuild(file);
      const Bytes header = kdump_header(wide, order, 4);
      ASSERT_TRUE(rebuild.put(0, header).ok());
      EXPECT_EQ(number_at(file, at, order), 12U);
      ASSERT_TRUE(rebuild.put(8192, noise(100, 1)).ok());
      ASSERT_TRUE(rebuild.put(0, std::span(header).first(416)).ok());  // a part of it once more
      EXPECT_EQ(number_at(file, at, order), 12U);
      ASSERT_TRUE(rebuild.finish().ok());
      EXPECT_EQ(number_at(file, at, order), 4U);
    }
  }
}

TEST(Rebuild, TheLastWordOfTheStreamIsKept) {
  for (const std::uint32_t last : {0U, 8U, 12U, 32U}) {
    const File file = new_file();
    Rebuild rebuild(file);
    const Bytes header = kdump_header(true, ByteOrder::little);
    ASSERT_TRUE(rebuild.put(0, std::span(header).first(424)).ok());
    ASSERT_TRUE(rebuild.put(428, std::span(header).subspan(428)).ok());
    EXPECT_EQ(number_at(file, 424, ByteOrder::little), 8U);
    Bytes status(4);
    test::poke(status, 0, last);
    ASSERT_TRUE(rebuild.put(424, std::span(status).first(1)).ok());
    ASSERT_TRUE(rebuild.put(425, std::span(status).subspan(1)).ok());
    EXPECT_EQ(number_at(file, 424, ByteOrder::little), last | 8U);
    ASSERT_TRUE(rebuild.finish().ok());
    EXPECT_EQ(number_at(file, 424, ByteOrder::little), last);
  }
}

TEST(IncompleteMark, AKdumpGetsItAndRoomForItsBitmaps) {
  for (const bool wide : {true, false}) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      const File file = new_file();
      ASSERT_TRUE(file.write_at(0, kdump_header(wide, order, 2)).ok());
      const auto marked = mark_incomplete(file);
      ASSERT_TRUE(marked.ok());
      EXPECT_TRUE(*marked);
      EXPECT_EQ(number_at(file, wide ? 424 : 412, order), 10U);
      EXPECT_EQ(*file.size(), 6U * 4096);
    }
  }
}

TEST(IncompleteMark, WhatNoReaderWouldOpenIsLeftAlone) {
  for (const Bytes& bytes :
       {Bytes{}, noise(5000, 1), test::zeros(5000), test::text_bytes("KDUMP   "),
        test::text_bytes("\x7f"
                         "ELF")}) {
    const File file = new_file();
    ASSERT_TRUE(file.write_at(0, bytes).ok());
    const auto marked = mark_incomplete(file);
    ASSERT_TRUE(marked.ok());
    EXPECT_FALSE(*marked);
    EXPECT_EQ(contents(file), bytes);
  }
  // Sizes that no dump has.
  for (const std::size_t at : {428U, 432U, 436U}) {
    for (const std::uint32_t value : {0U, 0xffffffffU, 4097U}) {
      Bytes bytes = kdump_header(true, ByteOrder::little);
      if (at == 436 && value != 0) continue;  // any count of bitmap blocks will do
      if (at == 432 && value == 4097U) continue;
      test::poke(bytes, at, value);
      EXPECT_FALSE(find_mark(std::span(bytes).first(kMarkBytes))) << at << " " << value;
    }
  }
}

// A core of which some program headers, and the count of them, have not arrived.
TEST(IncompleteMark, AnElfCoreCountsTheHeadersThatAreThere) {
  for (const bool elf32 : {true, false}) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      for (std::size_t arrived = 0; arrived <= 4; ++arrived) {
        test::ElfBuilder elf({.order = order, .elf32 = elf32});
        elf.notes(noise(20, 1))
            .load(0, noise(100, 2))
            .load(4096, noise(100, 3))
            .load(9, noise(9, 4));
        Bytes image = elf.build();
        const test::ElfShape& shape = elf32 ? test::kElf32Shape : test::kElf64Shape;
        std::fill(image.begin() + static_cast<std::ptrdiff_t>(elf.phdr(arrived)),
                  image.begin() + static_cast<std::ptrdiff_t>(elf.phdr(4)), std::byte{0});
        for (const bool counted : {true, false}) {
          if (!counted) test::poke(image, shape.phnum, std::uint16_t{0}, order);
          const File file = new_file();
          ASSERT_TRUE(file.write_at(0, image).ok());
          const auto marked = mark_incomplete(file);
          ASSERT_TRUE(marked.ok());
          EXPECT_EQ(*marked, arrived != 0);
          if (!*marked) continue;
          const Bytes after = contents(file);
          EXPECT_EQ(test::peek<std::uint16_t>(after, shape.phnum, order), arrived);
          EXPECT_EQ(test::peek<std::uint32_t>(after, shape.flags, order), 1U);
        }
      }
    }
  }
}

TEST(IncompleteMark, ManyProgramHeadersAreCountedInTheSectionHeader) {
  test::ElfBuilder elf({.section_headers_first = true, .extended_count = true});
  constexpr std::size_t kParts = 70'000;
  for (std::size_t i = 0; i < kParts; ++i) {
    elf.part({.paddr = i * 4096, .offset = kParts * 56 + 4096});
  }
  Bytes image = elf.build();
  const std::size_t info = test::kEhdrBytes + test::kElf64Shape.sh_info;
  for (const std::size_t arrived :
       {std::size_t{66'000}, std::size_t{65'535}, std::size_t{65'534}}) {
    std::fill(image.begin() + static_cast<std::ptrdiff_t>(elf.phdr(arrived)), image.end(),
              std::byte{0});
    const File file = new_file();
    ASSERT_TRUE(file.write_at(0, image).ok());
    ASSERT_TRUE(mark_incomplete(file).ok());
    const Bytes after = contents(file);
    const auto phnum = test::peek<std::uint16_t>(after, test::kElf64Shape.phnum);
    if (arrived < PN_XNUM) {
      EXPECT_EQ(phnum, arrived);
    } else {
      EXPECT_EQ(phnum, PN_XNUM);
      EXPECT_EQ(test::peek<std::uint32_t>(after, info), arrived);
    }
  }
}

TEST(IncompleteMark, HostileElfHeaders) {
  Random random(3);
  test::ElfBuilder elf;
  elf.notes(noise(20, 1)).load(0, noise(100, 2));
  const Bytes image = elf.build();
  for (int i = 0; i < 2000; ++i) {
    Bytes bad = image;
    for (int k = 0; k < 3; ++k) bad[random.below(200)] = static_cast<std::byte>(random.next());
    const File file = new_file();
    ASSERT_TRUE(file.write_at(0, bad).ok());
    const auto marked = mark_incomplete(file);
    ASSERT_TRUE(marked.ok() || !marked.message().empty());
    ASSERT_LE(*file.size(), std::uint64_t{1} << 33);
  }
}

}  // namespace
}  // namespace vmsift::flattened
