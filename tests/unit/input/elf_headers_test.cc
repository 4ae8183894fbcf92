// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/elf_headers.h"

#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/temp_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace vmsift {
namespace {

using test::Bytes;
using test::ElfBuilder;
using test::ElfLayout;

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

class ElfHeadersTest : public testing::Test {
 protected:
  Result<ElfHeaders> read(const Bytes& image) {
    test::write_file(dir_.file("core"), image);
    auto file = File::open(dir_.file("core"), O_RDONLY);
    if (!file) return file.take_error();
    return read_elf_headers(PlainStore(std::move(*file), image.size()));
  }
  // Every error names the file, and says what the test names.
  void expect_error(const Bytes& image, const std::string& what) {
    auto headers = read(image);
    ASSERT_FALSE(headers) << what;
    EXPECT_NE(headers.message().find(what), std::string::npos) << headers.message();
    EXPECT_NE(headers.message().find(dir_.file("core")), std::string::npos) << headers.message();
    EXPECT_EQ(headers.message().find('\n'), std::string::npos);
  }

  test::TempDir dir_;
};

ElfBuilder two_loads(ElfLayout layout = {}) {
  ElfBuilder elf(layout);
  elf.notes(test::elf_note("CORE", NT_PRSTATUS, test::zeros(8), layout.order));
  elf.part({.paddr = 0x1000, .data = test::words(kPage, 1), .vaddr = 0xffff888000001000});
  elf.part({.paddr = 0x100000000, .data = test::words(kPage, 2), .memsz = 3 * kPage});
  return elf;
}

TEST_F(ElfHeadersTest, EveryLayoutAndByteOrderReadsTheSame) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (const ElfLayout layout :
         {ElfLayout{}, ElfLayout{.program_headers_last = true},
          ElfLayout{.section_headers_first = true, .extended_count = true},
          ElfLayout{.program_headers_last = true, .extended_count = true},
          ElfLayout{.extended_count = true}, ElfLayout{.program_header_gap = 12345},
          ElfLayout{.program_headers_last = true, .program_header_gap = 3}}) {
      ElfLayout with_order = layout;
      with_order.order = order;
      with_order.machine = EM_S390;
      auto elf = two_loads(with_order);
      auto headers = read(elf.build());
      ASSERT_TRUE(headers) << headers.message();
      EXPECT_EQ(headers->machine, EM_S390);
      EXPECT_EQ(headers->order, order);
      ASSERT_EQ(headers->notes.size(), 1U);
      ASSERT_EQ(headers->loads.size(), 2U);
      EXPECT_EQ(headers->loads[0].vaddr, 0xffff888000001000U);
      EXPECT_EQ(headers->loads[0].offset, elf.data(1));
      EXPECT_EQ(headers->loads[1].paddr, 0x100000000U);
      EXPECT_EQ(headers->loads[1].filesz, kPage);
      EXPECT_EQ(headers->loads[1].memsz, 3 * kPage);
    }
  }
}

TEST_F(ElfHeadersTest, MoreSegmentsThanTheCountCanHold) {
  ElfBuilder elf({.section_headers_first = true});
  for (std::uint64_t i = 0; i < 70000; ++i) elf.part({.paddr = i * kPage, .memsz = kPage});
  auto headers = read(elf.build());
  ASSERT_TRUE(headers) << headers.message();
  ASSERT_EQ(headers->loads.size(), 70000U);
  EXPECT_EQ(headers->loads[69999].paddr, 69999 * kPage);
}

TEST_F(ElfHeadersTest, ExtendedCountWithoutAPlaceForIt) {
  const auto image = [] {
    auto elf = two_loads();
    auto bytes = elf.build();
    test::poke(bytes, test::ehdr_at::kPhnum, std::uint16_t{PN_XNUM});
    return bytes;
  }();
  expect_error(image, "PN_XNUM without a section header");
  for (const std::uint64_t offset :
       {std::uint64_t{image.size()} - 10, kMost, kMost - 63, std::uint64_t{1} << 62}) {
    auto bad = image;
    test::poke(bad, test::ehdr_at::kShoff, offset);
    expect_error(bad, "first section header");
  }
}

TEST_F(ElfHeadersTest, AbsurdCounts) {
  auto elf = two_loads({.extended_count = true});
  const auto image = elf.build();
  const auto at =
      static_cast<std::size_t>(test::peek<std::uint64_t>(image, test::ehdr_at::kShoff)) + 44;
  for (const std::uint32_t count : {0U, 0xffffffffU, (1U << 20) + 1}) {
    auto bad = image;
    test::poke(bad, at, count);
    expect_error(bad, "program headers, 1 to 1048576 are accepted");
  }
  auto bad = image;
  test::poke(bad, at, 1U << 20);
  expect_error(bad, "truncated: 1048576 program headers");
  auto none = two_loads().build();
  test::poke(none, test::ehdr_at::kPhnum, std::uint16_t{0});
  expect_error(none, "0 program headers");
}

TEST_F(ElfHeadersTest, ProgramHeadersOutsideOfTheFile) {
  auto elf = two_loads();
  const auto image = elf.build();
  for (const std::uint64_t offset : {std::uint64_t{image.size()} - 100, std::uint64_t{image.size()},
                                     kMost, kMost - 167, std::uint64_t{1} << 63}) {
    auto bad = image;
    test::poke(bad, test::ehdr_at::kPhoff, offset);
    expect_error(bad, "truncated: 3 program headers");
  }
}

TEST_F(ElfHeadersTest, FilesThatEndWithinTheHeaders) {
  auto elf = two_loads();
  const auto image = elf.build();
  for (std::size_t size = 0; size < test::kEhdrBytes + 3 * test::kPhdrBytes; ++size) {
    const Bytes cut(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size));
    expect_error(cut, size < 4                  ? "not an ELF file"
                      : size < test::kEhdrBytes ? "truncated ELF header"
                                                : "truncated: 3 program headers");
  }
}

TEST_F(ElfHeadersTest, WhatIsNoCore) {
  auto elf = two_loads();
  const auto image = elf.build();
  const auto with = [&](std::size_t at, auto value) {
    auto bad = image;
    test::poke(bad, at, value);
    return bad;
  };
  expect_error(with(0, std::uint8_t{0x7e}), "not an ELF file");
  expect_error(with(test::ehdr_at::kClass, std::uint8_t{3}), "unknown ELF class 3");
  expect_error(with(test::ehdr_at::kClass, std::uint8_t{0}), "unknown ELF class 0");
  expect_error(with(test::ehdr_at::kClass, std::uint8_t{ELFCLASS32}), "program headers of");
  expect_error(with(test::ehdr_at::kData, std::uint8_t{0}), "unknown ELF byte order 0");
  expect_error(with(test::ehdr_at::kData, std::uint8_t{3}), "unknown ELF byte order 3");
  expect_error(with(test::ehdr_at::kType, std::uint16_t{ET_EXEC}), "not a core");
  expect_error(with(test::ehdr_at::kPhentsize, std::uint16_t{0}), "program headers of 0 bytes");
  expect_error(with(test::ehdr_at::kPhentsize, std::uint16_t{32}), "program headers of 32 bytes");
}

}  // namespace
}  // namespace vmsift
