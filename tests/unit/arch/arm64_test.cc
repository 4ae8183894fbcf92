// SPDX-License-Identifier: GPL-2.0-or-later
// arm64: what notes of each layout say, and tables entry by entry (Arm ARM DDI 0487, D8.3).
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/arch/scattered_pages.h"
#include "tests/unit/support/entry_walk.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <array>

namespace vmsift {
namespace {

using test::KernelShape;
using test::Note;
using test::SyntheticKernel;
using test::walk;

const Arch& arm64() {
  return *find_arch(EM_AARCH64, "", 8);
}

Result<AddressLayout> layout_of(const Note& note, std::size_t page_size = 4096) {
  test::SyntheticMemory memory(0);
  memory.edit_info().page_size = page_size;
  return arm64().detect_layout(memory, Vmcoreinfo(note.text()));
}

constexpr const char* kVa52 = "arm64-6.12.107+deb13-arm64";
constexpr const char* kVa52On48 = "arm64-6.12.107+deb13-arm64.arm64-6.12-va48";
constexpr const char* kVa52With16K = "arm64-6.12.107+deb13-arm64-16k";
constexpr const char* kVa48 = "arm64-6.1.0-50-arm64";

struct Real {
  const char* name;
  std::size_t page_size;
  std::size_t levels;
  std::uint64_t linear, linear_paddr, linear_size, root, upper;
};

// By hand: root is swapper_pg_dir - kimage_voffset.
TEST(Arm64, RealNotes) {
  constexpr std::uint64_t kRam = 0x40000000, k128T = std::uint64_t{1} << 47;
  for (const Real& real :
       {Real{kVa48, 4096, 4, 0xffff000000000000, kRam, k128T, 0x41853000, 0xffff000000000000},
        Real{kVa52, 4096, 5, 0xfff0000000000000, kRam, 0xf800000000000, 0x41f16000,
             0xfff0000000000000},
        Real{kVa52On48, 4096, 4, 0xffff000000000000, kRam, k128T, 0x41f16000, 0xffff000000000000},
        Real{kVa52With16K, 16384, 4, 0xfff0000000000000, kRam, 0xfc00000000000, 0x41f54000,
             0xfff0000000000000}}) {
    const auto layout = layout_of(Note::real(real.name), real.page_size);
    ASSERT_TRUE(layout) << real.name << ": " << layout.message();
    EXPECT_EQ(layout->table.levels.size(), real.levels) << real.name;
    EXPECT_EQ(layout->linear.at(0).vaddr.value, real.linear) << real.name;
    EXPECT_EQ(layout->linear.at(0).paddr.value, real.linear_paddr) << real.name;
    EXPECT_EQ(layout->linear.at(0).size, real.linear_size) << real.name;
    EXPECT_EQ(layout->table.root.value, real.root) << real.name;
    EXPECT_EQ(layout->table.upper, real.upper) << real.name;
    EXPECT_EQ(layout->image.size(), 1U) << real.name;
  }
}

TEST(Arm64, AMissingKeyIsNamed) {
  for (const char* key : {"SYMBOL(swapper_pg_dir)", "NUMBER(VA_BITS)", "NUMBER(kimage_voffset)",
                          "NUMBER(PHYS_OFFSET)"}) {
    Note note = Note::real(kVa48);
    note.remove(key);
    const auto layout = layout_of(note);
    ASSERT_FALSE(layout) << key;
    EXPECT_NE(layout.message().find(key), std::string::npos) << layout.message();
  }
}

TEST(Arm64, NumbersThatCannotBeAreErrorsWithBothValues) {
  struct Bad {
    const char* key;
    const char* value;
    const char* said;
  };
  for (const Bad& bad :
       {Bad{"NUMBER(VA_BITS)", "0", "VA_BITS)=0"}, Bad{"NUMBER(VA_BITS)", "64", "VA_BITS)=64"},
        Bad{"NUMBER(VA_BITS)", "-1", "VA_BITS)=-1"},
        Bad{"NUMBER(VA_BITS)", "47", "4096"},  // of 16 KiB pages
        Bad{"NUMBER(VA_BITS)", "39", "TCR_EL1_T1SZ)=16"},
        Bad{"NUMBER(TCR_EL1_T1SZ)", "12", "VA_BITS)=48"},
        Bad{"NUMBER(TCR_EL1_T1SZ)", "-1", "T1SZ)=-1"},
        Bad{"NUMBER(TCR_EL1_T1SZ)", "64", "T1SZ)=64"},
        Bad{"NUMBER(TCR_EL1_T1SZ)", "9223372036854775807", "T1SZ)="},
        Bad{"SYMBOL(swapper_pg_dir)", "ff00cd168a853000", "ff00cd168a853000"},
        Bad{"SYMBOL(_stext)", "ffff800000000000", "not of one image"}}) {
    Note note = Note::real(kVa48);
    note.set(bad.key, bad.value);
    const auto layout = layout_of(note);
    ASSERT_FALSE(layout) << bad.key << " " << bad.value;
    EXPECT_NE(layout.message().find(bad.said), std::string::npos) << layout.message();
  }
  EXPECT_FALSE(layout_of(Note::real(kVa48), 8192));
}

// ---- tables ----

PageTable table_of(const char* name, std::size_t page_size = 4096) {
  return layout_of(Note::real(name), page_size)->table;
}

constexpr std::uint64_t kAttributes = 0x00700000000007fc & ~std::uint64_t{0x300};

TEST(Arm64, LeavesOfEachSize) {
  const PageTable table = table_of(kVa48);
  const std::uint64_t at = 0xffff8000abcde123, next = 0x41000003, a = kAttributes | 0x300;
  EXPECT_EQ(walk(table, at, {next, next, next, 0x123456000 | a | 3})->paddr.value, 0x123456123U);
  EXPECT_EQ(walk(table, at, {next, next, 0x123400000 | a | 1})->paddr.value, 0x1234de123U);
  EXPECT_EQ(walk(table, at, {next, 0x140000000 | a | 1})->paddr.value, 0x16bcde123U);
  EXPECT_EQ(walk(table, at, {next, 0x140000000 | a | 1})->contiguous, (1U << 30) - 0x2bcde123);
  EXPECT_FALSE(walk(table, at, {0x140000000 | a | 1})) << "no block of 512 GiB";
  EXPECT_FALSE(walk(table, at, {next, next, next, 0x123456000 | a | 1})) << "reserved";
  EXPECT_FALSE(walk(table, at, {next, next, next, 0x123456000 | a | 2})) << "not valid";
  EXPECT_FALSE(walk(table, at, {next, next, 0}));
  EXPECT_FALSE(walk(table, at, {next, next})) << "no table in the dump";
  EXPECT_FALSE(walk(table, 0x00008000abcde123, {next, next, next, 3})) << "a user's address";
}

TEST(Arm64, HighAddressBitsOfLpa2) {
  const std::uint64_t high = std::uint64_t{3} << 48 | 0x300, a = kAttributes;
  const PageTable of_4k = table_of(kVa52);
  const std::uint64_t next = 0x41000003;
  EXPECT_EQ(
      walk(of_4k, 0xffff8000abcde123, {next, next, next, next, 0x5000 | high | a | 3})->paddr.value,
      0xf000000005123U);
  const PageTable of_16k = table_of(kVa52With16K, 16384);
  EXPECT_EQ(
      walk(of_16k, 0xffffc000abcde123, {next, next, next, 0x8000 | high | a | 3})->paddr.value,
      0xf00000000a123U);
  // Bits 9 and 8 are shareability where there is no LPA2.
  const PageTable fallback = table_of(kVa52On48);
  EXPECT_EQ(
      walk(fallback, 0xffff8000abcde123, {next, next, next, 0x5000 | 0x300 | a | 3})->paddr.value,
      0x5123U);
}

// Tables themselves may be that high.
TEST(Arm64, ATableAtAHighAddress) {
  const PageTable table = table_of(kVa52);
  std::vector<std::uint64_t> asked;
  (void)walk_page_table(table, {0xffff800000000000}, [&](PhysAddr at, std::span<std::byte> into) {
    asked.push_back(at.value);
    store(into.data(), std::uint64_t{0x1303} | std::uint64_t{1} << 49, table.order);
    return asked.size() < 2;
  });
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[1] & ~std::uint64_t{0xfff}, 0xe000000001000U);
}

Note note_of_64k(unsigned used) {
  Note note = Note::real(kVa52On48);
  note.set("NUMBER(TCR_EL1_T1SZ)", 64 - used);
  note.set("PAGESIZE", 65536);
  return note;
}

TEST(Arm64, PagesOf64KiBKeepTheShapeOf52Bits) {
  for (const unsigned used : {48U, 52U}) {
    const PageTable table = layout_of(note_of_64k(used), 65536)->table;
    ASSERT_EQ(table.levels.size(), 3U);
    EXPECT_EQ(table.levels[0].shift + table.levels[0].bits, 52);
    EXPECT_EQ(table.upper, ~std::uint64_t{0} << used);
    // PA bits 51 to 48 in bits 15 to 12.
    const std::uint64_t next = 0x41000003;
    const auto page = walk(table, 0xffff8000abcd1234, {next, next, 0x12345a703});
    EXPECT_EQ(page->paddr.value, 0xa000123451234U);
    const auto block = walk(table, 0xffff8000abcd1234, {next, 0x120000701});
    EXPECT_EQ(block->paddr.value, 0x120000000U + 0xabcd1234 % 0x20000000);
  }
}

// ---- kernels ----

struct Variant {
  const char* name;
  unsigned page_shift;
};
constexpr std::array<Variant, 14> kVariants = {{{"", 12},
                                                {"", 14},
                                                {"", 16},
                                                {"small", 12},
                                                {"small", 14},
                                                {"small", 16},
                                                {"lpa2", 12},
                                                {"lpa2", 14},
                                                {"lpa2", 16},
                                                {"fallback", 12},
                                                {"fallback", 14},
                                                {"fallback", 16},
                                                {"old", 12},
                                                {"oldest", 12}}};

KernelShape shape_of(const Variant& variant, Pfn first_byte = 0x40000000) {
  KernelShape shape;
  shape.machine = "arm64";
  shape.variant = variant.name;
  shape.page_shift = variant.page_shift;
  shape.first_pfn = first_byte >> variant.page_shift;
  shape.sections = std::uint64_t{0x8000} << variant.page_shift >> 27;
  return shape;
}

class Arm64Kernel : public testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Variants, Arm64Kernel, testing::ValuesIn(kVariants),
                         [](const auto& variant) {
                           const std::string name =
                               *variant.param.name == 0 ? "usual" : variant.param.name;
                           return name + std::to_string(1U << (variant.param.page_shift - 10)) +
                                  "K";
                         });

