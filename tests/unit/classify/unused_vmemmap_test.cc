// SPDX-License-Identifier: GPL-2.0-or-later
// Which struct pages -e leaves out, against what a made-up kernel knows of its own.
#include "src/classify/unused_vmemmap.h"

#include "filters/filter.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace vmsift {
namespace {

using test::Era;
using test::SyntheticKernel;

constexpr Pfn kSection = SyntheticKernel::kSection;
constexpr Pfn kPerPage = 4096 / 64;  // struct pages in a page

class UnusedVmemmapTest : public testing::Test {
 protected:
  // Section 1 is free but for one page every `step` struct-page pages; the rest is the kernel's.
  void fill(SyntheticKernel& kernel, Pfn step) {
    for (Pfn pfn = kSection; pfn < 2 * kSection; pfn += kPerPage) {
      if (pfn / kPerPage % step != 0) kernel.free_block(pfn, 6);
    }
  }
  std::set<Pfn> find(const SyntheticKernel& kernel, std::size_t most = UnusedVmemmap::kMostRanges,
                     bool* overflowed = nullptr) {
    const KernelModel model = kernel.model();
    UnusedVmemmap unused(model, kernel.memory, most);
    WindowScanner scanner(model, kernel.memory, dropped_classes(kMaxLevel));
    const auto window = std::make_unique<WindowResult>();
    for (Pfn first = 0; first < kernel.memory.info().max_pfn; first += kWindowPages) {
      EXPECT_TRUE(scanner.scan(first, *window));
      for (Pfn pfn = 0; pfn < window->pages.size(); ++pfn) {
        if (BitSpan(window->kept).test(pfn)) kept_.insert(first + pfn);
      }
      unused.look(*window);
    }
    unused.finish();
    if (overflowed != nullptr) *overflowed = unused.overflowed();
    std::set<Pfn> pages;
    Pfn end = 0;
    for (const PfnRange& range : unused.pages()) {
      EXPECT_GE(range.begin, end) << "sorted and disjoint";
      end = range.end;
      for (Pfn pfn = range.begin; pfn < range.end; ++pfn) pages.insert(pfn);
    }
    return pages;
  }
  // Pages of struct pages of which none describes a page that is kept.
  std::set<Pfn> expected(const SyntheticKernel& kernel) {
    std::set<Pfn> pages;
    for (Pfn pfn = 0; pfn < kernel.memory.info().max_pfn; pfn += kPerPage) {
      const auto next = kept_.lower_bound(pfn);
      if (next != kept_.end() && *next < pfn + kPerPage) continue;
      pages.insert(kernel.struct_place(pfn).value / 4096);
    }
    return pages;
  }

  std::set<Pfn> kept_;
};

TEST_F(UnusedVmemmapTest, AreThoseThatDescribeNothingThatIsKept) {
  for (const Pfn step : {2, 3, 100}) {
    kept_.clear();
    SyntheticKernel kernel({});
    fill(kernel, step);
    const auto found = find(kernel);
    EXPECT_GT(found.size(), 200U);
    EXPECT_EQ(found, expected(kernel)) << step;
  }
}

TEST_F(UnusedVmemmapTest, NothingIsLeftOutWhereEveryPageIsKept) {
  const SyntheticKernel kernel({});
  EXPECT_TRUE(find(kernel).empty());
}

// One page shows up in place of the struct pages of all tails.
TEST_F(UnusedVmemmapTest, StructPagesThatSmallPagesMapStay) {
  SyntheticKernel kernel({.era = Era::v6_1, .sections = 3});
  kernel.hugetlb(2 * kSection, 9, true);
  fill(kernel, 2);
  for (const Pfn pfn : find(kernel)) {
    for (Pfn described = 2 * kSection; described < 2 * kSection + 512; described += kPerPage) {
      ASSERT_NE(pfn, kernel.struct_place(described).value / 4096);
    }
  }
}

TEST_F(UnusedVmemmapTest, RangesHaveABound) {
  SyntheticKernel kernel({});
  fill(kernel, 2);
  bool overflowed = false;
  const auto all = find(kernel, 1000, &overflowed);
  EXPECT_FALSE(overflowed);
  ASSERT_GT(all.size(), 20U);
  const auto some = find(kernel, 20, &overflowed);
  EXPECT_TRUE(overflowed);
  EXPECT_EQ(some.size(), 20U) << "each is a range of its own here";
  for (const Pfn pfn : some) EXPECT_TRUE(all.count(pfn));
}

TEST_F(UnusedVmemmapTest, StructPagesThatCrossPagesStay) {
  SyntheticKernel kernel({.page_struct_size = 56});
  fill(kernel, 2);
  EXPECT_TRUE(find(kernel).empty());
}

TEST(MarkUnusedVmemmap, MarksMemoryWithinTheWindow) {
  const std::vector<PfnRange> unused = {{0, 3}, {98, 102}, {105, 106}, {108, 300}};
  std::vector<PageClass> classes(10, PageClass::kernel);
  classes[0] = PageClass::hole;    // 100
  classes[8] = PageClass::absent;  // 108
  mark_unused_vmemmap(unused, {100, 110}, classes);
  const std::vector<PageClass> marked = {
      PageClass::hole,   PageClass::unused_vmemmap, PageClass::kernel, PageClass::kernel,
      PageClass::kernel, PageClass::unused_vmemmap, PageClass::kernel, PageClass::kernel,
      PageClass::absent, PageClass::unused_vmemmap};
  EXPECT_EQ(classes, marked);
  mark_unused_vmemmap({}, {100, 110}, classes);
  EXPECT_EQ(classes, marked);
}

}  // namespace
}  // namespace vmsift
