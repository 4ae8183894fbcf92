// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/elf_headers.h"
#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/temp_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

namespace vmsift {
namespace {

using test::Bytes;
using test::elf_note;
using test::text_bytes;

constexpr std::string_view kText = "OSRELEASE=6.1.0\nPAGESIZE=4096\n";

Bytes cpu_note(ByteOrder order = ByteOrder::little) {
  return elf_note("CORE", NT_PRSTATUS, test::noise(336, 4), order);
}
Bytes info_note(ByteOrder order = ByteOrder::little) {
  return elf_note("VMCOREINFO", 0, text_bytes(kText), order);
}
Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& p : parts) test::append(all, p);
  return all;
}

TEST(ParseNotes, CountsCpusAndFindsTheTextInBothOrders) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const auto bytes =
        joined({cpu_note(order), elf_note("QEMU", 0, test::noise(439, 1), order), cpu_note(order),
                info_note(order), elf_note("CORE", NT_PRPSINFO, {}, order)});
    const auto notes = parse_notes(bytes, order);
    EXPECT_EQ(notes.cpus, 2U);
    EXPECT_EQ(notes.vmcoreinfo, kText);
    EXPECT_EQ(notes.bytes, bytes);
    EXPECT_TRUE(notes.warnings.empty());
  }
}

TEST(ParseNotes, NothingAndPaddingAreNoNews) {
  for (const std::size_t size : {0U, 1U, 11U, 12U, 4096U}) {
    const auto notes = parse_notes(test::zeros(size), ByteOrder::little);
    EXPECT_EQ(notes.cpus, 0U);
    EXPECT_TRUE(notes.warnings.empty());
  }
  const auto notes = parse_notes(joined({cpu_note(), test::zeros(500)}), ByteOrder::little);
  EXPECT_EQ(notes.cpus, 1U);
  EXPECT_TRUE(notes.warnings.empty());
}

TEST(ParseNotes, ATornNoteTakesNoneBeforeItAlong) {
  const auto whole = joined({cpu_note(), info_note(), cpu_note()});
  const std::size_t two = cpu_note().size() + info_note().size();
  for (std::size_t size = two + 1; size < whole.size(); ++size) {
    const auto notes = parse_notes(
        Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), ByteOrder::little);
    ASSERT_EQ(notes.cpus, 1U) << size;
    ASSERT_EQ(notes.vmcoreinfo, kText);
    ASSERT_EQ(notes.bytes.size(), two);
    ASSERT_EQ(notes.warnings.size(), 1U);
  }
}

TEST(ParseNotes, SizesThatAreNoneOfThisWorld) {
  for (const std::size_t field : {0U, 4U}) {
    for (const std::uint32_t size : {0xffffffffU, 0xfffffffdU, 0x80000000U, 0x7fffffffU, 400U}) {
      auto bad = info_note();
      test::poke(bad, field, size);
      const auto notes = parse_notes(joined({cpu_note(), bad}), ByteOrder::little);
      EXPECT_EQ(notes.cpus, 1U);
      EXPECT_TRUE(notes.vmcoreinfo.empty());
      EXPECT_EQ(notes.bytes, cpu_note());
      EXPECT_EQ(notes.warnings.size(), 1U);
    }
  }
}

TEST(ParseNotes, NoNameAndOneByteNames) {
  auto nameless = joined({Bytes(12), text_bytes("desc")});
  test::poke(nameless, 4, std::uint32_t{4});
  auto notes = parse_notes(joined({nameless, elf_note("", 1, {}), info_note()}), ByteOrder::little);
  EXPECT_EQ(notes.vmcoreinfo, kText);
  EXPECT_EQ(notes.cpus, 0U);
}

TEST(ParseNotes, TheFirstTextCounts) {
  const auto notes = parse_notes(
      joined({info_note(), elf_note("VMCOREINFO", 0, text_bytes("OSRELEASE=5.10.0\n"))}),
      ByteOrder::little);
  EXPECT_EQ(notes.vmcoreinfo, kText);
}

TEST(ParseNotes, GarbageIsSurvived) {
  test::Random random(17);
  for (int round = 0; round < 2000; ++round) {
    auto bytes = joined({cpu_note(), info_note()});
    for (auto n = random.below(6); n != 0; --n) {
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.next());
    }
    bytes.resize(random.below(bytes.size() + 1));
    const auto notes =
        parse_notes(bytes, random.below(2) != 0 ? ByteOrder::little : ByteOrder::big);
    ASSERT_LE(notes.bytes.size(), bytes.size());
    ASSERT_TRUE(std::equal(notes.bytes.begin(), notes.bytes.end(), bytes.begin()));
  }
}

