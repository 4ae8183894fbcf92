// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/run_report.h"

#include "filters/filter.h"
#include "tests/unit/support/json_check.h"
#include "tests/unit/support/scripted_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

namespace vmsift {
namespace {

// A different number of pages for each class.
RunReport sample(unsigned level) {
  RunReport report;
  report.dumpfile = "/tmp/du\"mp";
  report.codec = "lzo";
  report.dump_level = level;
  report.threads = 2;
  std::uint64_t kept = 0;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    report.classified.counts[c] = 1000 + c;
    if (page_class != PageClass::hole && page_class != PageClass::absent &&
        page_class != PageClass::unused_vmemmap && !dropped_classes(level).contains(page_class)) {
      kept += 1000 + c;
    }
  }
  report.classified.kept_pages = kept;
  report.copied = {.pages = kept,
                   .zero_pages = 77,
                   .raw_pages = 5,
                   .lost_pages = 0,
                   .data_bytes = 123456,
                   .lost_reason = ""};
  report.dump_bytes = 200000;
  report.complete = true;
  report.failure = "out of \"paper\"";
  report.stage_seconds = {{"open", 0.25}, {"copy", 1.5}};
  return report;
}

std::uint64_t pages_of(const RunReport& report, std::initializer_list<PageClass> classes) {
  std::uint64_t n = 0;
  for (const PageClass c : classes) n += report.classified.counts[static_cast<std::size_t>(c)];
  return n;
}

// Label to number, for lines of "label: 0x...".
std::map<std::string, std::uint64_t> rows(const std::string& table) {
  std::map<std::string, std::uint64_t> found;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(": 0x");
    if (colon == std::string::npos) continue;
    EXPECT_EQ(line.size() - colon, 20U) << "sixteen digits: " << line;
    auto label = line.substr(line.find_first_not_of(' '), colon);
    label = label.substr(0, label.find(':'));
    label.erase(label.find_last_not_of(' ') + 1);
    found[label] = std::strtoull(line.c_str() + colon + 2, nullptr, 16);
  }
  return found;
}

// Scripts read these lines.
TEST(ReportTable, HasThePeersLinesInThePeersOrder) {
  RunReport report;
  report.dump_level = 31;
  report.classified.counts[static_cast<std::size_t>(PageClass::hole)] = 0x10;
  report.classified.counts[static_cast<std::size_t>(PageClass::kernel)] = 0x60;
  report.classified.counts[static_cast<std::size_t>(PageClass::free)] = 0x20;
  report.copied.zero_pages = 0x20;
  report.dump_bytes = 12345;
  EXPECT_EQ(report_table(report),
            "Original pages  : 0x0000000000000080\n"
            "  Excluded pages   : 0x0000000000000040\n"
            "    Pages filled with zero  : 0x0000000000000020\n"
            "    Non-private cache pages : 0x0000000000000000\n"
            "    Private cache pages     : 0x0000000000000000\n"
            "    User process data pages : 0x0000000000000000\n"
            "    Free pages              : 0x0000000000000020\n"
            "    Hwpoison pages          : 0x0000000000000000\n"
            "    Offline pages           : 0x0000000000000000\n"
            "  Remaining pages  : 0x0000000000000040\n"
            "  (The number of pages is reduced to 50%.)\n"
            "Memory Hole     : 0x0000000000000010\n"
            "--------------------------------------------------\n"
            "Total pages     : 0x0000000000000090\n"
            "Write bytes     : 12345\n");
}

