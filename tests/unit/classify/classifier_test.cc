// SPDX-License-Identifier: GPL-2.0-or-later
// The walk over struct pages, on a kernel whose every page is known: single pages, blocks, and what
// does not look as it should.
#include "src/classify/classifier.h"

#include "filters/filter.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::classify_pages;
using test::Encoding;
using test::Era;
using test::KernelShape;
using test::Kind;
using test::SyntheticKernel;

constexpr Pfn kAt = 0x8000;  // the second section; the kernel's own structures are in the first
constexpr Pfn kEnd = 0x10000;

// Something of everything, from kAt on.
void populate(SyntheticKernel& k) {
  Pfn at = kAt;
  for (unsigned order = 0; order <= SyntheticKernel::kMaxOrder; ++order) {
    k.free_block(align_up<Pfn>(at, Pfn{1} << order), order);
    at = align_up<Pfn>(at, Pfn{1} << order) + (Pfn{1} << order) + 1;
  }
  at = kAt + 0x2000;
  k.anon(at + 1);
  k.file(at + 2, false);
  k.file(at + 3, true);
  k.swap_cache(at + 4);
  k.offline(at + 5);
  k.page_table(at + 6);
  k.other_type(at + 7);
  k.slab(at + 8, 0, 0xffff888100000001);  // a count of slabs there looks like an anonymous mapping
  k.slab(at + 16, 3, 1);
  k.compound(at + 32, 4, Kind::anon);
  k.compound(at + 48, 2, Kind::file);
  k.compound(at + 52, 2, Kind::file_private);
  k.compound(at + 56, 3, Kind::kernel);
  k.compound(at + 512, 9, Kind::anon);
  k.hugetlb(at + 1024, 9);
  k.poison(at + 1);         // a single page
  k.poison(at + 32);        // the head of a block that user data make
  k.poison(at + 512 + 77);  // a tail
  k.poison(at + 57);        // a tail of a kernel block
  k.poison(kAt + 1);        // where nothing is
  if (k.encoding().unaccepted != 0) k.unaccepted(kAt + 0x4000);
}

struct Case {
  const char* name;
  KernelShape shape;
};

class ClassifierCase : public testing::TestWithParam<Case> {};

TEST_P(ClassifierCase, FindsWhatIsThere) {
  SyntheticKernel kernel(GetParam().shape);
  populate(kernel);
  const KernelModel model = kernel.model();
  ASSERT_TRUE(model.memory_map()) << model.downgrades().at(0).reason;
  Anomalies anomalies;
  const auto classes = classify_pages(model, kernel.memory, {0, kEnd}, {}, &anomalies);
  for (Pfn pfn = 0; pfn < kEnd; ++pfn) {
    ASSERT_EQ(name_of(classes[pfn]), name_of(kernel.expected[pfn])) << std::hex << pfn;
  }
  EXPECT_EQ(anomalies.torn_blocks + anomalies.orphan_tails + anomalies.unreadable, 0U);
}

// What each level keeps, counted from what the test put there and by makedumpfile's meaning of the
// bits; blocks that are left out are passed over by then, which must not change a page.
TEST_P(ClassifierCase, KeepsTheSamePagesAtEveryLevel) {
  SyntheticKernel kernel(GetParam().shape);
  populate(kernel);
  const KernelModel model = kernel.model();
  const auto is_kept = [](PageClass c, unsigned level) {
    switch (c) {
      case PageClass::hwpoison:
      case PageClass::offline:
        return false;
      case PageClass::cache:
        return (level & 6) == 0;
      case PageClass::cache_private:
        return (level & 4) == 0;
      case PageClass::user:
      case PageClass::hugetlb:
        return (level & 8) == 0;
      case PageClass::free:
      case PageClass::unaccepted:
        return (level & 16) == 0;
      default:
        return true;
    }
  };
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    const ClassSet dropped = dropped_classes(level);
    const auto classes = classify_pages(model, kernel.memory, {kAt, kEnd}, dropped);
    for (Pfn pfn = kAt; pfn < kEnd; ++pfn) {
      ASSERT_EQ(!dropped.contains(classes[pfn - kAt]), is_kept(kernel.expected[pfn], level))
          << "level " << level << " page " << std::hex << pfn;
    }
  }
}

