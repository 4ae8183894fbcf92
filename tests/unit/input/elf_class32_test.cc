// SPDX-License-Identifier: GPL-2.0-or-later
// ELF32 cores, and what ELF cores of either class say beside their memory.
#include "src/input/elf_headers.h"
#include "tests/unit/input/elf_core_fixture.h"

namespace vmsift {
namespace {

using test::Bytes;
using test::ElfBuilder;
using test::ElfLayout;
using test::ElfPart;
using test::noise;

class ElfClass32Test : public test::ElfCoreFixture {};

TEST_F(ElfClass32Test, AWholeMachineInEveryLayoutAndOrder) {
  const std::vector<ElfPart> parts = {
      {.type = PT_NOTE, .data = test::elf_note("CORE", NT_PRSTATUS, noise(148, 9))},
      {.paddr = 0, .data = noise(160 * kPage, 1)},
      {.paddr = 0x100000, .data = noise(300 * kPage, 2)},
      {.paddr = 0xfff00000, .data = noise(10 * kPage, 3), .memsz = 12 * kPage},
  };
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (const ElfLayout layout :
         {ElfLayout{.order = order, .elf32 = true},
          ElfLayout{
              .order = order, .section_headers_first = true, .extended_count = true, .elf32 = true},
          ElfLayout{.order = order, .program_headers_last = true, .elf32 = true}}) {
      expect_machine(parts, layout);
    }
  }
}

TEST_F(ElfClass32Test, TellsWhatTheHeadersSay) {
  for (const bool elf32 : {true, false}) {
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      ElfBuilder elf({.order = order, .machine = EM_ARM, .elf32 = elf32, .flags = 0x5000200});
      elf.notes(test::elf_note("CORE", NT_PRSTATUS, noise(148, 9), order));
      elf.notes(test::elf_note("VMCOREINFO", 0, test::text_bytes("OSRELEASE=6.1.0\n"), order));
      elf.part({.paddr = 0x40000000, .data = noise(kPage, 1), .vaddr = 0xc0000000});
      elf.part({.paddr = 0x10000000, .data = noise(kPage, 2), .vaddr = 0xd0000000});
      // Highmem, which no virtual address leads to.
      elf.part({.paddr = 0x50000000, .data = noise(kPage, 3), .vaddr = ~std::uint64_t{0}});
      Bytes image = elf.build();
      image[EI_OSABI] = std::byte{97};
      const auto source = open(image, ReadMode::map);
      ASSERT_NE(source, nullptr);
      const DumpInfo& info = source->info();
      EXPECT_EQ(info.abi, kdump::Abi::padded32) << "arm with LPAE has ELF64 cores";
      EXPECT_EQ(info.elf_class, elf32 ? 32U : 64U);
      EXPECT_EQ(info.machine, EM_ARM);
      EXPECT_EQ(info.order, order);
      EXPECT_EQ(info.elf_flags, 0x5000200U);
      EXPECT_EQ(info.elf_os_abi, 97U);
      EXPECT_EQ(info.cpus, 1U);
      EXPECT_EQ(info.vmcoreinfo, "OSRELEASE=6.1.0\n");
      EXPECT_FALSE(info.incomplete);
      EXPECT_FALSE(info.live);
      ASSERT_EQ(info.virtual_ranges.size(), 2U);
      EXPECT_EQ(info.virtual_ranges[0].vaddr.value, 0xc0000000U);
      ASSERT_EQ(info.memory.size(), 3U);
      EXPECT_EQ(info.memory[0].begin.value, 0x10000000U);
      EXPECT_EQ(info.memory[0].end.value, 0x10001000U);
      EXPECT_EQ(info.memory[1].begin.value, 0x40000000U);
    }
  }
}

TEST_F(ElfClass32Test, FilesThatEndWithinTheHeaders) {
  ElfBuilder elf({.elf32 = true});
  elf.load(0, noise(100, 1)).load(kPage, noise(100, 2));
  const Bytes image = elf.build();
  for (std::size_t size = 4; size < test::kElf32Shape.ehdr + 2 * test::kElf32Shape.phdr; ++size) {
    const Bytes cut(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(open_error(cut).find(size < test::kElf32Shape.ehdr ? "truncated ELF header"
                                                                 : "truncated: 2 program headers"),
              std::string::npos)
        << size;
  }
}

TEST_F(ElfClass32Test, TheMarkOfIncompleteCores) {
  for (const bool elf32 : {true, false}) {
    ElfBuilder elf({.elf32 = elf32, .flags = 0x5000201});
    elf.load(0, noise(kPage, 1)).load(kPage, noise(kPage, 2));
    const auto source = open(elf.build(), ReadMode::map);
    ASSERT_NE(source, nullptr);
    EXPECT_TRUE(source->info().incomplete);
    EXPECT_EQ(source->info().elf_flags, 0x5000200U) << "another output is not marked by it";
    ASSERT_EQ(source->info().warnings.size(), 1U);
    EXPECT_NE(source->info().warnings[0].find("marked incomplete"), std::string::npos);
  }
}

TEST_F(ElfClass32Test, NoPhysicalAddressIsAllOnesInEitherWidth) {
  for (const bool elf32 : {true, false}) {
    ElfBuilder elf({.elf32 = elf32});
    elf.load(~std::uint64_t{0}, noise(kPage, 1)).load(kPage, noise(kPage, 2));
    const auto source = open(elf.build(), ReadMode::map);
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(test::stored_pages(*source), std::vector<Pfn>{1});
    EXPECT_TRUE(source->info().warnings.empty());
  }
}

TEST_F(ElfClass32Test, CoresWithoutPhysicalAddressesAreRefused) {
  ElfBuilder elf;
  elf.load(0, noise(kPage, 1)).load(0, noise(kPage, 2)).load(~std::uint64_t{0}, noise(kPage, 3));
  EXPECT_NE(open_error(elf.build()).find("no physical addresses"), std::string::npos);
  ElfBuilder one;
  one.load(0, noise(kPage, 1));
  EXPECT_EQ(open_error(one.build()), "opened");
}

// As a writer that shares the bytes of kernel text between two descriptions of it.
TEST_F(ElfClass32Test, SegmentsThatShareBytesOfTheFile) {
  ElfBuilder elf;
  elf.part({.paddr = 4 * kPage, .data = noise(4 * kPage, 1), .vaddr = 0xffffffff81000000});
  elf.part({.paddr = 0, .data = noise(20 * kPage, 2), .vaddr = 0xffff888000000000});
  Bytes image = elf.build();
  // The first one's bytes are within the second one's.
  test::poke(image, elf.phdr(0) + test::phdr_at::kOffset, elf.data(1) + 4 * kPage);
  const auto source = open(image, ReadMode::map);
  ASSERT_NE(source, nullptr);
  const auto read = test::read_all(*source);
  ASSERT_EQ(read.pages.size(), 20U);
  const Bytes whole = noise(20 * kPage, 2);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(std::memcmp(read.pages.at(i)->data(), whole.data() + i * kPage, kPage), 0) << i;
  }
}

}  // namespace
}  // namespace vmsift
