// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/elf_core.h"
#include "tests/unit/input/elf_core_fixture.h"

#include <limits>

namespace vmsift {
namespace {

using test::Bytes;
using test::ElfBuilder;
using test::ElfLayout;
using test::ElfPart;
using test::noise;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

class ElfCoreTest : public test::ElfCoreFixture {};

TEST_F(ElfCoreTest, AWholeMachineInEveryLayout) {
  const std::vector<ElfPart> parts = {
      {.type = PT_NOTE, .data = test::elf_note("CORE", NT_PRSTATUS, noise(336, 9))},
      {.paddr = 0, .data = noise(160 * kPage, 1)},
      {.paddr = 0x100000, .data = noise(300 * kPage, 2)},
      {.paddr = 0x40000000, .data = noise(10 * kPage, 3), .memsz = 12 * kPage},
  };
  for (const ElfLayout layout :
       {ElfLayout{}, ElfLayout{.section_headers_first = true, .extended_count = true},
        ElfLayout{.program_headers_last = true}, ElfLayout{.program_header_gap = 4096 - 64}}) {
    expect_machine(parts, layout);
  }
}

TEST_F(ElfCoreTest, TellsWhatTheHeadersSay) {
  ElfBuilder elf({.machine = EM_AARCH64});
  elf.notes(test::elf_note("CORE", NT_PRSTATUS, noise(336, 9)));
  elf.notes(test::elf_note("VMCOREINFO", 0, test::text_bytes("OSRELEASE=6.1.0\n")));
  elf.part({.paddr = 0x40000000,
            .data = noise(kPage, 1),
            .vaddr = 0xffff000000000000,
            .memsz = 2 * kPage});
  const auto source = open(elf.build(), ReadMode::map);
  ASSERT_NE(source, nullptr);
  const DumpInfo& info = source->info();
  EXPECT_EQ(info.path, path());
  EXPECT_EQ(info.format, "ELF core");
  EXPECT_EQ(info.machine, EM_AARCH64);
  EXPECT_EQ(info.cpus, 1U);
  EXPECT_EQ(info.vmcoreinfo, "OSRELEASE=6.1.0\n");
  EXPECT_EQ(info.max_pfn, 0x40002U);
  EXPECT_FALSE(info.incomplete);
  EXPECT_TRUE(info.warnings.empty());
  ASSERT_EQ(info.virtual_ranges.size(), 1U);
  EXPECT_EQ(info.virtual_ranges[0].vaddr.value, 0xffff000000000000U);
  EXPECT_EQ(info.virtual_ranges[0].paddr.value, 0x40000000U);
  EXPECT_EQ(info.virtual_ranges[0].size, 2 * kPage);
}

TEST_F(ElfCoreTest, SegmentsUnsortedAndOverlapping) {
  expect_machine({
      {.paddr = 200 * kPage, .data = noise(20 * kPage, 1)},
      {.paddr = 10 * kPage, .data = noise(8 * kPage, 2)},  // kernel text, described again below
      {.paddr = 0, .data = noise(50 * kPage, 3)},
      {.paddr = 205 * kPage, .data = noise(30 * kPage, 4)},
      {.paddr = 100 * kPage, .data = noise(kPage, 5)},
  });
}

TEST_F(ElfCoreTest, MemoryThatTheFileDoesNotHold) {
  const std::vector<ElfPart> parts = {
      {.paddr = 0, .data = noise(3 * kPage, 1), .memsz = 10 * kPage},
      {.paddr = 20 * kPage, .data = {}, .memsz = 5 * kPage},
      {.paddr = 40 * kPage, .data = noise(kPage, 2)},
  };
  expect_machine(parts);
  const auto source = open_again(ReadMode::map);
  ASSERT_NE(source, nullptr);
  EXPECT_FALSE(source->info().incomplete) << "left out on purpose";
  const std::vector<Pfn> absent = {3, 20, 30};
  const auto read = test::read_pages(*source, absent);
  for (const Pfn pfn : absent) EXPECT_EQ(read.pages.at(pfn), std::nullopt);
  EXPECT_EQ(read.error, "") << "not being there is no failure";
}

TEST_F(ElfCoreTest, MoreDataThanMemory) {
  ElfBuilder elf;
  elf.part({.paddr = 0, .data = noise(3 * kPage, 1), .memsz = kPage});
  const auto image = elf.build();
  expect_machine(image, std::vector<ElfPart>{{.paddr = 0, .data = noise(3 * kPage, 1)}});
}

TEST_F(ElfCoreTest, NothingIsAligned) {
  expect_machine({
      {.paddr = 100, .data = noise(5 * kPage, 1), .gap = 13},
      {.paddr = 8 * kPage, .data = noise(3 * kPage + 1, 2), .gap = 1},
      {.paddr = 20 * kPage + 7, .data = noise(50, 3), .memsz = 3 * kPage},
  });
}

TEST_F(ElfCoreTest, APageOfSeveralSegmentsIsAssembledWithZerosInTheGaps) {
  expect_machine({
      {.paddr = 0, .data = noise(1000, 1)},
      {.paddr = 1000, .data = noise(500, 2)},
      {.paddr = 2000, .data = noise(100, 3)},
      {.paddr = 4000, .data = noise(kPage, 4)},
      {.paddr = 2050, .data = noise(3000, 5)},
      {.paddr = 3 * kPage - 1, .data = noise(2, 6)},
  });
}

TEST_F(ElfCoreTest, PseudoRandomMachines) {
  test::Random random(23);
  for (int round = 0; round < 40; ++round) {
    std::vector<ElfPart> parts;
    for (auto n = 1 + random.below(7); n != 0; --n) {
      const bool whole = random.below(2) != 0;
      const std::uint64_t unit = whole ? kPage : 512;
      const std::uint64_t size = unit * random.below(whole ? 8 : 30);
      parts.push_back(
          {.paddr = unit * random.below(whole ? 60 : 400),
           .data = noise(size, random.next()),
           .memsz = size + unit * random.below(4),
           .gap = random.below(2) != 0 ? 0U : static_cast<std::size_t>(random.below(5000))});
    }
    parts.push_back({.paddr = 70 * kPage, .data = noise(kPage, 1)});
    ASSERT_NO_FATAL_FAILURE(expect_machine(parts)) << "round " << round;
    if (HasFailure()) FAIL() << "round " << round;
  }
}

TEST_F(ElfCoreTest, PagesOf64KiB) {
  constexpr std::size_t kBig = 65536;
  expect_machine(
      {
          {.paddr = 0x10000000, .data = noise(40 * kBig, 1), .gap = 5},
          {.paddr = 0x10000000 + 40 * kBig + 4096, .data = noise(3 * 4096, 2), .memsz = 2 * kBig},
          {.paddr = 0x20000000, .data = noise(kBig, 3)},
      },
      {.order = ByteOrder::big}, kBig);
}

TEST_F(ElfCoreTest, PageSizesThatNoMachineHas) {
  ElfBuilder elf;
  elf.load(0, noise(kPage, 1));
  const auto source = open(elf.build(), ReadMode::map);
  ASSERT_NE(source, nullptr);
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2048}, std::uint64_t{4097},
        std::uint64_t{512} << 10, (std::uint64_t{1} << 32) + kPage, std::uint64_t{1} << 63,
        kMost}) {
    EXPECT_FALSE(source->set_page_size(size)) << size;
    EXPECT_EQ(source->info().page_size, kPage);
  }
  EXPECT_TRUE(source->set_page_size(std::size_t{256} << 10));
}

