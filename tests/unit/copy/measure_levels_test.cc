// SPDX-License-Identifier: GPL-2.0-or-later
// The sizes that --levels tells must be those of real dumps.
#include "src/copy/measure_levels.h"

#include "filters/filter.h"
#include "tests/unit/copy/copy_fixture.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/temp_dir.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace vmsift {
namespace {

using test::KeptPages;
using test::ScriptedSource;

struct Classified {
  std::map<Pfn, test::Bytes> pages = test::machine(1500);
  std::map<Pfn, PageClass> classes;

  Classified() {
    constexpr std::array kClasses = {
        PageClass::free,    PageClass::cache,   PageClass::cache_private,
        PageClass::user,    PageClass::slab,    PageClass::kernel,
        PageClass::unknown, PageClass::hugetlb, PageClass::unaccepted};
    test::Random random(3);
    for (const auto& [pfn, bytes] : pages) classes[pfn] = kClasses[random.below(kClasses.size())];
  }
};

// Bytes behind the bitmaps of a dump that is really written.
std::uint64_t dump_size(const ScriptedSource& source, const Classified& machine, unsigned level,
                        const Codec& codec, const std::string& path) {
  std::map<Pfn, PageClass> kept_pages;
  for (const auto& [pfn, c] : machine.classes) {
    if (!dropped_classes(level).contains(c)) kept_pages[pfn] = c;
  }
  kdump::Header header;
  EXPECT_TRUE(header.plan(source.info().max_pfn, 0));
  const bool share = (level & kLevelZero) != 0;
  KdumpSpec spec;
  spec.header = header;
  spec.codec = &codec;
  spec.share_zero_page = share;
  auto writer = test::kdump_writer(path, true, spec);
  EXPECT_TRUE(writer);
  KeptPages kept(kept_pages);
  auto windows = kept.windows();
  for (auto window = windows(); window && *window; window = windows()) {
    EXPECT_TRUE((*writer)->put_window((*window)->first, (*window)->kept, (*window)->kept));
  }
  EXPECT_TRUE((*writer)->begin_pages());
  CopyResult result;
  EXPECT_TRUE(copy_pages(
      source, kept.windows(), {&codec, {share, true}, 1},
      [&](const StoredPages& pages) { return (*writer)->put_pages(pages); }, [](std::uint64_t) {},
      result));
  EXPECT_TRUE((*writer)->finish(true));
  return std::filesystem::file_size(path) - header.descriptors_offset();
}

TEST(MeasureLevels, EqualsTheDumpsOfAllLevelsAndCodecs) {
  const test::TempDir dir;
  const Classified machine;
  ScriptedSource source(machine.pages);
  for (const std::size_t i : {5U, 700U, 701U}) {
    source.lost.insert(std::next(machine.pages.begin(), static_cast<std::ptrdiff_t>(i))->first);
  }
  KeptPages kept(machine.classes, true);
  for (const unsigned threads : {1U, 3U}) {
    auto costs =
        measure_levels(source, kept.windows(), all_codecs(), threads, [](std::uint64_t) {});
    ASSERT_TRUE(costs) << costs.message();
    ASSERT_EQ(costs->codecs.size(), all_codecs().size());
    for (unsigned level = 0; level <= kMaxLevel; ++level) {
      // All codecs at some levels, one codec at all of them.
      for (const CodecCost& codec : costs->codecs) {
        if (level % 15 > 1 && codec.codec->name != "lzo") continue;
        EXPECT_EQ(costs->pages(level) * kdump::kDescriptorBytes +
                      costs->page_data_bytes(level, codec, source.info().page_size),
                  dump_size(source, machine, level, *codec.codec, dir.file("dump")))
            << codec.codec->name << " level " << level;
      }
    }
  }
}

TEST(MeasureLevels, CountsByClass) {
  const Classified machine;
  ScriptedSource source(machine.pages);
  source.lost.insert(machine.pages.begin()->first);
  KeptPages kept(machine.classes, true);
  auto costs = measure_levels(source, kept.windows(), {}, 2, [](std::uint64_t) {});
  ASSERT_TRUE(costs);
  std::map<PageClass, ClassCost> expected;
  for (const auto& [pfn, c] : machine.classes) {
    const bool lost = source.lost.count(pfn) != 0;
    ++expected[c].pages;
    expected[c].lost_pages += lost;
    expected[c].zero_pages += !lost && machine.pages.at(pfn) == test::zeros(4096);
  }
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const ClassCost& e = expected[static_cast<PageClass>(c)];
    EXPECT_EQ(costs->classes[c].pages, e.pages) << c;
    EXPECT_EQ(costs->classes[c].zero_pages, e.zero_pages) << c;
    EXPECT_EQ(costs->classes[c].lost_pages, e.lost_pages) << c;
  }
  EXPECT_EQ(costs->pages(0), machine.pages.size());
  EXPECT_EQ(costs->pages(4), costs->pages(6)) << "4 implies 2";
}

TEST(MeasureLevels, TornFetchesCountOnce) {
  const Classified machine;
  KeptPages kept(machine.classes, true);
  const ScriptedSource calm(machine.pages);
  auto expected = measure_levels(calm, kept.windows(), all_codecs(), 1, [](std::uint64_t) {});
  ASSERT_TRUE(expected);
  ScriptedSource source(machine.pages);
  source.most_per_fetch = 50;
  source.after_tear = 7;
  source.torn = {std::next(machine.pages.begin(), 60)->first};
  for (const unsigned threads : {1U, 3U}) {
    auto costs =
        measure_levels(source, kept.windows(), all_codecs(), threads, [](std::uint64_t) {});
    ASSERT_TRUE(costs);
    for (std::size_t c = 0; c < kPageClasses; ++c) {
      EXPECT_EQ(costs->classes[c].zero_pages, expected->classes[c].zero_pages);
      for (std::size_t k = 0; k < costs->codecs.size(); ++k) {
        EXPECT_EQ(costs->codecs[k].bytes[c], expected->codecs[k].bytes[c]);
      }
    }
  }
}

TEST(MeasureLevels, NothingThere) {
  const ScriptedSource source(test::machine(1));
  KeptPages none({});
  auto costs = measure_levels(source, none.windows(), all_codecs(), 2, [](std::uint64_t) {});
  ASSERT_TRUE(costs);
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    EXPECT_EQ(costs->pages(level), 0U);
    EXPECT_EQ(costs->page_data_bytes(level, costs->codecs[0], 4096), 0U);
  }
}

}  // namespace
}  // namespace vmsift