TEST_P(Arm64Kernel, TheNoteAndTheTablesAgree) {
  SyntheticKernel kernel(shape_of(GetParam()));
  const auto layout = kernel.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->table.root, kernel.pgd());
  AddressSpace memory(*layout, kernel.memory);
  const PhysAddr own = kernel.own(0x210);
  for (const VirtAddr at : {kernel.image(own), kernel.direct(own)}) {
    ASSERT_TRUE(memory.translate(at)) << std::hex << at.value;
    EXPECT_EQ(memory.translate(at)->paddr, own) << std::hex << at.value;
    ASSERT_TRUE(memory.walk(at)) << std::hex << at.value;
    EXPECT_EQ(memory.walk(at)->paddr, own) << std::hex << at.value;
  }
  const VirtAddr page = kernel.struct_address(kernel.shape().first_pfn + 0x4321);
  EXPECT_EQ(memory.translate(page)->paddr, kernel.struct_place(kernel.shape().first_pfn + 0x4321));
}

// vmalloc: neighbours are scattered in memory.
TEST_P(Arm64Kernel, ScatteredPagesAreReadInOne) {
  SyntheticKernel kernel(shape_of(GetParam()));
  const unsigned used = static_cast<unsigned>(std::countl_one(kernel.machine().direct));
  const bool upper = std::string_view(GetParam().name).starts_with("old");
  const VirtAddr start{upper ? ~std::uint64_t{0} << (65 - used)
                             : kernel.machine().image + 0x40000000};
  const test::ScatteredPages pages(kernel, start);
  const auto layout = kernel.layout();
  ASSERT_TRUE(layout) << layout.message();
  AddressSpace memory(*layout, kernel.memory);
  pages.expect_in(memory);
}