TEST(ReportTable, SumsAreConsistentAtEveryLevel) {
  for (unsigned level = 0; level <= kMaxLevel; ++level) {
    const RunReport report = sample(level);
    const auto table = rows(report_table(report));
    const auto row = [&](const char* label) { return table.at(label); };
    EXPECT_EQ(row("Excluded pages"),
              row("Pages filled with zero") + row("Non-private cache pages") +
                  row("Private cache pages") + row("User process data pages") + row("Free pages") +
                  row("Hwpoison pages") + row("Offline pages") + row("Unused vmemmap pages") +
                  row("Not in the input"));
    EXPECT_EQ(row("Original pages"), row("Excluded pages") + row("Remaining pages"));
    EXPECT_EQ(row("Total pages"), row("Original pages") + row("Memory Hole"));
    EXPECT_EQ(row("Total pages"), 15 * 1000U + 14 * 15 / 2);
    EXPECT_EQ(row("Remaining pages") + row("Pages filled with zero"), report.classified.kept_pages);
    EXPECT_EQ(row("Pages filled with zero"), (level & 1U) != 0 ? 77U : 0U);
    EXPECT_EQ(row("Non-private cache pages"),
              (level & 6U) != 0 ? pages_of(report, {PageClass::cache}) : 0U);
    EXPECT_EQ(row("Private cache pages"),
              (level & 4U) != 0 ? pages_of(report, {PageClass::cache_private}) : 0U);
    EXPECT_EQ(row("User process data pages"),
              (level & 8U) != 0 ? pages_of(report, {PageClass::user, PageClass::hugetlb}) : 0U);
    EXPECT_EQ(row("Hwpoison pages"), pages_of(report, {PageClass::hwpoison})) << "at every level";
    EXPECT_EQ(row("Offline pages"), pages_of(report, {PageClass::offline}));
  }
}

TEST(ReportTable, AnEmptyMachine) {
  const std::string table = report_table({});
  EXPECT_NE(table.find("reduced to 0%"), std::string::npos);
}

TEST(ReportJson, IsJsonAndSaysWhatTheTableSays) {
  test::ScriptedSource source({{7, test::zeros(4096)}});
  source.edit().path = "/tmp/co\nre \xff";
  source.edit().warnings = {"a \"warning\""};
  const KernelModel model = KernelModel::detect(Vmcoreinfo("OSRELEASE=6.1.0\n"), source);
  const RunReport report = sample(31);
  const auto json = test::JsonCheck::read(report_json(report, source, model));
  ASSERT_TRUE(json);
  const auto is = [&](const char* path, const std::string& value) {
    ASSERT_TRUE(json->count(path)) << path;
    EXPECT_EQ(json->at(path), value) << path;
  };
  is("version", "\"" VMSIFT_VERSION "\"");
  is("input.path", "\"/tmp/co\\nre \\u00ff\"");
  is("input.format", "\"ELF core\"");
  is("input.max_pfn", "8");
  is("kernel.release", "\"6.1.0\"");
  is("kernel.memory_model", "\"unknown\"");
  is("warnings[0]", "\"a \\\"warning\\\"\"");
  is("dump_level", "31");
  is("codec", "\"lzo\"");
  is("threads", "2");
  is("dump.path", "\"/tmp/du\\\"mp\"");
  is("dump.zero_pages", "77");
  is("dump.bytes", "200000");
  is("dump.complete", "true");
  is("dump.failure", "\"out of \\\"paper\\\"\"");
  is("seconds.copy", "1.500000");
  std::uint64_t total = 0;
  std::uint64_t kept = 0;
  for (const std::string_view name : kPageClassNames) {
    const std::string at = "classes." + std::string(name);
    const auto pages = std::stoull(json->at(at + ".pages"));
    EXPECT_EQ(std::stoull(json->at(at + ".bytes")), pages * 4096);
    total += pages;
    if (json->at(at + ".kept") == "true") kept += pages;
  }
  EXPECT_EQ(std::stoull(json->at("total_pages")), total);
  EXPECT_EQ(std::stoull(json->at("dump.pages")), kept);
  EXPECT_TRUE(json->count("downgrades[0].rule")) << "no machine was given";
}

TEST(StageClock, TimesOneStageAfterTheOther) {
  RunReport report;
  StageClock clock(report);
  clock.finished("one");
  clock.finished("two");
  ASSERT_EQ(report.stage_seconds.size(), 2U);
  EXPECT_EQ(report.stage_seconds[0].first, "one");
  EXPECT_EQ(report.stage_seconds[1].first, "two");
  for (const auto& [stage, seconds] : report.stage_seconds) EXPECT_GE(seconds, 0.0);
}

}  // namespace
}  // namespace vmsift
