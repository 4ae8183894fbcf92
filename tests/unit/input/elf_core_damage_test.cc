// SPDX-License-Identifier: GPL-2.0-or-later
// ELF cores that were cut, before or while they are read.
#include "tests/unit/input/elf_core_fixture.h"
#include "tests/unit/support/emulated.h"

#include <unistd.h>

#include <limits>

namespace vmsift {
namespace {

using test::ElfBuilder;
using test::noise;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

class ElfCoreDamageTest : public test::ElfCoreFixture {};

// Pages that a truncated file lacks are listed and lost, the others are whole.
TEST_F(ElfCoreDamageTest, TruncatedDataAreLostAndNotAbsent) {
  const auto memory = noise(100 * kPage, 1);
  ElfBuilder elf;
  elf.load(0, memory);
  const auto image = elf.build();
  for (const std::size_t kept : {0U, 1U, 17U, 99U}) {
    for (const std::size_t extra : {0U, 1U, 4095U}) {
      auto cut = image;
      cut.resize(elf.data(0) + kept * kPage + extra);
      for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
        const auto source = open(cut, mode);
        ASSERT_NE(source, nullptr);
        EXPECT_TRUE(source->info().incomplete);
        ASSERT_EQ(source->info().warnings.size(), 1U);
        EXPECT_NE(source->info().warnings[0].find(
                      fmt::format("truncated: {} bytes", (100 - kept) * kPage - extra)),
                  std::string::npos)
            << source->info().warnings[0];
        const auto read = test::read_all(*source);
        ASSERT_EQ(read.pages.size(), 100U);
        for (const auto& [pfn, bytes] : read.pages) {
          ASSERT_EQ(bytes.has_value(), pfn < kept) << pfn;
          if (bytes) {
            ASSERT_EQ(std::memcmp(bytes->data(), &memory[pfn * kPage], kPage), 0);
          }
        }
        EXPECT_NE(read.error.find("ends at offset"), std::string::npos) << read.error;
      }
    }
  }
}

TEST_F(ElfCoreDamageTest, APieceOfAnAssembledPageIsLost) {
  ElfBuilder elf;
  elf.load(0, noise(1000, 1)).load(1000, noise(1000, 2));
  auto image = elf.build();
  image.pop_back();
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    const auto source = open(image, mode);
    ASSERT_NE(source, nullptr);
    const auto read = test::read_all(*source);
    EXPECT_EQ(read.pages.at(0), std::nullopt) << "half a page is not the page";
    EXPECT_NE(read.error, "");
  }
}

// File offsets so large that their sum with a size wraps around must not lead to the file's start.
TEST_F(ElfCoreDamageTest, DataAtOffsetsThatWrap) {
  for (const std::uint64_t offset : {kMost - kPage + 1, kMost - 2 * kPage + 1, kMost - 10, kMost,
                                     (std::uint64_t{1} << 63) - kPage, std::uint64_t{1} << 63}) {
    ElfBuilder elf;
    elf.part({.paddr = 0, .data = {}, .memsz = 8 * kPage, .filesz = 8 * kPage, .offset = offset});
    elf.load(100 * kPage, noise(20 * kPage, 1));
    elf.part({.paddr = 200 * kPage + 1, .data = {}, .memsz = 100, .filesz = 100, .offset = offset});
    for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
      const auto source = open(elf.build(), mode);
      ASSERT_NE(source, nullptr);
      EXPECT_TRUE(source->info().incomplete);
      // Once with a window that is nowhere yet, once with one that holds the file's start.
      const auto reader = source->reader();
      for (const bool first : {true, false}) {
        const std::vector<Pfn> pfns = {0, 1, 2, 7, 200};
        const auto read = test::read_pages(*reader, pfns, kPage);
        for (const Pfn pfn : pfns) ASSERT_EQ(read.pages.at(pfn), std::nullopt) << pfn << first;
        EXPECT_NE(read.error, "");
        const std::vector<Pfn> good = {100};
        ASSERT_NE(test::read_pages(*reader, good, kPage).pages.at(100), std::nullopt);
      }
    }
  }
}

class CutWhileMapped : public ElfCoreDamageTest {
 protected:
  static constexpr Pfn kPages = 600;
  static constexpr Pfn kLeft = 333;

  void SetUp() override {
    if (!test::kFaultsAreTold) GTEST_SKIP() << test::kNoFaults;
    memory_ = noise(kPages * kPage, 1);
    ElfBuilder elf;
    elf.part({.paddr = 0, .data = memory_, .gap = 100});
    image_ = elf.build();
    data_ = elf.data(0);
  }
  void cut() const {
    ASSERT_EQ(::truncate(path().c_str(), static_cast<off_t>(data_ + kLeft * kPage)), 0);
  }
  void expect_rest(const test::ReadPages& read) const {
    ASSERT_EQ(read.pages.size(), kPages);
    for (const auto& [pfn, bytes] : read.pages) {
      ASSERT_EQ(bytes.has_value(), pfn < kLeft) << pfn;
      if (bytes) {
        ASSERT_EQ(std::memcmp(bytes->data(), &memory_[pfn * kPage], kPage), 0) << pfn;
      }
    }
    EXPECT_NE(read.error.find("ends at offset"), std::string::npos) << read.error;
  }
  static std::vector<Pfn> all_pages() {
    std::vector<Pfn> pfns(kPages);
    for (Pfn i = 0; i < kPages; ++i) pfns[i] = i;
    return pfns;
  }

  test::Bytes memory_;
  test::Bytes image_;
  std::size_t data_ = 0;
};

TEST_F(CutWhileMapped, OnlyTheMissingPagesAreLost) {
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    const auto source = open(image_, mode);
    ASSERT_NE(source, nullptr);
    const auto reader = source->reader();
    ASSERT_EQ(test::read_pages(*reader, all_pages(), kPage, kPages).error, "");  // maps the file
    cut();
    const auto read = test::read_pages(*reader, all_pages(), kPage);
    expect_rest(read);
    EXPECT_EQ(read.redone, mode == ReadMode::map ? 1U : 0U);
  }
}

TEST_F(CutWhileMapped, EveryReaderOfTheThreadSurvives) {
  const auto source = open(image_, ReadMode::map);
  ASSERT_NE(source, nullptr);
  const auto first = source->reader();
  const auto second = source->reader();
  for (const auto* r : {&first, &second}) {
    ASSERT_EQ(test::read_pages(**r, all_pages(), kPage, kPages).error, "");
  }
  cut();
  expect_rest(test::read_pages(*first, all_pages(), kPage));
  expect_rest(test::read_pages(*second, all_pages(), kPage));
}

}  // namespace
}  // namespace vmsift
