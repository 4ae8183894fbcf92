// SPDX-License-Identifier: GPL-2.0-or-later
// Windows: presence, holes, bitmaps and counts; and the whole dump by any number of threads.
#include "src/classify/window_scan.h"

#include "filters/filter.h"
#include "src/classify/classify_dump.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <memory>

namespace vmsift {
namespace {

using test::Kind;
using test::SyntheticKernel;

std::uint64_t count(const ClassCounts& counts, PageClass c) {
  return counts[static_cast<std::size_t>(c)];
}

// The second section has a hole of 1000 pages and 24 pages that the dump lacks; max_pfn lies within
// the third.
class WindowScan : public testing::Test {
 protected:
  static constexpr Pfn kHole = 0x9000, kAbsent = 0xa000, kMaxPfn = 0x10000 + 77;

  WindowScan() : kernel({.sections = 4}) {
    kernel.free_block(0x8000, 10);
    kernel.anon(0x8800);
    kernel.file(0x8801, true);
    kernel.offline(0x8802);
    kernel.slab(0x8808, 3);
    kernel.anon(kAbsent + 3);
    kernel.anon(kMaxPfn - 1);
    kernel.anon(kMaxPfn + 5);
    // The same memory again, with its holes.
    kernel.memory.edit_info().max_pfn = kMaxPfn;
    kernel.memory.clear_ranges();
    kernel.memory.add({0, kHole});
    kernel.memory.add({kHole + 1000, kAbsent});
    kernel.memory.add_absent({kAbsent, kAbsent + 24});
    kernel.memory.add({kAbsent + 24, kMaxPfn});
  }
  WindowResult& scan(Pfn first, unsigned level = 0) {
    const KernelModel model = kernel.model();
    EXPECT_TRUE(model.memory_map());
    WindowScanner scanner(model, kernel.memory, dropped_classes(level));
    EXPECT_TRUE(scanner.scan(first, *result));
    return *result;
  }
  SyntheticKernel kernel;
  std::unique_ptr<WindowResult> result = std::make_unique<WindowResult>();
};

TEST_F(WindowScan, CountsEveryPageOnce) {
  const WindowResult& w = scan(0x8000);
  EXPECT_EQ(w.pages, (PfnRange{0x8000, 0x10000}));
  EXPECT_EQ(count(w.counts, PageClass::hole), 1000U);
  EXPECT_EQ(count(w.counts, PageClass::absent), 24U);
  EXPECT_EQ(count(w.counts, PageClass::free), 1024U);
  EXPECT_EQ(count(w.counts, PageClass::user), 1U);  // the absent one is absent
  EXPECT_EQ(count(w.counts, PageClass::cache_private), 1U);
  EXPECT_EQ(count(w.counts, PageClass::offline), 1U);
  EXPECT_EQ(count(w.counts, PageClass::slab), 8U);
  std::uint64_t sum = 0;
  for (const std::uint64_t n : w.counts) sum += n;
  EXPECT_EQ(sum, kWindowPages);
}

TEST_F(WindowScan, BitmapsSayWhatExistsAndWhatIsKept) {
  for (const unsigned level : {0U, 8U, 16U, 31U}) {
    WindowResult& w = scan(0x8000, level);
    const BitSpan exists(w.exists), kept(w.kept);
    const ClassSet dropped = dropped_classes(level);
    std::uint64_t kept_pages = 0;
    for (std::size_t i = 0; i < kWindowPages; ++i) {
      const Pfn pfn = 0x8000 + i;
      const bool hole = pfn >= kHole && pfn < kHole + 1000;
      const bool absent = pfn >= kAbsent && pfn < kAbsent + 24;
      ASSERT_EQ(exists.test(i), !hole) << i;
      ASSERT_EQ(kept.test(i), !hole && !absent && !dropped.contains(kernel.expected[pfn])) << i;
      ASSERT_EQ(w.classes[i] == PageClass::hole, hole) << i;
      ASSERT_EQ(w.classes[i] == PageClass::absent, absent) << i;
      kept_pages += kept.test(i);
    }
    EXPECT_EQ(w.kept_pages, kept_pages);
  }
}

TEST_F(WindowScan, TheLastWindowEndsWithTheDump) {
  const WindowResult& w = scan(0x10000, 8);
  EXPECT_EQ(w.pages, (PfnRange{0x10000, kMaxPfn}));
  EXPECT_EQ(count(w.counts, PageClass::hole), 0U);
  EXPECT_EQ(count(w.counts, PageClass::user), 1U);
  EXPECT_EQ(w.kept_pages, 76U);
  EXPECT_TRUE(w.classes[77] == PageClass::hole);
}

// A result is written over and over: nothing of the window before may stay.
TEST_F(WindowScan, AResultIsUsedAgain) {
  scan(0x8000, 31);
  const WindowResult& again = scan(0x10000, 8);
  EXPECT_EQ(again.kept_pages, 76U);
  EXPECT_EQ(count(again.counts, PageClass::free), 0U);
  EXPECT_EQ(again.anomalies.torn_blocks, 0U);
}

TEST_F(WindowScan, AnomaliesAreThoseOfTheWindow) {
  kernel.put<std::uint64_t>(0x8000, 40, 52);  // the order of the free block
  const KernelModel model = kernel.model();
  WindowScanner scanner(model, kernel.memory, dropped_classes(0));
  ASSERT_TRUE(scanner.scan(0x8000, *result));
  EXPECT_EQ(result->anomalies.torn_blocks, 1U);
  ASSERT_TRUE(scanner.scan(0, *result));
  EXPECT_EQ(result->anomalies.torn_blocks, 0U);
}

TEST_F(WindowScan, WholeDumpByAnyNumberOfThreads) {
  const KernelModel model = kernel.model();
  for (const unsigned threads : {1U, 2U, 3U, 8U}) {
    std::vector<Pfn> firsts;
    std::uint64_t kept = 0;
    const auto totals = classify_dump(kernel.memory, model, dropped_classes(31), threads,
                                      [&](const WindowResult& w) {
                                        firsts.push_back(w.pages.begin);
                                        kept += w.kept_pages;
                                        return Result<void>();
                                      });
    ASSERT_TRUE(totals) << totals.message();
    EXPECT_EQ(firsts, (std::vector<Pfn>{0, 0x8000, 0x10000}));
    EXPECT_EQ(totals->kept_pages, kept);
    EXPECT_EQ(kept, kMaxPfn - 1000 - 24 - 1024 - 1 - 1 - 1 - 1);
    EXPECT_EQ(count(totals->counts, PageClass::hole), 1000U);
  }
}

// Windows without memory are not looked at, and count as holes all the same.
TEST_F(WindowScan, WindowsWithoutMemory) {
  kernel.memory.edit_info().max_pfn = 0x8000 * 10 + 5;
  kernel.memory.add({0x8000 * 9, 0x8000 * 9 + 10});
  const KernelModel model = kernel.model();
  for (const unsigned threads : {1U, 3U}) {
    std::size_t windows = 0;
    const auto totals = classify_dump(kernel.memory, model, {}, threads, [&](const WindowResult&) {
      ++windows;
      return Result<void>();
    });
    ASSERT_TRUE(totals);
    EXPECT_EQ(windows, 4U);
    EXPECT_EQ(count(totals->counts, PageClass::unknown), 10U);  // memory, but no section
    std::uint64_t sum = 0;
    for (const std::uint64_t n : totals->counts) sum += n;
    EXPECT_EQ(sum, 0x8000U * 10 + 5);
  }
}

TEST_F(WindowScan, AnErrorOfTheSinkEndsTheWalk) {
  const KernelModel model = kernel.model();
  for (const unsigned threads : {1U, 2U, 8U}) {
    int calls = 0;
    const auto totals =
        classify_dump(kernel.memory, model, {}, threads, [&](const WindowResult&) -> Result<void> {
          if (++calls == 2) return error("disk full");
          return {};
        });
    ASSERT_FALSE(totals);
    EXPECT_EQ(totals.message(), "disk full");
    EXPECT_EQ(calls, 2);
  }
}

}  // namespace
}  // namespace vmsift
