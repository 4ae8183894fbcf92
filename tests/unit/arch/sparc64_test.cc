// SPDX-License-Identifier: GPL-2.0-or-later
// sparc64: image and memory by the headers, and tables entry by entry.
#include "arch/arch.h"
#include "mm-model/address_space.h"
#include "tests/unit/arch/scattered_pages.h"
#include "tests/unit/support/entry_walk.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::KernelShape;
using test::SyntheticKernel;
using test::walk;

KernelShape shape(const char* variant = "", Pfn first_pfn = 0x20000) {
  KernelShape s;
  s.machine = "sparc64";
  s.variant = variant;
  s.page_shift = 13;
  s.order = ByteOrder::big;
  s.first_pfn = first_pfn;
  s.sections = 1;
  return s;
}

class Sparc64Kernel : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Variants, Sparc64Kernel, testing::Values("", "sun4u"),
                         [](const auto& v) { return "v" + std::string(v.param); });

TEST_P(Sparc64Kernel, ScatteredPagesAreReadInOne) {
  SyntheticKernel kernel(shape(GetParam()));
  const VirtAddr start{0x100002000};  // of vmalloc
  const test::ScatteredPages pages(kernel, start);
  const auto layout = kernel.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->no_tables, "");
  EXPECT_FALSE(layout->tables_map_image);
  EXPECT_EQ(layout->table.root, kernel.pgd());
  AddressSpace memory(*layout, kernel.memory);
  pages.expect_in(memory);
  EXPECT_EQ(memory.translate({0x10000000})->paddr, kernel.own(0x211)) << "modules";
  EXPECT_EQ(memory.translate(kernel.image(kernel.own(0x210)))->paddr, kernel.own(0x210));
  EXPECT_EQ(memory.translate(kernel.direct(kernel.own(0x900)))->paddr, kernel.own(0x900));
  const VirtAddr page = kernel.struct_address(kernel.shape().first_pfn + 0x800);
  EXPECT_EQ(memory.translate(page)->paddr, kernel.struct_place(kernel.shape().first_pfn + 0x800));
  EXPECT_FALSE(memory.translate({std::uint64_t{1} << 62 | page.value})) << "torn";
}

TEST(Sparc64, PageOffsetByAnyPartOfMemory) {
  for (const std::uint64_t offset : {0xfffffe0000000000ULL, 0xfffff80000000000ULL,
                                     0xffff800000000000ULL, 0xfff8000000000000ULL}) {
    SyntheticKernel kernel(shape());
    auto& ranges = kernel.memory.edit_info().virtual_ranges;
    ranges = {{{offset + 0x40000000}, {0x40000000}, 0x8000},
              {{offset + 0x50000000}, {0x50000000}, 0x8000},
              ranges.back()};
    const auto layout = kernel.layout();
    ASSERT_TRUE(layout) << layout.message();
    ASSERT_EQ(layout->linear.size(), 1U);
    EXPECT_EQ(layout->linear[0].vaddr.value, offset);
    EXPECT_EQ(layout->linear[0].paddr.value, 0U);
    EXPECT_EQ(layout->linear[0].vaddr.value + layout->linear[0].size, 0U) << "to the very end";
  }
}

TEST(Sparc64, HeadersThatContradict) {
  SyntheticKernel kernel(shape());
  auto& ranges = kernel.memory.edit_info().virtual_ranges;
  const VirtualRange memory = ranges.at(0), image = ranges.at(1);
  ranges = {image};
  EXPECT_NE(kernel.layout().message().find("PAGE_OFFSET"), std::string::npos);
  ranges = {image, {{0xffffff8000000000}, {0}, 0x2000}};
  EXPECT_NE(kernel.layout().message().find("PAGE_OFFSET"), std::string::npos) << "39 bits";
  ranges = {memory};
  EXPECT_NE(kernel.layout().message().find("swapper_pg_dir"), std::string::npos);
  for (const std::uint64_t wrong :
       {0xffff900000000000ULL, 0xffffff8000000000ULL, 0xfffff80000000000ULL, ~0ULL}) {
    ranges = {image, memory, {{wrong}, {0}, 0x2000}};
    const auto layout = kernel.layout();
    ASSERT_FALSE(layout) << std::hex << wrong;
    EXPECT_NE(layout.message().find("PAGE_OFFSET"), std::string::npos);
  }
}

// A hostile header: the image cannot reach to where other mappings are.
TEST(Sparc64, TheImageEndsWhereItMust) {
  SyntheticKernel kernel(shape());
  kernel.memory.edit_info().virtual_ranges.at(1).size = ~std::uint64_t{0} >> 1;
  const auto layout = kernel.layout();
  ASSERT_TRUE(layout) << layout.message();
  EXPECT_EQ(layout->image.at(0).vaddr.value + layout->image.at(0).size, 0x8000000U);
}