TEST_F(ElfCoreTest, SegmentsWithoutAPhysicalAddressAreLeftOut) {
  const std::vector<ElfPart> ram = {{.paddr = 0x100000, .data = noise(2 * kPage, 1)}};
  ElfBuilder elf;
  elf.part({.paddr = kMost, .data = noise(kPage, 2), .vaddr = 0xffffffffa0000000});
  elf.part(ram[0]);
  elf.part({.paddr = 0, .data = {}});
  expect_machine(elf.build(), ram);
  ElfBuilder none;
  none.part({.paddr = kMost, .data = noise(kPage, 2)});
  none.part({.paddr = 0, .data = {}});
  EXPECT_EQ(open_error(none.build()),
            path() + ": no PT_LOAD with a physical address, nothing to save");
}

TEST_F(ElfCoreTest, ImpossibleAddressesAreLeftOutAndTold) {
  const std::vector<ElfPart> ram = {{.paddr = 0x100000, .data = noise(2 * kPage, 1)}};
  ElfBuilder elf;
  elf.part({.paddr = kMost - 1, .data = noise(kPage, 2)});
  elf.part({.paddr = kMost - kPage + 1, .data = noise(kPage, 2)});
  elf.part({.paddr = std::uint64_t{1} << 63, .data = noise(kPage, 2)});
  elf.part({.paddr = 0, .data = {}, .memsz = kMost});
  elf.part({.paddr = 0, .data = {}, .memsz = 0, .filesz = kMost});
  elf.part(ram[0]);
  const auto image = elf.build();
  expect_machine(image, ram);
  const auto source = open_again(ReadMode::map);
  ASSERT_NE(source, nullptr);
  EXPECT_FALSE(source->info().warnings.empty());
  EXPECT_EQ(source->info().max_pfn, 0x102U);
}

