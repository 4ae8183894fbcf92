// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes from a sample against the sizes of everything.
#include "src/estimate/size_estimate.h"

#include "filters/filter.h"
#include "src/kdump/format.h"
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace vmsift {
namespace {

using test::SyntheticKernel;

constexpr std::uint64_t kMany = std::uint64_t{1} << 40;
constexpr EstimateEffort kAll{{kMany, 1, 1, 1}, 1, kMany, kMany};

class SizeEstimateTest : public testing::Test {
 protected:
  static constexpr std::size_t kPage = 4096;

  SizeEstimateTest() : kernel({.sections = 1}) {
    test::Random random(11);
    for (Pfn pfn = SyntheticKernel::kFirstUnused; pfn < kernel.end(); ++pfn) {
      const auto kind = random.below(8);
      if (kind < 2) kernel.anon(pfn);
      if (kind == 2) kernel.file(pfn, false);
      if (random.below(3) == 0) continue;  // zeros
      const auto bytes = random.below(20) == 0 ? test::noise(kPage, pfn) : test::words(kPage, pfn);
      for (std::size_t at = 0; at < kPage; at += 8) {
        kernel.memory.put<std::uint64_t>({pfn * kPage + at},
                                         load<std::uint64_t>(&bytes[at], ByteOrder::little));
      }
    }
  }
  SizeEstimate estimate(EstimateEffort effort, ClassSet ignored = dropped_classes(0)) {
    auto made = SizeEstimate::make(model, kernel.memory, codecs, ignored, effort);
    EXPECT_TRUE(made) << made.message();
    return *made;
  }
  // Of every page.
  LevelCosts truth() {
    WindowScanner scanner(model, kernel.memory, dropped_classes(0));
    const auto window = std::make_unique<WindowResult>();
    auto costs =
        measure_levels(kernel.memory,
                       each_window(kernel.memory, kWindowPages, {0, kernel.end()},
                                   [&](Pfn first) -> Result<KeptWindow> {
                                     if (auto done = scanner.scan(first, *window); !done)
                                       return done.take_error();
                                     return KeptWindow{first, window->kept, window->classes};
                                   }),
                       codecs, 1, [](std::uint64_t) {});
    EXPECT_TRUE(costs);
    return *costs;
  }
  static double bytes_of(const LevelCosts& costs, unsigned level, std::size_t codec) {
    return static_cast<double>(costs.pages(level) * kdump::kDescriptorBytes +
                               costs.page_data_bytes(level, costs.codecs[codec], kPage));
  }

  const std::array<const Codec*, 2> codecs = {find_codec_by_name("lzo"),
                                              find_codec_by_name("none")};
  SyntheticKernel kernel;
  KernelModel model = kernel.model();
};

TEST_F(SizeEstimateTest, EverythingLookedAtIsExact) {
  const SizeEstimate all = estimate(kAll);
  const LevelCosts costs = truth();
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    EXPECT_EQ(all.pages(level).value, static_cast<double>(costs.pages(level)));
    for (std::size_t c = 0; c < codecs.size(); ++c) {
      EXPECT_NEAR(all.kdump_bytes(level, c).value, bytes_of(costs, level, c), 1) << level;
      EXPECT_LT(all.kdump_bytes(level, c).error, 1) << level;
    }
  }
}

TEST_F(SizeEstimateTest, ASampleIsWithinItsError) {
  const LevelCosts costs = truth();
  const SizeEstimate some = estimate({{kWindowPages, 1, 1, 1}, 1, 64, 1024});
  EXPECT_LE(some.costs().pages(0), 1024U + kPageClasses);
  EXPECT_GE(some.costs().pages(0), 1000U);
  for (const unsigned level : {0U, 1U, 2U, 8U, 16U, 31U}) {
    for (std::size_t c = 0; c < codecs.size(); ++c) {
      const Expected told = some.kdump_bytes(level, c);
      EXPECT_GT(told.error, 0);
      EXPECT_LT(told.error, told.value / 10) << level;
      EXPECT_NEAR(told.value, bytes_of(costs, level, c), 3 * told.error) << level;
    }
  }
}

TEST_F(SizeEstimateTest, ReadsNoMoreThanItsPart) {
  const ClassSet ignored = dropped_classes(31);
  const SizeEstimate quick = estimate(kQuickEstimate, ignored);
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (ignored.contains(static_cast<PageClass>(c))) {
      EXPECT_EQ(quick.costs().classes[c].pages, 0U) << c;
    }
  }
  EXPECT_LE(quick.costs().pages(0),
            static_cast<std::uint64_t>(quick.pages(31).value) / 256 + 64 + kPageClasses);
  EXPECT_NEAR(quick.kdump_bytes(31, 0).value, bytes_of(truth(), 31, 0),
              4 * quick.kdump_bytes(31, 0).error);
}

TEST_F(SizeEstimateTest, ElfHasNoZeroPagesWhereTheseAreLeftOut) {
  const SizeEstimate all = estimate(kAll);
  const LevelCosts costs = truth();
  std::uint64_t zeros = 0;
  for (const ClassCost& cost : costs.classes) zeros += cost.zero_pages;
  EXPECT_GT(zeros, 5000U);
  EXPECT_NEAR(all.elf_bytes(0).value, static_cast<double>(costs.pages(0) * kPage), 1);
  EXPECT_NEAR(all.elf_bytes(1).value, static_cast<double>((costs.pages(0) - zeros) * kPage), 1);
}

TEST_F(SizeEstimateTest, NothingThatIsDumped) {
  kernel.memory.clear_ranges();
  const SizeEstimate none = estimate(kQuickEstimate);
  EXPECT_EQ(none.pages(0).value, 0);
  EXPECT_EQ(none.kdump_bytes(0, 0).value, 0);
  EXPECT_EQ(none.elf_bytes(1).error, 0);
}

}  // namespace
}  // namespace vmsift
