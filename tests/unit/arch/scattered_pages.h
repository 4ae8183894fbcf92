// SPDX-License-Identifier: GPL-2.0-or-later
// Pages that follow each other in virtual memory alone, as vmalloc() has them.
#pragma once

#include "mm-model/address_space.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vmsift::test {

class ScatteredPages {
 public:
  ScatteredPages(SyntheticKernel& kernel, VirtAddr start)
      : start_(start), page_(kernel.machine().page()), order_(kernel.shape().order) {
    for (std::size_t i = 0; i < kPages.size(); ++i) {
      const PhysAddr at = kernel.own(kPages[i]);
      kernel.map(start + i * page_, at, kernel.machine().page_shift);
      kernel.memory.put(at, first(i));
      kernel.memory.put(at + (page_ - sizeof(last(i))), last(i));
    }
  }

  // They are read in one, and nothing is mapped before and behind.
  void expect_in(AddressSpace& memory) const {
    std::vector<std::byte> all(kPages.size() * page_);
    ASSERT_TRUE(memory.read(start_, all));
    for (std::size_t i = 0; i < kPages.size(); ++i) {
      EXPECT_EQ(load<std::uint32_t>(&all[i * page_], order_), first(i));
      EXPECT_EQ(load<std::uint32_t>(&all[(i + 1) * page_ - 4], order_), last(i));
    }
    EXPECT_FALSE(memory.translate(start_ + all.size()));
    EXPECT_FALSE(memory.translate({start_.value - page_}));
  }

 private:
  static constexpr std::array<Pfn, 3> kPages = {0x60, 0x50, 0x70};
  static std::uint32_t first(std::size_t i) { return static_cast<std::uint32_t>(i + 1); }
  static std::uint32_t last(std::size_t i) { return static_cast<std::uint32_t>(0x100 + i); }

  VirtAddr start_;
  std::size_t page_;
  ByteOrder order_;
};

}  // namespace vmsift::test
