// SPDX-License-Identifier: GPL-2.0-or-later
// Rules that call the kernel's own pages something to be left out are switched off by name.
#include "src/classify/self_check.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vmsift {
namespace {

using test::classify_pages;
using test::Era;
using test::Kind;
using test::SyntheticKernel;

class SelfCheck : public testing::Test {
 protected:
  SelfCheck() : text(find("_stext")) {}

  [[nodiscard]] Pfn find(const char* symbol) const {
    const KernelModel model = kernel.model();
    AddressSpace memory(model.addresses(), kernel.memory);
    return memory.translate(*model.note().symbol(symbol))->paddr.value / 4096;
  }
  // Why the rule is off; empty: it runs.
  static std::string off(const KernelModel& model, PageClass c) {
    for (const RuleStatus& rule : model.rules().rules()) {
      if (rule.filter->page_class == c) return rule.off;
    }
    return "no such rule";
  }
  static bool is_downgrade(const KernelModel& model, const std::string& reason) {
    const auto all = model.downgrades();
    return std::any_of(all.begin(), all.end(),
                       [&](const Downgrade& d) { return d.reason == reason; });
  }

  SyntheticKernel kernel{{}};
  Pfn text;
};

TEST_F(SelfCheck, KnowsPagesOfEveryKind) {
  const KernelModel model = kernel.model();
  const auto known = known_pages(model, kernel.memory);
  const auto has = [&](std::string_view what) {
    return std::any_of(known.begin(), known.end(),
                       [&](const KnownPage& p) { return p.holds.find(what) != std::string::npos; });
  };
  for (const char* what : {"SYMBOL(_stext)", "SYMBOL(init_uts_ns)", "SYMBOL(mem_section)",
                           "the page table of", "the struct page of", "memory node 0"}) {
    EXPECT_TRUE(has(what)) << what;
  }
  EXPECT_TRUE(std::is_sorted(known.begin(), known.end(),
                             [](const auto& a, const auto& b) { return a.pfn < b.pfn; }));
  EXPECT_LE(known.size(), kMostKnownPages);
  EXPECT_EQ(model.known_pages(), known.size());
}

TEST_F(SelfCheck, EveryEraPasses) {
  const auto check = [](Era era, unsigned word) {
    const bool old = era < Era::v5_10;
    SyntheticKernel whole({.era = era,
                           .levels = old ? 4U : 5U,
                           .vmemmap = word == 0,
                           .kaslr = !old,
                           .made_up_word = word});
    whole.use_the_rest();
    const KernelModel model = whole.model();
    EXPECT_GE(model.known_pages(), 8U) << name_of(era);
    for (const RuleStatus& rule : model.rules().rules()) {
      EXPECT_EQ(rule.off.find("page frame"), std::string::npos) << name_of(era) << rule.off;
    }
  };
  for (const Era era : test::kEras) check(era, 0);
  for (const Era era : test::kOldEras) {
    check(era, 0);
    check(era, 4);
  }
}

TEST_F(SelfCheck, UserPages) {
  kernel.anon(0x8000);
  kernel.put<std::uint64_t>(text, test::Encoding::kMapping, 1);
  kernel.put<std::uint32_t>(text, test::Encoding::kMapcount, 0xffffffff);
  const KernelModel model = kernel.model();
  const std::string reason = off(model, PageClass::user);
  EXPECT_NE(reason.find("SYMBOL(_stext)"), std::string::npos) << reason;
  EXPECT_NE(reason.find(fmt::format("{:#x}", text)), std::string::npos) << reason;
  EXPECT_TRUE(is_downgrade(model, reason));
  EXPECT_EQ(classify_pages(model, kernel.memory, {0x8000, 0x8001})[0], PageClass::kernel);
  EXPECT_EQ(off(model, PageClass::free), "");
}

TEST_F(SelfCheck, CachePages) {
  kernel.file(text, false);
  kernel.file(find("swapper_pg_dir"), true);
  const KernelModel model = kernel.model();
  EXPECT_NE(off(model, PageClass::cache), "");
  EXPECT_NE(off(model, PageClass::cache_private), "");
  EXPECT_EQ(off(model, PageClass::user), "");
}

// The struct page that says so may be far from the known page: the first of a block.
TEST_F(SelfCheck, BlocksThatCoverAKnownPage) {
  const Pfn head = text / 1024 * 1024;
  kernel.set_type(head, kernel.encoding().buddy, PageClass::free);
  kernel.put<std::uint64_t>(head, test::Encoding::kPrivate, 10);
  EXPECT_NE(off(kernel.model(), PageClass::free), "");

  SyntheticKernel hugetlb({});
  hugetlb.hugetlb(text / 512 * 512, 9);
  EXPECT_NE(off(hugetlb.model(), PageClass::hugetlb), "");
}

// The mark of slab pages taken for that of free blocks, in the struct page of mem_section.
TEST_F(SelfCheck, ATypeThatIsAnothers) {
  const Pfn pfn = find("mem_section");
  kernel.set_type(pfn, kernel.encoding().slab, PageClass::slab);
  EXPECT_EQ(off(kernel.model(), PageClass::free), "");
  kernel.note.set("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)",
                  static_cast<std::int32_t>(kernel.encoding().slab));
  kernel.note.set("NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)",
                  static_cast<std::int32_t>(kernel.encoding().buddy));
  EXPECT_NE(off(kernel.model(), PageClass::free).find("mem_section"), std::string::npos);
}

// A page of the kernel's may have a memory error; most of them do not.
TEST_F(SelfCheck, MemoryErrors) {
  kernel.poison(text);
  EXPECT_EQ(off(kernel.model(), PageClass::hwpoison), "");
  for (const KnownPage& p : known_pages(kernel.model(), kernel.memory)) kernel.poison(p.pfn);
  EXPECT_NE(off(kernel.model(), PageClass::hwpoison), "");
}

// With one rule off another may take its place: it is found too.
TEST_F(SelfCheck, UntilNothingIsFound) {
  kernel.file(text, false);
  kernel.set_type(text, kernel.encoding().offline, PageClass::offline);
  const KernelModel model = kernel.model();
  EXPECT_NE(off(model, PageClass::offline), "");
  const auto classes = classify_pages(model, kernel.memory, {text, text + 1});
  EXPECT_EQ(classes[0], PageClass::kernel);
}

// Struct pages that cannot be read, symbols that point anywhere: a weaker check.
TEST_F(SelfCheck, WhatCannotBeFoundIsPassedOver) {
  kernel.file(text, false);
  kernel.memory.set_unreadable(kernel.struct_place(text).value / 4096);
  const KernelModel blind = kernel.model();
  EXPECT_EQ(off(blind, PageClass::cache), "");
  EXPECT_LT(blind.known_pages(), known_pages(blind, kernel.memory).size());

  SyntheticKernel wild({});
  wild.file(0x8000, false);
  const auto direct = wild.direct(PhysAddr{0x8000 * 4096}).value;
  wild.note.set_hex("SYMBOL(init_uts_ns)", direct);  // not in the image
  wild.note.set_hex("SYMBOL(node_online_map)", 0x7fffffff);
  EXPECT_EQ(off(wild.model(), PageClass::cache), "");
  wild.note.remove("SYMBOL(_stext)");
  EXPECT_EQ(off(wild.model(), PageClass::cache), "");
}

}  // namespace
}  // namespace vmsift
