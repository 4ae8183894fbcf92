// SPDX-License-Identifier: GPL-2.0-or-later
// Memory blocks that are offline: pages without a user are left out, and nothing else is, whatever
// is in struct pages that were never initialised.
#include "filters/filter.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace vmsift {
namespace {

using test::classify_pages;
using test::Encoding;
using test::Era;
using test::SyntheticKernel;

constexpr Pfn kBlock = SyntheticKernel::kSection;  // the second section
constexpr std::uint32_t kRefcount = 52;
constexpr std::uint64_t kOnline = 4;

class OfflineBlock : public testing::TestWithParam<Era> {
 protected:
  OfflineBlock() : kernel({.era = GetParam()}) { set_online(1, false); }

  void set_online(std::uint64_t section, bool online) {
    const PhysAddr at = kernel.section_entry(section);
    const auto word = kernel.memory.get<std::uint64_t>(at) & ~kOnline;
    kernel.memory.put<std::uint64_t>(at, word | (online ? kOnline : 0));
  }
  // As a page is left when its block is offlined.
  void idle(Pfn pfn) {
    kernel.put<std::uint32_t>(pfn, Encoding::kMapcount, 0xffffffff);
    kernel.put<std::uint32_t>(pfn, kRefcount, 0);
  }
  std::vector<PageClass> classify(Pfn begin = kBlock, Pfn end = kBlock + 0x1000) {
    return classify_pages(kernel.model(), kernel.memory, {begin, end}, dropped_classes(0));
  }
  void fill(Pfn pfn, std::byte value) {
    for (std::uint32_t at = 0; at < 64; ++at) {
      kernel.put<std::uint8_t>(pfn, at, static_cast<std::uint8_t>(value));
    }
  }