class ReadNotesTest : public testing::Test {
 protected:
  Result<ElfNotes> read(const Bytes& image, const ElfHeaders& headers) {
    test::write_file(dir_.file("core"), image);
    auto file = File::open(dir_.file("core"), O_RDONLY);
    if (!file) return file.take_error();
    return read_elf_notes(PlainStore(std::move(*file), image.size()), headers);
  }
  static ElfSegment segment(std::uint64_t offset, std::uint64_t size) {
    return {.type = PT_NOTE, .offset = offset, .filesz = size};
  }

  test::TempDir dir_;
};

TEST_F(ReadNotesTest, SeveralSegmentsAreOneListPaddedToFourBytes) {
  auto odd = elf_note("CORE", NT_PRSTATUS, test::noise(5, 1));
  odd.resize(odd.size() - 3);  // a writer that does not pad the last note
  const auto image = joined({odd, info_note()});
  ElfHeaders headers;
  headers.notes = {segment(0, odd.size()), segment(odd.size(), info_note().size())};
  auto notes = read(image, headers);
  ASSERT_TRUE(notes) << notes.message();
  EXPECT_EQ(notes->vmcoreinfo, kText);
  EXPECT_EQ(notes->bytes.size() % 4, 0U);
  const auto again = parse_notes(notes->bytes, ByteOrder::little);
  EXPECT_EQ(again.cpus, notes->cpus);
  EXPECT_EQ(again.vmcoreinfo, kText);
}

TEST_F(ReadNotesTest, ATornSegmentDoesNotTakeTheNextAlong) {
  const auto garbage = test::noise(100, 1);
  ElfHeaders headers;
  headers.notes = {segment(0, garbage.size()), segment(garbage.size(), info_note().size())};
  auto notes = read(joined({garbage, info_note()}), headers);
  ASSERT_TRUE(notes) << notes.message();
  EXPECT_EQ(notes->vmcoreinfo, kText);
  EXPECT_EQ(notes->warnings.size(), 1U);
}

TEST_F(ReadNotesTest, SegmentsThatReachBeyondTheFile) {
  const auto image = joined({info_note(), cpu_note()});
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t offset :
       {std::uint64_t{image.size()}, std::uint64_t{1} << 63, kMost, kMost - 10}) {
    for (const std::uint64_t size : {std::uint64_t{20}, std::uint64_t{1} << 62, kMost}) {
      ElfHeaders headers;
      headers.notes = {segment(offset, size), segment(0, kMost)};
      auto notes = read(image, headers);
      ASSERT_TRUE(notes) << notes.message();
      EXPECT_EQ(notes->vmcoreinfo, kText);
      EXPECT_EQ(notes->cpus, 1U);
      EXPECT_EQ(notes->bytes, image);
      EXPECT_EQ(notes->warnings.size(), 2U);
    }
  }
}

TEST_F(ReadNotesTest, NoMoreThanTheLimitIsTaken) {
  Bytes image;
  const auto big = elf_note("VENDOR", 7, test::noise((1U << 20) - 20, 1));
  ASSERT_EQ(big.size(), 1U << 20);
  for (int i = 0; i < 18; ++i) test::append(image, big);
  ElfHeaders headers;
  headers.notes = {segment(0, 10U << 20), segment(10U << 20, 8U << 20)};
  auto notes = read(image, headers);
  ASSERT_TRUE(notes) << notes.message();
  EXPECT_EQ(notes->bytes.size(), kMaxNoteBytes);
  EXPECT_EQ(notes->warnings.size(), 1U);
}

// Many segments that all name the same garbage must not be read over and over.
TEST_F(ReadNotesTest, GarbageCountsForTheLimitToo) {
  const auto image = test::noise(kMaxNoteBytes, 1);
  ElfHeaders headers;
  headers.notes.assign(20000, segment(0, image.size()));
  const auto start = std::chrono::steady_clock::now();
  auto notes = read(image, headers);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  ASSERT_TRUE(notes) << notes.message();
  EXPECT_LT(notes->warnings.size(), 10U) << "nobody reads a line for each of a million segments";
}

}  // namespace
}  // namespace vmsift