TEST_F(ElfCoreTest, WindowsAreFoundOverHolesOfAnySize) {
  constexpr std::uint64_t kFar = std::uint64_t{1} << 45;
  ElfBuilder elf;
  elf.part({.paddr = kFar, .data = noise(kPage, 2)});
  elf.part({.paddr = 5 * kPage, .data = noise(kPage, 1)});
  const auto source = open(elf.build(), ReadMode::map);
  ASSERT_NE(source, nullptr);
  const Pfn far = kFar / kPage;
  EXPECT_EQ(source->next_window(0, 4), 4U);
  EXPECT_EQ(source->next_window(5, 1), 5U);
  EXPECT_EQ(source->next_window(6, 1), far);
  EXPECT_EQ(source->next_window(8, 4), far);
  EXPECT_EQ(source->next_window(far, 32768), far);
  EXPECT_EQ(source->next_window(far + 1, 1), far + 1);
  EXPECT_EQ(source->next_window(kMost, 1), far + 1);
  EXPECT_EQ(test::stored_pages(*source), (std::vector<Pfn>{5, far}));
}

TEST_F(ElfCoreTest, PresenceOfAnyWindowEqualsThatOfEachPage) {
  const std::vector<ElfPart> parts = {
      {.paddr = 3 * kPage, .data = noise(9 * kPage, 1), .memsz = 14 * kPage},
      {.paddr = 30 * kPage + 5, .data = noise(kPage, 1)}};
  ElfBuilder elf;
  for (const auto& p : parts) elf.part(p);
  const auto source = open(elf.build(), ReadMode::map);
  ASSERT_NE(source, nullptr);
  const auto machine = test::machine_of(parts, kPage);
  for (Pfn begin = 0; begin < 40; ++begin) {
    for (Pfn end = begin; end < 40; ++end) {
      Bytes exists = noise(8, 1);  // must be cleared
      Bytes stored = noise(8, 2);
      ASSERT_TRUE(source->presence({begin, end}, BitSpan(exists), BitSpan(stored)));
      for (Pfn pfn = begin; pfn < begin + 64; ++pfn) {
        const bool inside = pfn < end;
        const bool memory =
            std::find(machine.exists.begin(), machine.exists.end(), pfn) != machine.exists.end();
        ASSERT_EQ(BitSpan(exists).test(pfn - begin), inside && memory);
        ASSERT_EQ(BitSpan(stored).test(pfn - begin), inside && machine.stored.count(pfn) != 0);
      }
    }
  }
}

TEST_F(ElfCoreTest, BatchesInAnyOrder) {
  const std::vector<ElfPart> parts = {{.paddr = 0, .data = noise(2000 * kPage, 1), .gap = 77},
                                      {.paddr = 3000 * kPage + 5, .data = noise(20 * kPage, 2)}};
  ElfBuilder elf;
  for (const auto& p : parts) elf.part(p);
  const auto image = elf.build();
  const auto machine = test::machine_of(parts, kPage);
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    const auto source = open(image, mode);
    ASSERT_NE(source, nullptr);
    const auto reader = source->reader();
    test::Random random(3);
    for (int round = 0; round < 200; ++round) {
      std::vector<Pfn> pfns;
      Pfn pfn = random.below(2) != 0 ? random.below(2000) : 2995 + random.below(30);
      for (auto n = 1 + random.below(100); n != 0 && pfn < 3021; --n, pfn += 1 + random.below(3)) {
        pfns.push_back(pfn);
      }
      const auto read = test::read_pages(*reader, pfns, kPage, 128);
      for (const auto& [at, bytes] : read.pages) {
        const auto expected = machine.stored.find(at);
        ASSERT_EQ(bytes.has_value(), expected != machine.stored.end()) << at;
        if (bytes) {
          ASSERT_EQ(*bytes, expected->second) << at;
        }
      }
      ASSERT_EQ(read.pages.size(), pfns.size());
    }
  }
}

TEST_F(ElfCoreTest, PagesOfABatchStayValidTogether) {
  ElfBuilder elf;
  const auto memory = noise(3000 * kPage, 1);
  elf.part({.paddr = 0, .data = memory});
  const auto image = elf.build();
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    const auto source = open(image, mode);
    ASSERT_NE(source, nullptr);
    const auto reader = source->reader();
    std::vector<Pfn> pfns;
    for (Pfn pfn = 0; pfn < 3000; pfn += 7) pfns.push_back(pfn);
    std::vector<const std::byte*> pages(pfns.size());
    for (std::size_t done = 0; done < pfns.size();) {
      const std::size_t got = reader->fetch(std::span(pfns).subspan(done), pages);
      ASSERT_GE(got, 1U);
      for (std::size_t i = 0; i < got; ++i) {  // all of them after the call, not one by one
        ASSERT_EQ(std::memcmp(pages[i], &memory[pfns[done + i] * kPage], kPage), 0);
      }
      done += got;
    }
  }
}

}  // namespace
}  // namespace vmsift
