// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/memory_use.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace vmsift {
namespace {

TEST(MemoryUse, GrowsWithWhatIsTouched) {
  const MemoryUse before = memory_use();
  if (before.peak_resident == 0) GTEST_SKIP() << "/proc does not tell";
  constexpr std::size_t kMore = 64U << 20;
  const auto block = std::make_unique_for_overwrite<char[]>(kMore);
  std::memset(block.get(), 1, kMore);
  const MemoryUse after = memory_use();
  EXPECT_GE(after.anonymous, before.anonymous + kMore / 2);
  EXPECT_GE(after.peak_resident, after.anonymous);
}

}  // namespace
}  // namespace vmsift
