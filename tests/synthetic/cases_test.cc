// SPDX-License-Identifier: GPL-2.0-or-later
// Every case of cases/: the class of each page, the kept set of each level. Where something is
// damaged, nothing is left out that the whole kernel would keep, and the summary names what is off.
#include "filters/filter.h"
#include "src/classify/window_scan.h"
#include "tests/synthetic/case_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace vmsift {
namespace {

using test::Case;
using test::SyntheticMemory;

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(VMSIFT_CASES)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Scan {
  std::vector<PageClass> classes;
  std::vector<bool> kept;
};

Scan scan(const Case& c, const KernelModel& model, unsigned level) {
  const SyntheticMemory& memory = c.kernel->memory;
  const Pfn end = c.kernel->end();
  Scan found{std::vector<PageClass>(end, PageClass::hole), std::vector<bool>(end)};
  WindowScanner scanner(model, memory, dropped_classes(level));
  const auto window = std::make_unique<WindowResult>();
  for (Pfn at = memory.next_window(0, kWindowPages); at < end;
       at = memory.next_window(at + kWindowPages, kWindowPages)) {
    const auto scanned = scanner.scan(at, *window);
    EXPECT_TRUE(scanned) << scanned.message();
    for (Pfn pfn = window->pages.begin; pfn < window->pages.end; ++pfn) {
      const Pfn i = pfn - window->pages.begin;
      found.classes[pfn] = window->classes[i];
      found.kept[pfn] = (std::to_integer<unsigned>(window->kept[i / 8]) >> i % 8 & 1) != 0;
    }
  }
  return found;
}

// What the summary says is off or not as it should be.
std::string complaints(const KernelModel& model) {
  std::string text;
  for (const Downgrade& d : model.downgrades()) text += d.rule + ": " + d.reason + "\n";
  for (const std::string& w : model.warnings()) text += w + "\n";
  return text;
}

class SyntheticCase : public testing::TestWithParam<std::string> {
 protected:
  const Case c = test::read_case(std::string(VMSIFT_CASES) + "/" + GetParam() + ".txt");
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

INSTANTIATE_TEST_SUITE_P(All, SyntheticCase, testing::ValuesIn(case_names()), [](const auto& p) {
  std::string name = p.param;
  std::replace_if(
      name.begin(), name.end(), [](char ch) { return std::isalnum(ch) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace vmsift
