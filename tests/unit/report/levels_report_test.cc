// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/levels_report.h"

#include "filters/filter.h"
#include "tests/unit/support/json_check.h"
#include "tests/unit/support/scripted_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace vmsift {
namespace {

TEST(HumanBytes, HasOneDigitBehindThePoint) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(123000000), "117.3 MiB");
  EXPECT_EQ(human_bytes(std::uint64_t{5} << 40), "5.0 TiB");
  EXPECT_EQ(human_bytes(std::uint64_t{1} << 60), "1048576.0 TiB");
}

class LevelsReportTest : public testing::Test {
 protected:
  LevelsReportTest() {
    for (std::size_t c = 0; c < kPageClasses; ++c) {
      costs_.classes[c] = {100 + c, 10 + c, 0, {}};
      costs_.classes[c].fills.set(0);
    }
    costs_.classes[static_cast<std::size_t>(PageClass::free)].fills.set(0xcc);
    costs_.classes[static_cast<std::size_t>(PageClass::slab)].fills.set(0xcc);
    costs_.classes[static_cast<std::size_t>(PageClass::free)].fills.set(0xff);
    for (const PageClass c :
         {PageClass::hole, PageClass::absent, PageClass::hwpoison, PageClass::offline}) {
      costs_.classes[static_cast<std::size_t>(c)] = {};
    }
    for (const char* name : {"zlib", "lzo"}) {
      CodecCost cost{find_codec_by_name(name), {}, {}};
      cost.fill_bytes.fill(20);
      for (std::size_t c = 0; c < kPageClasses; ++c) cost.bytes[c] = costs_.classes[c].pages * 1000;
      costs_.codecs.push_back(cost);
    }
  }
  [[nodiscard]] LevelsReport report(unsigned least = 0) const {
    return {costs_, 16384, 4096, least};
  }

  LevelCosts costs_;
  test::ScriptedSource source_{{{7, test::zeros(4096)}}};
  KernelModel model_ = KernelModel::detect(Vmcoreinfo("OSRELEASE=6.1.0\n"), source_);
};

TEST_F(LevelsReportTest, ADumpIsHeadersDescriptorsAndPages) {
  const auto r = report();
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    std::uint64_t pages = 0;
    std::uint64_t bytes = 0;
    for (std::size_t c = 0; c < kPageClasses; ++c) {
      if (dropped_classes(level).contains(static_cast<PageClass>(c))) continue;
      pages += costs_.classes[c].pages;
      bytes += costs_.codecs[0].bytes[c];
    }
    bytes += (level & 1U) != 0 ? 0 : 20;    // zeros, once
    bytes += (level & 16U) != 0 ? 20 : 40;  // 0xcc, and 0xff in free pages only
    EXPECT_EQ(r.dump_bytes(level, costs_.codecs[0]),
              16384 + pages * 24 + bytes + ((level & 1U) != 0 ? 4096U : 0U));
  }
}

TEST_F(LevelsReportTest, NothingIsSmallerThanWhatTheInputWasFilteredBy) {
  const auto filtered = report(17);
  const auto whole = report();
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    EXPECT_EQ(filtered.dump_bytes(level, costs_.codecs[0]),
              whole.dump_bytes(level | 17U, costs_.codecs[0]));
  }
}

TEST_F(LevelsReportTest, TheTableHasALineALevel) {
  const std::string table = levels_table(report(), source_, model_);
  EXPECT_EQ(table.find("scripted: Linux 6.1.0, "), 0U) << table;
  std::istringstream lines(table);
  std::string line;
  while (std::getline(lines, line) && line.find("-d ") != 0) {
  }
  EXPECT_NE(line.find("zlib"), std::string::npos);
  EXPECT_NE(line.find("lzo"), std::string::npos);
  const std::size_t width = line.size();
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line.size(), width) << line;
    EXPECT_EQ(std::stoul(line.substr(0, 2)), level);
    const auto crosses = static_cast<unsigned>(std::count(line.begin(), line.begin() + 28, 'x'));
    const unsigned shown = (level & 4U) != 0 ? level | 2U : level;
    EXPECT_EQ(crosses, static_cast<unsigned>(__builtin_popcount(shown))) << line;
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(LevelsReportTest, TheTableOfNothing) {
  costs_ = {};
  const std::string table = levels_table(report(), source_, model_);
  EXPECT_EQ(table.find("nan"), std::string::npos);
}

TEST_F(LevelsReportTest, TheJsonSaysTheSame) {
  const auto json = test::JsonCheck::read(levels_json(report(), source_, model_));
  ASSERT_TRUE(json);
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    const std::string at = "levels[" + std::to_string(level) + "]";
    EXPECT_EQ(json->at(at + ".level"), std::to_string(level));
    EXPECT_EQ(json->at(at + ".pages"), std::to_string(costs_.pages(level)));
    EXPECT_EQ(json->at(at + ".dump_bytes.lzo"),
              std::to_string(report().dump_bytes(level, costs_.codecs[1])));
  }
  EXPECT_EQ(json->at("levels[31].drops[4]"), "\"free\"");
  EXPECT_EQ(json->at("classes.kernel.zero_pages"), "22");
  EXPECT_EQ(json->count("classes.hole.pages"), 0U);
}

}  // namespace
}  // namespace vmsift