  SyntheticKernel kernel;
};

TEST_P(OfflineBlock, PagesWithoutAUserAreLeftOut) {
  for (Pfn pfn = kBlock; pfn < kBlock + 0x1000; ++pfn) idle(pfn);
  // What holds the struct pages of the block is in use (memmap_on_memory).
  for (Pfn pfn = kBlock; pfn < kBlock + 8; ++pfn) kernel.put<std::uint32_t>(pfn, kRefcount, 1);
  kernel.put<std::uint32_t>(kBlock + 20, Encoding::kMapcount, 0);  // mapped once
  kernel.poison(kBlock + 21);
  kernel.set_type(kBlock + 22, kernel.encoding().offline, PageClass::offline);
  const auto classes = classify();
  for (Pfn i = 0; i < classes.size(); ++i) {
    const PageClass expected = i < 8 || i == 20 ? PageClass::kernel
                               : i == 21        ? PageClass::hwpoison
                                                : PageClass::offline;
    ASSERT_EQ(name_of(classes[i]), name_of(expected)) << i;
  }
  EXPECT_EQ(classify(kBlock + 5, kBlock + 30)[3], PageClass::offline);
}

TEST_P(OfflineBlock, OneThatIsOnlineIsDecidedAsEver) {
  set_online(1, true);
  for (Pfn pfn = kBlock; pfn < kBlock + 0x1000; ++pfn) idle(pfn);
  kernel.anon(kBlock + 3);
  const auto classes = classify();
  EXPECT_EQ(std::count(classes.begin(), classes.end(), PageClass::kernel), 0xfff);
  EXPECT_EQ(classes[3], PageClass::user);
}

TEST_P(OfflineBlock, NoneIsWhereTheKernelsOwnSectionHasNotTheBit) {
  set_online(0, false);
  for (Pfn pfn = kBlock; pfn < kBlock + 0x1000; ++pfn) idle(pfn);
  const auto classes = classify();
  EXPECT_EQ(std::count(classes.begin(), classes.end(), PageClass::kernel), 0x1000);
  const KernelModel model = kernel.model();
  const auto& rules = model.rules().rules();
  const auto rule = std::find_if(rules.begin(), rules.end(), [](const RuleStatus& r) {
    return r.filter->name == "pages of offline memory blocks";
  });
  ASSERT_NE(rule, rules.end());
  EXPECT_NE(rule->off.find("SECTION_IS_ONLINE"), std::string::npos) << rule->off;
}

// Zeros, ones (CONFIG_DEBUG_VM), or what the memory held before: struct pages of other uses.
TEST_P(OfflineBlock, StructPagesThatWereNeverInitialisedLoseNothing) {
  for (Pfn pfn = kBlock; pfn < kBlock + 0x10; ++pfn) fill(pfn, std::byte{0});
  for (Pfn pfn = kBlock + 0x10; pfn < kBlock + 0x20; ++pfn) fill(pfn, std::byte{0xff});
  kernel.free_block(kBlock + 0x20, 5);
  kernel.anon(kBlock + 0x40);
  kernel.file(kBlock + 0x41, true);
  kernel.slab(kBlock + 0x48, 3);
  kernel.compound(kBlock + 0x50, 4, test::Kind::anon);
  kernel.hugetlb(kBlock + 0x200, 9);
  const auto classes = classify();
  EXPECT_EQ(std::count(classes.begin(), classes.end(), PageClass::kernel),
            static_cast<std::ptrdiff_t>(classes.size()));
}

TEST_P(OfflineBlock, WithoutAnEntryThatCouldNameAUserAllIsKept) {
  for (Pfn pfn = kBlock; pfn < kBlock + 0x40; ++pfn) idle(pfn);
  const test::Note whole = kernel.note;
  const std::string tail = fmt::format("OFFSET({})", kernel.encoding().tail_key);
  for (const std::string& key :
       {std::string("OFFSET(page._refcount)"), std::string("OFFSET(page._mapcount)"),
        std::string("OFFSET(page.mapping)"), std::string("OFFSET(page.flags)"),
        std::string("NUMBER(PG_lru)"), std::string("NUMBER(PG_private)"),
        std::string("NUMBER(PG_swapcache)"), std::string("NUMBER(PG_head_mask)"),
        std::string("SYMBOL(_stext)"), tail}) {
    kernel.note = whole;
    kernel.note.remove(key);
    for (const PageClass c : classify()) ASSERT_NE(c, PageClass::offline) << key;
  }
}

// Any word that is not in order is one that a page in use has.
TEST_P(OfflineBlock, RandomStructPages) {
  std::mt19937_64 random{20240229};
  for (Pfn pfn = kBlock; pfn < kBlock + 0x1000; ++pfn) {
    idle(pfn);
    const auto at = static_cast<std::uint32_t>(random() % 2 != 0 ? kRefcount : Encoding::kMapcount);
    kernel.put<std::uint32_t>(pfn, at, static_cast<std::uint32_t>(random() | 1) & 0x7fffffff);
  }
  const auto classes = classify();
  EXPECT_EQ(std::count(classes.begin(), classes.end(), PageClass::kernel), 0x1000);
}

INSTANTIATE_TEST_SUITE_P(Eras, OfflineBlock, testing::ValuesIn(test::kEras),
                         [](const auto& era) { return name_of(era.param); });

// Struct pages that cross pages are read together: one page of them that is missing costs its own.
TEST(UnreadableStructPages, CostNoMoreThanThemselves) {
  for (const bool offline : {false, true}) {
    SyntheticKernel kernel({.page_struct_size = 56});
    if (offline) {
      const PhysAddr at = kernel.section_entry(1);
      kernel.memory.put(at, kernel.memory.get<std::uint64_t>(at) & ~kOnline);
    }
    const Pfn missing = kernel.struct_place(kBlock + 300).value / 4096;
    kernel.memory.set_unreadable(missing);
    Anomalies anomalies;
    const auto classes =
        classify_pages(kernel.model(), kernel.memory, {kBlock, kBlock + 0x1000}, {}, &anomalies);
    std::uint64_t unknown = 0;
    for (Pfn i = 0; i < classes.size(); ++i) {
      const std::uint64_t first = kernel.struct_place(kBlock + i).value;
      const bool gone = first / 4096 == missing || (first + 55) / 4096 == missing;
      unknown += classes[i] == PageClass::unknown ? 1 : 0;
      ASSERT_TRUE(!gone || classes[i] == PageClass::unknown) << i;
    }
    EXPECT_GE(unknown, 4096U / 56);
    EXPECT_LE(unknown, 4096U / 56 + 4);  // a page and the one that it is told with
    EXPECT_EQ(anomalies.unreadable, unknown);
  }
}

}  // namespace
}  // namespace vmsift