TEST(Arm64, TaggedPointersAreUntagged) {
  SyntheticKernel kernel(shape_of({"", 12}));
  const auto layout = kernel.layout();
  AddressSpace memory(*layout, kernel.memory);
  const VirtAddr tagged{kernel.direct(kernel.own(5)).value & ~(std::uint64_t{0x0f} << 56)};
  EXPECT_EQ(memory.translate(tagged)->paddr, kernel.own(5));
  EXPECT_EQ(memory.walk(tagged)->paddr, kernel.own(5));
  EXPECT_FALSE(memory.translate({0x00007000'00000000}));
}

TEST(Arm64, APhysOffsetThatTheTablesContradictIsAnError) {
  SyntheticKernel kernel(shape_of({"", 12}));
  kernel.note.set("NUMBER(PHYS_OFFSET)", "0x3fe00000");
  const auto layout = kernel.layout();
  ASSERT_FALSE(layout);
  EXPECT_NE(layout.message().find("PHYS_OFFSET"), std::string::npos) << layout.message();
}

// Without the note's word a place is believed only when the tables are there.
TEST(Arm64, AnOldLayoutWithoutItsTablesIsAnError) {
  SyntheticKernel kernel(shape_of({"oldest", 12}));
  kernel.memory.put<std::uint64_t>(kernel.pgd() + 256 * 8, 0);
  const auto layout = kernel.layout();
  ASSERT_FALSE(layout);
  EXPECT_NE(layout.message().find("VA_BITS"), std::string::npos) << layout.message();
}

}  // namespace
}  // namespace vmsift