// Where pages must be decoded, struct pages that nobody looks at are not asked for; nothing else is
// different.
TEST_P(ClassifierCase, FindsTheSameWherePagesAreCostly) {
  SyntheticKernel kernel(GetParam().shape);
  populate(kernel);
  const KernelModel model = kernel.model();
  for (const ClassSet skip : {ClassSet{}, dropped_classes(kMaxLevel)}) {
    Anomalies expected;
    Anomalies found;
    kernel.memory.edit_info().stores_encoded = false;
    const auto cheap = classify_pages(model, kernel.memory, {kAt, kEnd}, skip, &expected);
    kernel.memory.edit_info().stores_encoded = true;
    const auto costly = classify_pages(model, kernel.memory, {kAt, kEnd}, skip, &found);
    for (Pfn i = 0; i < kEnd - kAt; ++i) {
      ASSERT_EQ(name_of(costly[i]), name_of(cheap[i])) << kAt + i;
    }
    EXPECT_EQ(found.torn_blocks, expected.torn_blocks);
    EXPECT_EQ(found.orphan_tails, expected.orphan_tails);
    EXPECT_EQ(found.unreadable, expected.unreadable);
  }
}

TEST(CostlyPages, TheInsideOfABlockThatIsLeftOutIsNotRead) {
  for (const bool costly : {false, true}) {
    for (const bool dropped : {false, true}) {
      SyntheticKernel kernel({.era = Era::v6_12});
      kernel.free_block(kAt, 10);
      kernel.memory.edit_info().stores_encoded = costly;
      const KernelModel model = kernel.model();
      const Pfn inside = kernel.struct_place(kAt + 900).value / 4096;
      kernel.memory.disturb_once(inside, std::byte{0});
      classify_pages(model, kernel.memory, {kAt, kEnd},
                     dropped ? dropped_classes(kMaxLevel) : ClassSet{});
      EXPECT_EQ(kernel.memory.was_disturbed(), !(costly && dropped));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, ClassifierCase,
    testing::Values(Case{"v5_10", {.era = Era::v5_10, .levels = 4}},
                    Case{"v6_1", {.era = Era::v6_1}}, Case{"v6_3", {.era = Era::v6_3}},
                    Case{"v6_6", {.era = Era::v6_6}}, Case{"v6_9", {.era = Era::v6_9}},
                    Case{"v6_11", {.era = Era::v6_11}}, Case{"v6_12", {.era = Era::v6_12}},
                    Case{"v7_1", {.era = Era::v7_1, .levels = 4}},
                    Case{"v7_1_mask", {.era = Era::v7_1_mask}},
                    Case{"classic", {.era = Era::v6_1, .vmemmap = false}},
                    Case{"static_array", {.era = Era::v6_12, .extreme = false}},
                    Case{"size_56", {.era = Era::v6_12, .page_struct_size = 56}},
                    Case{"size_56_folio", {.era = Era::v6_3, .page_struct_size = 56}},
                    Case{"size_56_classic",
                         {.era = Era::v5_10, .vmemmap = false, .page_struct_size = 56}},
                    Case{"big_endian", {.era = Era::v6_12, .order = ByteOrder::big}},
                    Case{"big_endian_old", {.era = Era::v6_1, .order = ByteOrder::big}}),
    [](const auto& c) { return c.param.name; });

class ClassifierTest : public testing::Test {
 protected:
  // The classes of [begin, end) of a kernel as it is now.
  std::vector<PageClass> run(Pfn begin = kAt, Pfn end = kEnd, ClassSet skip = {}) {
    anomalies = {};
    return classify_pages(kernel.model(), kernel.memory, {begin, end}, skip, &anomalies);
  }
  static std::uint64_t count(const std::vector<PageClass>& classes, PageClass c) {
    return static_cast<std::uint64_t>(std::count(classes.begin(), classes.end(), c));
  }
  SyntheticKernel kernel{{.era = Era::v6_12}};
  Anomalies anomalies;
};

// A dump shows an order of 52 where the kernel was changing a block (seen on s390x).
TEST_F(ClassifierTest, FreeBlocksOfAnOrderThatCannotBeAreKept) {
  for (const std::uint64_t order : {std::uint64_t{11}, std::uint64_t{52}, std::uint64_t{64},
                                    std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    kernel.free_block(kAt, 4);
    kernel.put<std::uint64_t>(kAt, Encoding::kPrivate, order);
    EXPECT_EQ(count(run(), PageClass::kernel), kEnd - kAt) << order;
    EXPECT_EQ(anomalies.torn_blocks, 1U);
  }
}

// mem_map of FLATMEM begins anywhere in a page: in front of the struct page of page frame 0 is
// nobody's (mips).
TEST(StructPagesOfPageFrame0, MayBeginInsideOfAPage) {
  for (const std::uint64_t shift : {0U, 64U, 0x100U}) {
    SyntheticKernel k(KernelShape{.sections = 1, .model = test::Model::flat, .kaslr = false});
    k.anon(0x4000);
    k.free_block(0x4400, 10);
    k.use_the_rest();
    const std::uint64_t bytes = k.end() * k.shape().page_struct_size;
    const PhysAddr old_place = k.struct_place(0);
    const PhysAddr new_place = k.own(SyntheticKernel::kFirstUnused) + shift;
    for (std::uint64_t at = 0; at < bytes; at += 8) {
      k.memory.put(new_place + at, k.memory.get<std::uint64_t>(old_place + at));
    }
    k.put_word(k.nodes().word_of_node(0, 1), k.direct(new_place).value);
    const auto variable = Vmcoreinfo(k.note.text()).symbol("mem_map");
    k.put_word({k.start().value + (variable->value - k.image(k.start()).value)},
               k.direct(new_place).value);
    const auto found = classify_pages(k.model(), k.memory, {0, k.end()});
    EXPECT_EQ(found, k.expected) << shift;
  }
}

TEST_F(ClassifierTest, MisalignedHeadsAreKept) {
  kernel.free_block(kAt + 4, 3);
  kernel.compound(kAt + 0x102, 2, Kind::anon);
  const auto classes = run();
  EXPECT_EQ(count(classes, PageClass::free) + count(classes, PageClass::user), 0U);
  EXPECT_EQ(anomalies.torn_blocks, 2U);
}

TEST_F(ClassifierTest, CompoundOrdersThatCannotBeAreKept) {
  for (const std::uint64_t order : {0U, 23U, 64U, 255U}) {
    kernel.compound(kAt, 2, Kind::anon);
    kernel.put<std::uint64_t>(kAt + 1, Encoding::kFlags, order);
    EXPECT_EQ(count(run(), PageClass::user), 0U) << order;
    EXPECT_EQ(anomalies.torn_blocks, 1U);
  }
}

TEST_F(ClassifierTest, TailsWithoutAHeadAreKept) {
  kernel.compound(kAt, 3, Kind::anon);
  kernel.put<std::uint64_t>(kAt, Encoding::kFlags, 0);  // head gone: freed this moment
  const auto classes = run();
  EXPECT_EQ(count(std::vector(classes.begin() + 1, classes.end()), PageClass::kernel),
            kEnd - kAt - 1);
  EXPECT_EQ(anomalies.orphan_tails, 7U);
}

// bit 0 of the word is not possible in a free page's list pointer: this page says two things.
TEST_F(ClassifierTest, ATailWithTheMarkOfAHeadIsKept) {
  kernel.free_block(kAt, 4);
  kernel.put<std::uint64_t>(kAt, Encoding::kCompound, 1);
  EXPECT_EQ(count(run(), PageClass::free), 0U);
}

TEST_F(ClassifierTest, ABlockMayEndBehindTheRun) {
  kernel.free_block(kAt + 0x400, 10);
  for (const Pfn end : {kAt + 0x401, kAt + 0x402, kAt + 0x7ff, kAt + 0x800}) {
    const auto classes = run(kAt, end, dropped_classes(kMaxLevel));
    EXPECT_EQ(count(classes, PageClass::free), end - kAt - 0x400);
  }
  // A head that is the last page of a run has its second page beyond it.
  kernel.compound(kAt + 0x1000, 4, Kind::anon);
  const auto cut = run(kAt, kAt + 0x1001);
  EXPECT_NE(cut.back(), PageClass::free);
}

TEST_F(ClassifierTest, ARunMayBeginInsideABlock) {
  kernel.compound(kAt, 9, Kind::anon);
  kernel.hugetlb(kAt + 0x200, 9);
  kernel.compound(kAt + 0x400, 3, Kind::kernel);
  for (const ClassSet skip : {ClassSet{}, dropped_classes(kMaxLevel)}) {
    for (const Pfn begin : {kAt + 1, kAt + 63, kAt + 64, kAt + 511}) {
      EXPECT_EQ(count(run(begin, kAt + 0x200, skip), PageClass::user), kAt + 0x200 - begin);
      EXPECT_EQ(count(run(begin + 0x200, kAt + 0x400, skip), PageClass::hugetlb),
                kAt + 0x200 - begin);
    }
    EXPECT_EQ(count(run(kAt + 0x403, kAt + 0x408, skip), PageClass::kernel), 5U);
  }
  EXPECT_EQ(anomalies.orphan_tails, 0U);
}

// Poison inside a dropped block makes no difference; in a kept one it must be found on every page.
TEST_F(ClassifierTest, PoisonInBlocks) {
  kernel.compound(kAt, 9, Kind::anon);
  kernel.compound(kAt + 0x200, 9, Kind::file);
  kernel.free_block(kAt + 0x400, 10);
  for (const Pfn head : {kAt, kAt + 0x200, kAt + 0x400}) {
    for (const Pfn i : {0U, 1U, 64U, 100U}) kernel.poison(head + i);
  }
  const auto all = run();
  EXPECT_EQ(count(all, PageClass::hwpoison), 12U);
  for (Pfn pfn = kAt; pfn < kAt + 0x800; ++pfn) ASSERT_EQ(all[pfn - kAt], kernel.expected[pfn]);
  ClassSet only_user;
  only_user.add(PageClass::user);
  const auto some = run(kAt, kEnd, only_user);
  EXPECT_EQ(some[0], PageClass::hwpoison);  // the head was looked at
  EXPECT_EQ(some[1], PageClass::user);
  EXPECT_EQ(some[0x201], PageClass::hwpoison);
  EXPECT_EQ(some[0x464], PageClass::hwpoison);
  // A run that begins inside.
  EXPECT_EQ(count(run(kAt + 50, kAt + 0x200), PageClass::hwpoison), 2U);
}

// memory_failure() marks the head of a hugetlb page for whichever page of it is bad.
TEST_F(ClassifierTest, APoisonedHugetlbHeadTakesTheWholePage) {
  kernel.hugetlb(kAt, 9);
  kernel.set_flag(kAt, kernel.encoding().hwpoison);
  EXPECT_EQ(count(run(), PageClass::hwpoison), 512U);
  EXPECT_EQ(count(run(kAt + 100, kEnd), PageClass::hwpoison), 412U);
}

TEST_F(ClassifierTest, UnreadableStructPagesAreKept) {
  kernel.compound(kAt, 9, Kind::anon);
  kernel.free_block(kAt + 0x400, 10);
  // The third memory page of struct pages of each.
  kernel.memory.set_unreadable(kernel.struct_place(kAt + 128).value / 4096);
  kernel.memory.set_unreadable(kernel.struct_place(kAt + 0x400 + 128).value / 4096);
  kernel.memory.set_unreadable(kernel.struct_place(kAt + 0x1000).value / 4096);
  for (std::size_t limit : {std::size_t{1}, std::size_t{3}, ~std::size_t{0}}) {
    kernel.memory.limit_fetch(limit);
    const auto all = run();
    EXPECT_EQ(count(all, PageClass::unknown), 192U);
    EXPECT_EQ(count(all, PageClass::user), 512U - 64);
    EXPECT_EQ(anomalies.unreadable, 192U);
    // Dropped blocks were decided by their heads.
    const auto some = run(kAt, kEnd, dropped_classes(kMaxLevel));
    EXPECT_EQ(count(some, PageClass::unknown), 64U);
    EXPECT_EQ(count(some, PageClass::user), 512U);
    EXPECT_EQ(count(some, PageClass::free), 1024U);
  }
}

// Sub-section hotplug leaves holes in the mapping of struct pages.
TEST_F(ClassifierTest, StructPagesThatAreNotMappedAreKept) {
  kernel.anon(kAt + 70);
  kernel.anon(kAt + 130);
  kernel.map(kernel.struct_address(kAt + 64), {0}, 12);  // splits the leaf
  kernel.map(kernel.struct_address(kAt + 64), {kEnd * 4096}, 12);
  const auto classes = run();
  EXPECT_EQ(count(classes, PageClass::unknown), 64U);
  EXPECT_EQ(classes[130], PageClass::user);
}

TEST_F(ClassifierTest, SectionsWithoutAMemoryMapAreKept) {
  kernel.anon(kAt);
  kernel.memory.put<std::uint64_t>(kernel.section_entry(1), 0);
  EXPECT_EQ(count(run(0x7000, kEnd), PageClass::unknown), kEnd - kAt);
  EXPECT_EQ(anomalies.no_memory_map, kEnd - kAt);
}

}  // namespace
}  // namespace vmsift
