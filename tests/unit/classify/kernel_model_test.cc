// SPDX-License-Identifier: GPL-2.0-or-later
// What is known of a kernel when parts of it are missing: always a model, with the reason by name.
#include "src/classify/kernel_model.h"

#include "filters/filter.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::classify_pages;
using test::Era;
using test::SyntheticKernel;

class KernelModelTest : public testing::Test {
 protected:
  static bool names(const KernelModel& model, std::string_view rule, std::string_view reason) {
    for (const Downgrade& d : model.downgrades()) {
      if (d.rule.find(rule) != std::string::npos && d.reason.find(reason) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  SyntheticKernel kernel{{}};
};

TEST_F(KernelModelTest, AKernelThatIsUnderstoodHasNoDowngrades) {
  for (const Era era : test::kEras) {
    const SyntheticKernel whole({.era = era});
    const KernelModel model = whole.model();
    EXPECT_TRUE(model.memory_map());
    EXPECT_TRUE(model.can_translate());
    EXPECT_TRUE(model.downgrades().empty()) << name_of(era) << ": " << model.downgrades()[0].reason;
    EXPECT_TRUE(model.warnings().empty()) << model.warnings()[0];
  }
}

TEST_F(KernelModelTest, WithoutANoteNothingIsDropped) {
  kernel.anon(0x8000);
  const KernelModel model = KernelModel::detect(Vmcoreinfo(), kernel.memory);
  EXPECT_FALSE(model.memory_map());
  EXPECT_TRUE(names(model, "all page classes", "no VMCOREINFO"));
  Anomalies anomalies;
  const auto classes = classify_pages(model, kernel.memory, {0x8000, 0x8100}, {}, &anomalies);
  EXPECT_EQ(classes, std::vector<PageClass>(256, PageClass::unknown));
  EXPECT_EQ(anomalies.no_memory_map, 256U);
}

TEST_F(KernelModelTest, UnknownMachines) {
  kernel.memory.edit_info().machine = EM_ALPHA;
  EXPECT_FALSE(kernel.model().memory_map());
  kernel.memory.edit_info().machine = 0;
  EXPECT_FALSE(kernel.model().memory_map());
  kernel.memory.edit_info().machine_name = "x86_64";
  EXPECT_TRUE(kernel.model().memory_map());
}

TEST_F(KernelModelTest, ARuleThatIsOffIsNamed) {
  struct Missing {
    const char* key;
    const char* rule;
  };
  for (const Missing& m : {Missing{"NUMBER(PG_lru)", "cache"},
                           {"NUMBER(PG_private)", "cache"},
                           {"OFFSET(page.mapping)", "user"},
                           {"NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", "user"},
                           {"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "free"},
                           {"OFFSET(page.private)", "free"},
                           {"LENGTH(zone.free_area)", "free"},
                           {"NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)", "hugetlb"},
                           {"NUMBER(PG_head_mask)", "compound"},
                           {"OFFSET(page.compound_head)", "compound"},
                           {"OFFSET(page.compound_head)", "user"}}) {
    SyntheticKernel damaged({});
    damaged.note.remove("SYMBOL(node_data)");  // else free lists do without the mark
    damaged.note.remove(m.key);
    EXPECT_TRUE(names(damaged.model(), m.rule, m.key)) << m.key;
  }
}

TEST_F(KernelModelTest, WhatACertainKernelNeedNotHaveIsNotMissed) {
  SyntheticKernel without({});
  without.note.remove("NUMBER(PG_hwpoison)");
  EXPECT_TRUE(without.model().downgrades().empty());
}

// The balloon marks its pages since 5.0; until 6.8 a kernel without hugetlb does not say how.
TEST_F(KernelModelTest, WhatNewerKernelsHaveIsMissedInThose) {
  for (const auto& [release, missed] : {std::pair{"4.19.0-27-amd64", false}, {"5.0.0", true}}) {
    SyntheticKernel without({});
    without.note.remove("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)");
    without.note.remove("OSRELEASE");
    without.note.set("OSRELEASE", release);
    EXPECT_EQ(names(without.model(), "offline", "PAGE_OFFLINE_MAPCOUNT_VALUE"), missed) << release;
    EXPECT_EQ(without.model().downgrades().size(), missed ? 1U : 0U) << release;
  }
}

// The text is mapped in two ways, and where they differ the operator is told.
TEST_F(KernelModelTest, TablesThatContradictTheNote) {
  kernel.map(*Vmcoreinfo(kernel.note.text()).symbol("_stext"), {0x600000}, 21);
  const KernelModel model = kernel.model();
  EXPECT_FALSE(model.memory_map())
      << "struct pages found through stale facts are not to be believed";
  ASSERT_EQ(model.downgrades().size(), 1U);
  EXPECT_NE(model.downgrades()[0].reason.find("_stext"), std::string::npos);
}

TEST_F(KernelModelTest, AWrongNumberOfLevelsLeadsNowhere) {
  for (const unsigned levels : {4U, 5U}) {
    SyntheticKernel other({.levels = levels});
    other.note.set("NUMBER(pgtable_l5_enabled)", levels == 4);
    const KernelModel model = other.model();
    EXPECT_FALSE(model.memory_map());
    EXPECT_FALSE(model.warnings().empty());
  }
}

}  // namespace
}  // namespace vmsift
