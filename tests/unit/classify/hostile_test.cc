// SPDX-License-Identifier: GPL-2.0-or-later
// Memory of random words where the kernel's structures should be: any answer will do, as long as
// there is one for every page. Meant for the sanitizers.
#include "filters/filter.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <random>

namespace vmsift {
namespace {

using test::classify_pages;
using test::Era;
using test::SyntheticKernel;

constexpr Pfn kAt = 0x8000, kPages = 0x1000;

class Hostile : public testing::TestWithParam<Era> {
 protected:
  // Words of which most bits are often equal, so that masks, small orders and pointers come up too.
  std::uint64_t word() {
    switch (random() % 5) {
      case 0:
        return random();
      case 1:
        return random() % 32;
      case 2:
        return ~std::uint64_t{0} << random() % 64 | random() % 2;
      case 3:
        return kernel.struct_address(random() % (2 * kAt)).value | random() % 2;
      default:
        return std::uint64_t{1} << random() % 64;
    }
  }
  void fill(PhysAddr begin, std::uint64_t bytes) {
    for (std::uint64_t at = 0; at < bytes; at += 8)
      kernel.memory.put<std::uint64_t>(begin + at, word());
  }
  void classify_all() {
    const KernelModel model = kernel.model();
    for (const ClassSet skip : {ClassSet{}, dropped_classes(kMaxLevel)}) {
      for (const Pfn begin : {kAt, kAt + 1, kAt + kPages / 2 + 7}) {
        const auto classes = classify_pages(model, kernel.memory, {begin, kAt + kPages}, skip);
        EXPECT_EQ(std::count(classes.begin(), classes.end(), PageClass::hole), 0);
      }
    }
  }

  std::mt19937_64 random{20240229};
  SyntheticKernel kernel{{.era = GetParam()}};
};

TEST_P(Hostile, StructPages) {
  for (int round = 0; round < 3; ++round) {
    fill(kernel.struct_place(kAt - 64), 4096);
    fill(kernel.struct_place(kAt), kPages * 64);
    classify_all();
  }
}

TEST_P(Hostile, StructPagesWithOneWordOfThem) {
  for (const std::uint32_t offset : {0U, 8U, 16U, 24U, 40U, 48U}) {
    for (Pfn pfn = kAt; pfn < kAt + kPages; ++pfn) kernel.put<std::uint64_t>(pfn, offset, word());
    classify_all();
  }
}

TEST_P(Hostile, Sections) {
  for (int round = 0; round < 20; ++round) {
    fill({0x800 * 4096}, 64);  // the root array
    fill(kernel.section_entry(0), 8 * 32);
    classify_all();
  }
}

TEST_P(Hostile, PageTables) {
  // From the leaves up, since what is above a broken table is not reached any more.
  for (const Pfn table : {Pfn{0x407}, Pfn{0x406}, Pfn{0x404}, Pfn{0x402}, Pfn{0x400}, Pfn{0x300}}) {
    fill({table * 4096}, 4096);
    classify_all();
  }
}

INSTANTIATE_TEST_SUITE_P(Eras, Hostile, testing::ValuesIn(test::kEras),
                         [](const auto& era) { return name_of(era.param); });

}  // namespace
}  // namespace vmsift
