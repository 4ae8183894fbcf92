// SPDX-License-Identifier: GPL-2.0-or-later
// A sample of classes: all of a small memory exactly, and of a larger one numbers that are as near
// to the truth as they say.
#include "src/estimate/class_sample.h"

#include "filters/filter.h"
#include "src/classify/classify_dump.h"
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vmsift {
namespace {

using test::SyntheticKernel;

constexpr ClassSample::Extent kWhole{~std::uint64_t{0}, 1, 1, 1};
constexpr ClassSample::Extent kSlices{0, 1, 24, 24};

class ClassSampleTest : public testing::Test {
 protected:
  ClassSampleTest() : kernel({.sections = 8}) {
    test::Random random(7);
    Pfn pfn = SyntheticKernel::kFirstUnused;
    for (; pfn + 1024 <= kernel.end(); pfn += 1024) {
      switch (random.below(4)) {
        case 0:
        case 1:
          kernel.free_block(pfn, 10);
          break;
        case 2:
          for (Pfn p = pfn; p < pfn + 1024; p += 1 + random.below(4)) kernel.anon(p);
          break;
        default:
          for (Pfn p = pfn; p < pfn + 1024; p += 8) kernel.slab(p, 3);
      }
    }
    kernel.memory.clear_ranges();
    kernel.memory.add({0, 5 * SyntheticKernel::kSection - 100});  // windows without memory behind
    kernel.memory.add_absent({5 * SyntheticKernel::kSection - 100, 5 * SyntheticKernel::kSection});
    kernel.memory.add({7 * SyntheticKernel::kSection, kernel.end()});
  }
  ClassSample take(ClassSample::Extent extent, ClassSet skip = {}) {
    auto sample = ClassSample::take(model, kernel.memory, skip, extent);
    EXPECT_TRUE(sample) << sample.message();
    return *sample;
  }
  [[nodiscard]] ClassCounts truth() const {
    auto totals = classify_dump(kernel.memory, model, {}, 1,
                                [](const WindowResult&) -> Result<void> { return {}; });
    EXPECT_TRUE(totals);
    return totals->counts;
  }

  SyntheticKernel kernel;
  KernelModel model = kernel.model();
};

TEST_F(ClassSampleTest, AllOfASmallMemoryIsExact) {
  const ClassSample sample = take(kWhole);
  const ClassCounts counts = truth();
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    if (page_class == PageClass::hole) continue;  // those of windows without memory are not seen
    EXPECT_EQ(sample.pages(page_class).value, static_cast<double>(counts[c])) << c;
    EXPECT_EQ(sample.pages(page_class).error, 0) << c;
  }
  EXPECT_EQ(sample.pages(PageClass::absent).value, 100);
}

TEST_F(ClassSampleTest, SlicesTellTheRestWithinTheirError) {
  const ClassSample sample = take(kSlices);
  EXPECT_EQ(sample.slices(), 24U);
  const ClassCounts counts = truth();
  for (const PageClass c : {PageClass::free, PageClass::user, PageClass::slab, PageClass::kernel}) {
    const auto real = static_cast<double>(counts[static_cast<std::size_t>(c)]);
    const Expected told = sample.pages(c);
    EXPECT_GT(told.error, 0) << name_of(c);
    EXPECT_LT(told.error, real) << name_of(c);
    EXPECT_NEAR(told.value, real, 3 * told.error) << name_of(c);
  }
}

// Pages behind the head of a free block say nothing of it: a slice may not begin among them.
TEST_F(ClassSampleTest, SlicesBeginWhereBlocksDo) {
  SyntheticKernel all_free({.sections = 8});
  for (Pfn pfn = SyntheticKernel::kFirstUnused; pfn < all_free.end(); pfn += 1024) {
    all_free.free_block(pfn, 10);
  }
  const KernelModel of_it = all_free.model();
  auto sample = ClassSample::take(of_it, all_free.memory, dropped_classes(31), kSlices);
  ASSERT_TRUE(sample);
  for (std::size_t i = 0; i < sample->slices(); ++i) {
    const auto slice = sample->slice(i);
    EXPECT_EQ(slice.pages.begin % 1024, 0U);
    if (slice.pages.begin < SyntheticKernel::kFirstUnused) continue;
    for (const PageClass c : slice.classes) ASSERT_EQ(c, PageClass::free);
  }
}

TEST_F(ClassSampleTest, TheSameMemoryGivesTheSameSample) {
  const ClassSample one = take(kSlices);
  const ClassSample other = take(kSlices, dropped_classes(31));
  ASSERT_EQ(one.slices(), other.slices());
  Pfn before = 0;
  for (std::size_t i = 0; i < one.slices(); ++i) {
    EXPECT_EQ(one.slice(i).pages, other.slice(i).pages);
    EXPECT_GE(one.slice(i).pages.begin, before) << "no page twice";
    before = one.slice(i).pages.end;
  }
  EXPECT_EQ(one.counts(), other.counts());
}

TEST_F(ClassSampleTest, MoreSlicesTellMore) {
  const double few = take({0, 1, 24, 24}).pages(PageClass::free).error;
  const double many = take({0, 1, 96, 96}).pages(PageClass::free).error;
  EXPECT_LT(many, few);
}

TEST_F(ClassSampleTest, TotalsAreWeighted) {
  const ClassSample sample = take(kSlices);
  ClassSample::PerPage weights{};
  weights[static_cast<std::size_t>(PageClass::free)] = 10;
  EXPECT_DOUBLE_EQ(sample.total(weights).value, 10 * sample.pages(PageClass::free).value);
  EXPECT_NEAR(sample.total(weights).error, 10 * sample.pages(PageClass::free).error, 1e-3);
  // Every page frame that was looked at is of one class, so that together they are known exactly.
  ClassSample::PerPage all{};
  all.fill(1);
  EXPECT_EQ(sample.total(all).value, 6.0 * SyntheticKernel::kSection);
  EXPECT_EQ(sample.total(all).error, 0);
}

TEST_F(ClassSampleTest, WhatIsNotThereIsAHole) {
  constexpr std::uint64_t kPage = 4096;
  const Pfn begin = SyntheticKernel::kSection + 500;
  // Parts of pages stay.
  const MemoryRange range{{begin * kPage - 1}, {(begin + 3000) * kPage + 1}};
  auto sample = ClassSample::take(model, kernel.memory, {}, kWhole, {&range, 1});
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->pages(PageClass::hole).value, 3000);
  const ClassSample all = take(kWhole);
  double pages = 0;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (static_cast<PageClass>(c) == PageClass::hole) continue;
    pages +=
        all.pages(static_cast<PageClass>(c)).value - sample->pages(static_cast<PageClass>(c)).value;
  }
  EXPECT_EQ(pages, 3000);
}

TEST_F(ClassSampleTest, NoMemoryAtAll) {
  kernel.memory.clear_ranges();
  const ClassSample sample = take(kSlices);
  EXPECT_EQ(sample.slices(), 0U);
  EXPECT_EQ(sample.pages(PageClass::free).value, 0);
}

}  // namespace
}  // namespace vmsift