TEST(Sparc64, BadNotes) {
  for (const char* root : {"0", "3fe000", "8000000", "ffff800000300000", "7ffe000", "zz"}) {
    SyntheticKernel kernel(shape());
    kernel.note.set("SYMBOL(swapper_pg_dir)", root);
    ASSERT_FALSE(kernel.layout()) << root;
    EXPECT_NE(kernel.layout().message().find("swapper_pg_dir"), std::string::npos);
  }
  SyntheticKernel kernel(shape());
  kernel.memory.edit_info().page_size = 4096;
  EXPECT_NE(kernel.layout().message().find("4096"), std::string::npos);
}

// Two entries of 4 bytes each, as kernels before 3.18 have them, are no entry of 8.
TEST(Sparc64, RootsOfOlderKernelsAreNotUsed) {
  for (const std::uint64_t entry :
       {0x0001234500012346ULL, 0x0000000000012346ULL, 0x0001234500000000ULL, ~0ULL}) {
    SyntheticKernel kernel(shape());
    kernel.put_word(kernel.pgd() + 5 * 8, entry);
    const auto layout = kernel.layout();
    ASSERT_TRUE(layout) << layout.message();
    EXPECT_NE(layout->no_tables.find("3.18"), std::string::npos);
    EXPECT_TRUE(layout->table.levels.empty());
  }
  SyntheticKernel empty(shape());
  for (std::uint64_t i = 0; i < 1024; ++i) empty.put_word(empty.pgd() + i * 8, 0);
  EXPECT_NE(empty.layout()->no_tables, "");
}

// ---- tables ----

TEST(Sparc64, Entries) {
  constexpr std::uint64_t kValid = std::uint64_t{1} << 63, kHuge = std::uint64_t{1} << 56;
  constexpr std::uint64_t k4v = kValid | std::uint64_t{0xf} << 58 | 0x740;
  constexpr std::uint64_t k4u = kValid | 0xfb6;
  constexpr std::uint64_t kAt = 0x8123456789abc;
  const PageTable table = SyntheticKernel(shape()).layout()->table;
  for (const std::uint64_t page : {k4v, k4u}) {
    const auto at = [&](const std::vector<std::uint64_t>& e) { return walk(table, kAt, e); };
    EXPECT_EQ(at({0x2000, 0x4000, 0x6000, page | 0x12345678a000})->paddr.value,
              0x12345678a000 + (kAt & 0x1fff));
    EXPECT_EQ(at({0x2000, 0x4000, 0x6000, page | 0x8000})->contiguous, 0x2000 - (kAt & 0x1fff));
    EXPECT_EQ(at({0x2000, 0x4000, page | kHuge | 0x12345800000})->paddr.value,
              0x12345800000 + (kAt & 0x7fffff))
        << "8 MiB";
    EXPECT_EQ(at({0x2000, 0x4000, page | kHuge | 0x800000})->contiguous,
              0x800000 - (kAt & 0x7fffff));
    EXPECT_EQ(at({0x2000, page | kHuge | std::uint64_t{3} << 33})->paddr.value,
              (std::uint64_t{3} << 33) + (kAt & 0x1ffffffff))
        << "8 GiB";
    EXPECT_FALSE(at({page | kHuge})) << "the root has no leaves";
    EXPECT_FALSE(at({0x2000, 0x4000, 0x6000, (page & ~kValid) | 0x8000}));
    EXPECT_FALSE(at({0x2000, 0x4000, (page & ~kValid) | kHuge | 0x800000}));
    EXPECT_FALSE(at({0x2000, 0x4000, page | 0x800000})) << "neither table nor leaf";
    EXPECT_FALSE(at({0x2000, 0x4000, 0, page | 0x8000}));
    EXPECT_FALSE(at({0x2000, 0, 0x6000, page | 0x8000}));
    EXPECT_FALSE(at({0, 0x4000, 0x6000, page | 0x8000}));
    EXPECT_FALSE(at({0x2000, 0x4000, 0x6000}));
    EXPECT_FALSE(at({0x2001, 0x4000, 0x6000, page | 0x8000}));
    EXPECT_FALSE(walk(table, kAt | std::uint64_t{1} << 52, {0x2000, page | kHuge})) << "torn";
  }
  EXPECT_EQ(walk(table, kAt, {0x2000, 0x4000, k4u | kHuge | std::uint64_t{3} << 61 | 0x12345800000})
                ->paddr.value,
            0x12345800000 + (kAt & 0x7fffff))
      << "the size that sun4u has above the frame";
  std::vector<std::uint64_t> asked;
  walk(table, kAt, {0x2000, 0x4000, 0x6000, k4v | 0x8000}, &asked);
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{
                       table.root.value + (kAt >> 43) * 8, 0x2000 + (kAt >> 33 & 1023) * 8,
                       0x4000 + (kAt >> 23 & 1023) * 8, 0x6000 + (kAt >> 13 & 1023) * 8}));
}

}  // namespace
}  // namespace vmsift
