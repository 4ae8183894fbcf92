// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/estimate_report.h"

#include "filters/filter.h"
#include "tests/unit/support/json_check.h"
#include "tests/unit/support/scripted_source.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>

namespace vmsift {
namespace {

class EstimateReportTest : public testing::Test {
 protected:
  static std::map<Pfn, test::Bytes> pages() {
    std::map<Pfn, test::Bytes> pages;
    for (Pfn pfn = 0; pfn < 200; ++pfn) pages[pfn] = test::words(4096, pfn);
    return pages;
  }
  [[nodiscard]] EstimateReport report() const {
    return {source_,      model_,  reconciliation_,
            readiness_,   sizes_,  codecs_,
            8192,         {0, 31}, {{1, {3U << 20, 5U << 20}}},
            crash_kernel_};
  }

  const std::array<const Codec*, 2> codecs_ = {find_codec_by_name("lzo"),
                                               find_codec_by_name("none")};
  test::ScriptedSource source_{pages()};
  KernelModel model_ = KernelModel::detect(Vmcoreinfo("OSRELEASE=6.1.0\n"), source_);
  SizeEstimate sizes_ = *SizeEstimate::make(model_, source_, codecs_, dropped_classes(0),
                                            {{kWindowPages, 1, 1, 1}, 1, 50, 50});
  Reconciliation reconciliation_;
  Readiness readiness_;
  std::optional<CrashKernel> crash_kernel_;
};

TEST_F(EstimateReportTest, TheSecondLineIsTheVerdict) {
  EXPECT_NE(estimate_text(report()).find("\n\nReady: every rule of dump level 31 runs.\n"),
            std::string::npos);
  readiness_.obstacles = {"one thing", "another"};
  readiness_.advice = {"a word"};
  EXPECT_NE(estimate_text(report()).find(
                "\n\nNot ready:\n  - one thing\n  - another\nBeside that:\n  - a word\n"),
            std::string::npos);
}

TEST_F(EstimateReportTest, SizesAreOfTheWholeFile) {
  const Expected none = report().dump_bytes(0, 1);
  EXPECT_NEAR(none.value, 8192 + 200.0 * (4096 + 24), 1);
  EXPECT_LT(none.error, 1);
  EXPECT_GT(report().dump_bytes(0, 0).error, 1);
  EXPECT_NE(estimate_text(report()).find(" 812.7 KiB +- 0%"), std::string::npos)
      << estimate_text(report());
}

TEST_F(EstimateReportTest, TheCrashKernelOfThisMachineAlone) {
  EXPECT_EQ(estimate_text(report()).find("Reserved"), std::string::npos);
  EXPECT_EQ(test::JsonCheck::read(estimate_json(report()))->count("crash_kernel.loaded"), 0U);
  crash_kernel_ = CrashKernel{true, 192U << 20, {}};
  EXPECT_NE(
      estimate_text(report()).find("Reserved for the crash kernel: 192.0 MiB; one is loaded.\n"),
      std::string::npos);
  EXPECT_EQ(test::JsonCheck::read(estimate_json(report()))->at("crash_kernel.reserved_bytes"),
            "201326592");
}

TEST_F(EstimateReportTest, JsonHasAllLevelsAndTwiceTheError) {
  readiness_.obstacles = {"a \"thing\""};
  const auto values = test::JsonCheck::read(estimate_json(report()));
  ASSERT_TRUE(values);
  EXPECT_EQ(values->at("ready"), "false");
  EXPECT_EQ(values->at("levels[31].level"), "31");
  EXPECT_EQ(values->at("levels[0].pages"), "200");
  EXPECT_EQ(values->at("levels[0].dump_bytes.none"), "832192");
  const double error = 2 * report().dump_bytes(31, 0).error;
  EXPECT_NEAR(std::stod(std::string(values->at("levels[31].dump_bytes_error.lzo"))), error, 1);
  EXPECT_EQ(values->at("memory[0].threads"), "1");
  EXPECT_EQ(values->at("memory[0].bytes.none"), "5242880");
}

TEST_F(EstimateReportTest, RulesSayWhatTheyGoBy) {
  const std::string text = estimate_text(report());
  EXPECT_NE(text.find("\n  free pages                     off  there is no memory map\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("slab pages"), std::string::npos) << "these are kept at every level";
}

}  // namespace
}  // namespace vmsift
