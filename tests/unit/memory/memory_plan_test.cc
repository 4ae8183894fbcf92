// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/memory/memory_plan.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// 2 MiB and one for each thread.
MemoryRequest request(unsigned threads) {
  MemoryRequest r;
  r.threads = threads;
  r.fixed_bytes = 2 * kMiB;
  r.thread_bytes = [](unsigned n) { return n * kMiB; };
  return r;
}

TEST(MemoryPlan, AsksForWhatTheRequestSays) {
  const MemoryPlan plan = plan_memory(request(8), 100 * kMiB);
  EXPECT_EQ(plan.threads, 8U);
  EXPECT_EQ(plan.needed, 10 * kMiB);
  EXPECT_EQ(plan.least, 3 * kMiB);
  EXPECT_EQ(plan.available, 100 * kMiB);
  EXPECT_TRUE(plan.fits());
}

TEST(MemoryPlan, LeavesAQuarterToOthers) {
  EXPECT_EQ(share_to_plan(100 * kMiB), 75 * kMiB);
  const MemoryPlan plan = plan_memory(request(8), 8 * kMiB);
  EXPECT_EQ(plan.threads, 4U);
  EXPECT_EQ(plan.needed, 6 * kMiB);
  EXPECT_TRUE(plan.fits());
}

TEST(MemoryPlan, IsTheSmallestWhereNothingFits) {
  for (const std::uint64_t available : {std::uint64_t{0}, kMiB, 3 * kMiB}) {
    const MemoryPlan plan = plan_memory(request(8), available);
    EXPECT_EQ(plan.threads, 1U);
    EXPECT_EQ(plan.needed, plan.least);
    EXPECT_FALSE(plan.fits());
  }
  EXPECT_TRUE(plan_memory(request(8), 4 * kMiB).fits());
}

TEST(MemoryPlan, IsBoundedHoweverMuchThereIs) {
  EXPECT_EQ(share_to_plan(std::nullopt), 1024 * kMiB);
  EXPECT_EQ(share_to_plan(~std::uint64_t{0}), 1024 * kMiB);
  EXPECT_EQ(plan_memory(request(5000), std::nullopt).threads, 1022U);
}

TEST(MemoryPlan, NoThreadIsOne) {
  EXPECT_EQ(plan_memory(request(0), std::nullopt).threads, 1U);
}

TEST(MemoryPlan, StridesThatAreUsedAreNeeded) {
  MemoryRequest r = request(2);
  r.stride_bytes = 4 * kMiB;
  r.least_stride_bytes = kMiB / 4;
  r.uses_strides = true;
  MemoryPlan plan = plan_memory(r, 100 * kMiB);
  EXPECT_EQ(plan.needed, (4 + 4 * 4) * kMiB);
  EXPECT_EQ(plan.least, 3 * kMiB + 3 * kMiB / 4);
  plan = plan_memory(r, 12 * kMiB);  // of which 9 may be planned
  EXPECT_EQ(plan.threads, 1U);
  EXPECT_EQ(plan.stride_bytes, 2 * kMiB);
  EXPECT_EQ(plan.needed, 9 * kMiB);
}

// They may have to be used later: no thread is given up for that, but strides become smaller.
TEST(MemoryPlan, StridesThatMayBeUsedAreMadeToFit) {
  MemoryRequest r = request(2);
  r.stride_bytes = 4 * kMiB;
  r.least_stride_bytes = kMiB / 4;
  const MemoryPlan plan = plan_memory(r, 12 * kMiB);
  EXPECT_EQ(plan.threads, 2U);
  EXPECT_EQ(plan.needed, 4 * kMiB);
  EXPECT_EQ(plan.stride_bytes, kMiB);
  EXPECT_EQ(plan_memory(r, 0).stride_bytes, kMiB / 4);
}

TEST(MemoryPlan, WithoutListsThereAreNoStrides) {
  EXPECT_EQ(plan_memory(request(2), 0).stride_bytes, 0U);
}

TEST(MemoryPlan, SmallIsWhatIsKnownToBe) {
  EXPECT_TRUE(is_small(100 * kMiB));
  EXPECT_FALSE(is_small(1024 * kMiB));
  EXPECT_FALSE(is_small(std::nullopt));
}

}  // namespace
}  // namespace vmsift
