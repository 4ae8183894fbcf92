// SPDX-License-Identifier: GPL-2.0-or-later
// Words of a kernel's own structures overwritten at random: page tables, sections, nodes, zones,
// free lists, struct pages. What comes out may be anything, but it comes out, and soon.
#include "tests/synthetic/scan_case.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <iterator>

namespace vmsift {
namespace {

using test::Case;
using test::SyntheticMemory;

constexpr int kRounds = 60;

class Damage : public testing::TestWithParam<const char*> {};

// A place in one of the pages that hold something.
PhysAddr somewhere(const SyntheticMemory& memory, test::Random& random) {
  const auto& pages = memory.written();
  const auto page =
      std::next(pages.begin(), static_cast<std::ptrdiff_t>(random.below(pages.size())));
  return {page->first * memory.info().page_size + random.below(memory.info().page_size / 4) * 4};
}

std::uint32_t a_value(SyntheticMemory& memory, test::Random& random) {
  switch (random.below(4)) {
    case 0:
      return 0;
    case 1:
      return 0xffffffff;
    case 2:
      return memory.get<std::uint32_t>(somewhere(memory, random));
    default:
      return static_cast<std::uint32_t>(random.next());
  }
}

TEST_P(Damage, IsSurvived) {
  for (int round = 0; round < kRounds; ++round) {
    const Case c = test::case_of(GetParam());
    SyntheticMemory& memory = c.kernel->memory;
    test::Random random(static_cast<std::uint64_t>(round));
    for (std::uint64_t i = 0, n = 1 + random.below(200); i < n; ++i) {
      const PhysAddr at = somewhere(memory, random);
      memory.put(at, a_value(memory, random));
    }
    const KernelModel model = c.kernel->model();
    const test::Scan found = test::scan(c, model, 0);
    EXPECT_EQ(found.classes.size(), c.kernel->end());
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Damage,
                         testing::Values("2.6.24-discontig", "2.6.24-static", "2.6.32-extreme",
                                         "2.6.32-nodes", "3.17-vmemmap", "4.4-vmemmap",
                                         "7.1-mask-vmemmap", "made-up-32-flat"),
                         [](const auto& p) { return test::test_name(p.param); });

}  // namespace
}  // namespace vmsift
