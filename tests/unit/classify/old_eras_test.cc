// SPDX-License-Identifier: GPL-2.0-or-later
// Pages of kernels from 2.6.24 to 5.4, with words of 8 and of 4 bytes and in both byte orders.
#include "src/classify/classifier.h"

#include "filters/filter.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace vmsift {
namespace {

using test::classify_pages;
using test::Era;
using test::Kind;
using test::SyntheticKernel;

constexpr Pfn kAt = 0x8000;
constexpr PfnRange kRun{0x7c00, 0x9400};

class OldEra : public testing::TestWithParam<std::tuple<Era, unsigned, ByteOrder>> {
 protected:
  OldEra()
      : kernel({.era = std::get<0>(GetParam()),
                .levels = 4,
                .vmemmap = false,
                .order = std::get<2>(GetParam()),
                .kaslr = false,
                .made_up_word = std::get<1>(GetParam())}) {}

  // What is expected of the marks alone; free lists tell free pages until 3.8.
  [[nodiscard]] PageClass expected(Pfn pfn) const {
    const PageClass c = kernel.expected[pfn];
    return c == PageClass::free && era() < Era::v3_10 ? PageClass::kernel : c;
  }
  void expect_all(PfnRange run = kRun) const {
    const KernelModel model = kernel.model();
    ASSERT_TRUE(model.memory_map());
    const auto classes = classify_pages(model, kernel.memory, run);
    for (Pfn pfn = run.begin; pfn < run.end; ++pfn) {
      ASSERT_EQ(name_of(classes[pfn - run.begin]), name_of(expected(pfn))) << std::hex << pfn;
    }
  }
  static Era era() { return std::get<0>(GetParam()); }

  SyntheticKernel kernel;
};

TEST_P(OldEra, EveryKindOfPage) {
  kernel.anon(kAt);
  kernel.ksm(kAt + 1);
  kernel.file(kAt + 2, false);
  kernel.file(kAt + 3, true);
  kernel.swap_cache(kAt + 4);
  kernel.page_table(kAt + 5);
  kernel.slab(kAt + 6, 0);
  kernel.slab(kAt + 8, 3);
  kernel.anon(kAt + 16);
  kernel.poison(kAt + 16);
  // PAGE_MAPPING_MOVABLE or a pointer to other things than an anon_vma.
  kernel.put_word(kernel.struct_place(kAt + 17) + kernel.fields().mapping, 2);
  kernel.compound(kAt + 32, 1, Kind::kernel);
  kernel.compound(kAt + 64, 4, Kind::file);
  kernel.compound(kAt + 512, 9, Kind::anon);
  kernel.hugetlb(kAt + 1024, 9);
  kernel.compound(kAt + 1536, 9, Kind::file_private);
  kernel.poison(kAt + 1536 + 77);
  kernel.free_block(kAt + 2048, 10);
  kernel.free_block(kAt + 3072, 0);
  kernel.free_block(kAt + 3074, 1);
  expect_all();
}

// A run that begins inside a block finds the head: by the tail's own word since 4.4, by the address
// in page.private before.
TEST_P(OldEra, RunsThatBeginInsideABlock) {
  kernel.hugetlb(kAt, 11);
  kernel.compound(kAt + 2048, 9, Kind::anon);
  for (const Pfn from : {kAt + 1, kAt + 2, kAt + 700, kAt + 2047, kAt + 2049, kAt + 2559}) {
    expect_all({from, kAt + 2600});
  }
}

// Kernels without CONFIG_PAGEFLAGS_EXTENDED have one flag for heads and tails, and what stood in a
// struct page before may look like an order.
TEST_P(OldEra, TailsThatLookLikeHeads) {
  kernel.compound(kAt, 5, Kind::kernel);
  for (Pfn pfn = kAt + 1; pfn < kAt + 32; ++pfn) {
    kernel.set_flag(pfn, kernel.encoding().head);
    if (pfn > kAt + 1) {
      kernel.put_word(kernel.struct_place(pfn) + kernel.fields().lru + kernel.machine().word,
                      pfn % 6);
    }
  }
  expect_all();
}

// Debug kernels until 3.0: the lock of a page table (magic 0xdead4ead, owner -1) begins at
// page.private and reaches over page.mapping.
TEST_P(OldEra, LocksOverTheMapping) {
  if (era() > Era::v2_6_38) GTEST_SKIP() << "locks are elsewhere";
  kernel.page_table(kAt);
  kernel.put_word(kernel.struct_place(kAt) + kernel.fields().mapping, 0xdead4ead);
  kernel.page_table(kAt + 1);
  kernel.put_word(kernel.struct_place(kAt + 1) + kernel.fields().mapping, 0xffffffff);
  expect_all();
}

std::string name_of(const testing::TestParamInfo<OldEra::ParamType>& p) {
  const auto& [era, word, order] = p.param;
  return name_of(era) + "_word" + std::to_string(word) +
         (order == ByteOrder::little ? "_little" : "_big");
}

INSTANTIATE_TEST_SUITE_P(Eras, OldEra,
                         testing::Combine(testing::ValuesIn(test::kOldEras),
                                          testing::Values(0U, 8U, 4U),
                                          testing::Values(ByteOrder::little, ByteOrder::big)),
                         [](const auto& p) { return name_of(p); });

// 4.4.0 and 4.5.0 mark tails as later kernels do, and their notes are those of 3.17: no block is
// taken for what it is not, and tails are seen as such.
TEST(Unnamed, CompoundPagesOf44WithANoteOf317) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    SyntheticKernel kernel({.era = Era::v4_4, .levels = 4, .order = order, .kaslr = false});
    for (const char* key : {"OFFSET(page.compound_head)", "OFFSET(page.compound_dtor)",
                            "OFFSET(page.compound_order)", "NUMBER(HUGETLB_PAGE_DTOR)"}) {
      kernel.note.remove(key);
    }
    kernel.note.set_hex("SYMBOL(free_huge_page)",
                        Vmcoreinfo(kernel.note.text()).symbol("_stext")->value + 0x700);
    kernel.compound(kAt, 4, Kind::kernel);
    // 4.5: the second page counts its mappings where others have page.mapping.
    kernel.put<std::uint32_t>(kAt + 1, kernel.fields().mapping, 0xffffffff);
    kernel.put<std::uint32_t>(kAt + 1, kernel.fields().mapping + 4, 0xffffffff);
    kernel.compound(kAt + 512, 9, Kind::anon);
    kernel.hugetlb(kAt + 1024, 9);
    const auto classes = classify_pages(kernel.model(), kernel.memory, {kAt, kAt + 2048});
    EXPECT_EQ(std::count(classes.begin(), classes.end(), PageClass::kernel), 2048);
  }
}

}  // namespace
}  // namespace vmsift
