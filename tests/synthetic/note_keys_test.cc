// SPDX-License-Identifier: GPL-2.0-or-later
// The notes of old releases, each line of them taken away or made worthless: less known must never
// mean more dropped. (classify's note_damage_test does this with real notes of newer ones.)
#include "filters/filter.h"
#include "tests/synthetic/scan_case.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::Case;

class NoteKeys : public testing::TestWithParam<const char*> {
 protected:
  // The first page that a level leaves out which it would keep with the whole note.
  std::string first_loss() const {
    const auto found = test::scan(c, c.kernel->model(), 0).classes;
    for (const unsigned level : {0U, 2U, 4U, 8U, 16U}) {
      const ClassSet dropped = dropped_classes(level);
      for (Pfn pfn = 0; pfn < found.size(); ++pfn) {
        const PageClass truth = c.kernel->expected[pfn];
        if (found[pfn] == truth || !dropped.contains(found[pfn]) || dropped.contains(truth)) {
          continue;
        }
        return fmt::format("level {} drops page {:#x} as {}, which is {}", level, pfn,
                           name_of(found[pfn]), name_of(truth));
      }
    }
    return {};
  }

  Case c = test::case_of(GetParam());
};

TEST_P(NoteKeys, NoneCostsAPage) {
  EXPECT_EQ(first_loss(), "");
  const test::Note whole = c.kernel->note;
  for (const auto& [key, value] : whole.lines()) {
    c.kernel->note.remove(key);
    EXPECT_EQ(first_loss(), "") << "without " << key;
    for (const char* worthless : {"0", "ffffffffffffffff", "-1", "7fffffff", "2743", "zz"}) {
      c.kernel->note = whole;
      c.kernel->note.set(key, worthless);
      EXPECT_EQ(first_loss(), "") << key << "=" << worthless;
    }
    c.kernel->note = whole;
  }
}

INSTANTIATE_TEST_SUITE_P(Releases, NoteKeys,
                         testing::Values("2.6.24-flat", "2.6.24-discontig", "2.6.32-extreme",
                                         "2.6.38-vmemmap", "3.10-vmemmap", "3.17-vmemmap",
                                         "4.4-vmemmap", "4.19-vmemmap", "5.4-vmemmap",
                                         "made-up-32-flat"),
                         [](const auto& p) { return test::test_name(p.param); });

}  // namespace
}  // namespace vmsift
