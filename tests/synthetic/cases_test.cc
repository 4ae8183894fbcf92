// SPDX-License-Identifier: GPL-2.0-or-later
// Every case of cases/: the class of each page, the kept set of each level. Where something is
// damaged, nothing is left out that the whole kernel would keep, and the summary names what is off.
#include "filters/filter.h"
#include "tests/synthetic/scan_case.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vmsift {
namespace {

using test::Case;
using test::Scan;
using test::scan;

// What the summary says is off or not as it should be.
std::string complaints(const KernelModel& model) {
  std::string text;
  for (const Downgrade& d : model.downgrades()) text += d.rule + ": " + d.reason + "\n";
  for (const std::string& w : model.warnings()) text += w + "\n";
  return text;
}

class SyntheticCase : public testing::TestWithParam<std::string> {
 protected:
  const Case c = test::case_of(GetParam());
  const KernelModel model = c.kernel->model();
};

TEST_P(SyntheticCase, EachPageIsWhatItIs) {
  const Scan found = scan(c, model, 0);
  const std::vector<PageClass>& truth = c.kernel->expected;
  for (Pfn pfn = 0; pfn < truth.size(); ++pfn) {
    const bool counts =
        !c.spoilt || c.same.contains(truth[pfn]) || c.same.contains(found.classes[pfn]);
    if (!counts) continue;
    ASSERT_EQ(name_of(found.classes[pfn]), name_of(truth[pfn])) << std::hex << pfn << "\n"
                                                                << complaints(model);
  }
}

TEST_P(SyntheticCase, WhatALevelKeepsIsKept) {
  for (const unsigned level : {1U, 2U, 4U, 8U, 16U, 31U}) {
    const ClassSet dropped = dropped_classes(level);
    const Scan found = scan(c, model, level);
    for (Pfn pfn = 0; pfn < c.kernel->end(); ++pfn) {
      const PageClass truth = c.kernel->expected[pfn];
      const bool wanted = truth != PageClass::hole && !dropped.contains(truth);
      if (c.spoilt && !wanted) continue;
      ASSERT_EQ(found.kept[pfn], wanted) << "level " << level << " page " << std::hex << pfn
                                         << ", which is " << name_of(truth) << "\n"
                                         << complaints(model);
    }
  }
}

TEST_P(SyntheticCase, TheSummaryNamesWhatIsOff) {
  const std::string said = complaints(model);
  for (const std::string& text : c.reports) {
    EXPECT_NE(said.find(text), std::string::npos) << text << "\nis not in\n" << said;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SyntheticCase, testing::ValuesIn(test::case_names()),
                         [](const auto& p) { return test::test_name(p.param); });

}  // namespace
}  // namespace vmsift
