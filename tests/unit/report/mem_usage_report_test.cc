// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/mem_usage_report.h"

#include "tests/unit/support/json_check.h"
#include "tests/unit/support/scripted_source.h"

#include <gtest/gtest.h>

#include <sstream>

namespace vmsift {
namespace {

MemUsage usage_of_all() {
  MemUsage usage;
  std::uint64_t n = 1;
  for (auto& count : usage.classes) count = n++ * 100;  // hole 100, absent 200, ... unknown 1400
  usage.zero_pages = 7;
  return usage;
}

// Number of pages by the first word of the row.
std::map<std::string, std::uint64_t> rows_of(const std::string& table) {
  std::map<std::string, std::uint64_t> rows;
  std::istringstream in(table);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t pages;
    if (words >> name >> pages) rows[name] = pages;
  }
  return rows;
}

TEST(MemUsageReport, IsTheTableThatScriptsRead) {
  MemUsage usage;
  usage.classes[static_cast<std::size_t>(PageClass::free)] = 15809884;
  usage.classes[static_cast<std::size_t>(PageClass::cache)] = 147613;
  usage.classes[static_cast<std::size_t>(PageClass::cache_private)] = 3847;
  usage.classes[static_cast<std::size_t>(PageClass::user)] = 15276;
  usage.classes[static_cast<std::size_t>(PageClass::kernel)] = 459950 + 76234;
  usage.zero_pages = 76234;
  EXPECT_EQ(mem_usage_table(usage, 4096),
            "TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION\n"
            "----------------------------------------------------------------------\n"
            "ZERO\t\t76234           \tyes\t\tPages filled with zero\n"
            "NON_PRI_CACHE\t147613          \tyes\t\tCache pages without private flag\n"
            "PRI_CACHE\t3847            \tyes\t\tCache pages with private flag\n"
            "USER\t\t15276           \tyes\t\tUser process pages\n"
            "FREE\t\t15809884        \tyes\t\tFree pages\n"
            "KERN_DATA\t459950          \tno\t\tDumpable kernel data \n"
            "\n"
            "page size:\t\t4096            \n"
            "Total pages on system:\t16512804        \n"
            "Total size on system:\t67636445184      Byte\n");
}

TEST(MemUsageReport, RowsAddUpWhateverTheClasses) {
  const MemUsage usage = usage_of_all();
  const auto rows = rows_of(mem_usage_table(usage, 4096));
  EXPECT_EQ(rows.size(), 9U);
  std::uint64_t sum = 0;
  for (const auto& [name, pages] : rows) sum += pages;
  EXPECT_EQ(sum, usage.pages());
  std::uint64_t all = 0;
  for (const auto count : usage.classes) all += count;
  EXPECT_EQ(usage.pages(), all - usage.classes[0]) << "holes are no pages";
  EXPECT_EQ(rows.at("ZERO"), 7U);
  EXPECT_EQ(rows.at("USER"), usage.classes[static_cast<std::size_t>(PageClass::user)] +
                                 usage.classes[static_cast<std::size_t>(PageClass::hugetlb)]);
}

TEST(MemUsageReport, JsonSaysTheSame) {
  const MemUsage usage = usage_of_all();
  test::ScriptedSource source({{0, test::zeros(4096)}});
  const KernelModel model = KernelModel::detect(Vmcoreinfo(), source);
  const auto values = test::JsonCheck::read(mem_usage_json(usage, source, model));
  ASSERT_TRUE(values);
  EXPECT_EQ(values->at("mem_usage.pages"), std::to_string(usage.pages()));
  EXPECT_EQ(values->at("mem_usage.bytes"), std::to_string(usage.pages() * 4096));
  EXPECT_EQ(values->at("mem_usage.types.kernel_data.pages"), std::to_string(usage.kernel_data()));
  EXPECT_EQ(values->at("mem_usage.types.kernel_data.excludable"), "false");
  EXPECT_EQ(values->at("mem_usage.types.zero.pages"), "7");
  EXPECT_EQ(values->at("classes.slab"),
            std::to_string(usage.classes[static_cast<std::size_t>(PageClass::slab)]));
}

}  // namespace
}  // namespace vmsift
