// SPDX-License-Identifier: GPL-2.0-or-later
// However a run went and whatever the names in it, the lines are few and fit a console.
#include "src/report/run_summary.h"

#include <gtest/gtest.h>

#include <string>

namespace vmsift {
namespace {

RunReport sample() {
  RunReport report;
  report.codec = "lzo";
  report.dump_level = 31;
  report.threads = 2;
  report.classified.counts[static_cast<std::size_t>(PageClass::hole)] = 5000;
  report.classified.counts[static_cast<std::size_t>(PageClass::kernel)] = 512;
  report.classified.counts[static_cast<std::size_t>(PageClass::cache_private)] = 256;
  report.classified.counts[static_cast<std::size_t>(PageClass::free)] = 1024;
  report.classified.kept_pages = 512;
  report.copied.pages = 512;
  report.copied.zero_pages = 256;
  report.dump_bytes = 512 * 1024;
  report.complete = true;
  report.memory.anonymous = 3 << 20;
  report.stage_seconds = {{"open", 0.5}, {"copy", 1.5}};
  return report;
}

RunFacts facts() {
  RunFacts facts;
  facts.input = "/proc/vmcore";
  facts.release = "6.1.0-50-amd64";
  facts.memory_bytes = 1792 * 4096;
  facts.outputs = {"/var/crash/vmcore"};
  return facts;
}

std::string text_of(const std::vector<std::string>& lines) {
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

TEST(RunSummary, OfAWholeDump) {
  EXPECT_EQ(text_of(summary_lines(sample(), facts())),
            "Kept:       1.0 MiB of 7.0 MiB of memory, 256 of 1792 pages\n"
            "Left out:   free 4.0 MiB, zeros 1.0 MiB, cache private 1.0 MiB\n"
            "Dump:       512.0 KiB, lzo, level 31, ratio 2.00\n"
            "Time:       2.0 s, 3.5 MiB/s of memory; 3.0 MiB of memory used\n"
            "To open it: crash VMLINUX /var/crash/vmcore\n"
            "            VMLINUX: with debug information, of Linux 6.1.0-50-amd64\n");
}

TEST(RunSummary, OfAnIncompleteDump) {
  RunReport report = sample();
  report.complete = false;
  report.failure = "stopped by SIGTERM";
  report.copied.pages = 100;
  report.copied.lost_pages = 7;
  RunFacts with = facts();
  with.in_doubt = {"hugetlb pages", "free pages"};
  with.warnings = 3;
  const std::string text = text_of(summary_lines(report, with));
  EXPECT_NE(text.find("\nWarnings:   kept in doubt: hugetlb pages, free pages; 3 warnings, see "
                      "above\n"
                      "Incomplete: 93 of 512 pages saved, 7 could not be read; stopped by SIGTERM\n"
                      "To open it: crash --minimal --zero_excluded VMLINUX /var/crash/vmcore\n"),
            std::string::npos)
      << text;
}

TEST(RunSummary, OfADryRunThereIsNothingToOpen) {
  RunFacts dry = facts();
  dry.dry_run = true;
  dry.outputs.clear();
  const std::string text = text_of(summary_lines(sample(), dry));
  EXPECT_NE(text.find("\nDump:       would take 512.0 KiB"), std::string::npos) << text;
  EXPECT_EQ(text.find("open"), std::string::npos) << text;
}

TEST(RunSummary, HowToOpenDependsOnTheForm) {
  const auto last = [](const RunFacts& f) {
    const auto lines = summary_lines(sample(), f);
    return lines.at(lines.size() - 2);
  };
  RunFacts f = facts();
  f.outputs = {"a", "b"};
  EXPECT_EQ(last(f), "To open it: crash VMLINUX a b");
  f.elf = true;
  EXPECT_EQ(last(f), "To open it: crash VMLINUX a b (or gdb, drgn)");
  f.outputs = {"a"};
  f.frames = "zstd";
  EXPECT_EQ(last(f), "To open it: zstd -d < a > CORE; then crash VMLINUX CORE");
  f.stream = true;
  EXPECT_EQ(last(f), "To open it: vmsift -R DUMPFILE < STREAM; then crash VMLINUX DUMPFILE");
  f = facts();
  f.is_private = true;
  EXPECT_EQ(last(f), "To open it: vmsift -z /var/crash/vmcore NEW; then crash VMLINUX NEW");
  f = facts();
  f.outputs = {"/" + std::string(100, 'd') + "/vmcore"};
  EXPECT_EQ(last(f), "To open it: crash VMLINUX vmcore");
  f.outputs = {std::string(100, 'd')};
  EXPECT_EQ(last(f), "To open it: crash VMLINUX DUMPFILE");
}

TEST(RunSummary, SaysWhatIsRemoved) {
  EXPECT_EQ(text_of(nothing_saved_lines(facts())),
            "Saved:      nothing; removed: /var/crash/vmcore\n");
  RunFacts f = facts();
  f.stream = true;
  EXPECT_EQ(text_of(nothing_saved_lines(f)),
            "Saved:      nothing that can be opened; the stream is cut short\n");
  f.dry_run = true;
  EXPECT_TRUE(nothing_saved_lines(f).empty());
}

TEST(RunSummary, TheStartSaysWhatIsGoingToBeDone) {
  EXPECT_EQ(text_of(start_lines(sample(), facts(), "Expected: 1 MiB")),
            "/proc/vmcore: 7.0 MiB of memory, Linux 6.1.0-50-amd64\n"
            "Level 31, lzo, 2 threads, into /var/crash/vmcore\n"
            "Expected: 1 MiB\n");
  RunFacts f = facts();
  RunReport one = sample();
  one.threads = 1;
  f.release.clear();
  f.memory_is_known = false;
  f.outputs.clear();
  f.stream = f.elf = true;
  EXPECT_EQ(text_of(start_lines(one, f, "")),
            "/proc/vmcore: up to 7.0 MiB of memory, unknown kernel\n"
            "Level 31, ELF, 1 thread, into the standard output\n");
  f.dry_run = true;
  EXPECT_EQ(start_lines(one, f, "").at(1), "Level 31, ELF, 1 thread, nothing is written");
}

// Every situation with the longest of everything.
TEST(RunSummary, IsFewLinesOfOneConsoleLineEach) {
  const std::string word(300, 'w');
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "\xe2\x82\xac";  // three bytes a character
  for (unsigned bits = 0; bits < 1U << 10; ++bits) {
    const auto is = [bits](unsigned bit) { return (bits >> bit & 1U) != 0; };
    RunReport report = sample();
    RunFacts f = facts();
    report.dump_level = is(0) ? 31 : 0;
    if (is(1)) {
      report.classified.counts.fill(std::uint64_t{1} << 48);
      report.copied.zero_pages = report.classified.kept_pages = report.copied.pages = 1ULL << 50;
    }
    report.complete = is(2);
    report.failure = is(2) ? "" : is(3) ? wide : word;
    report.copied.lost_pages = is(3) ? 0 : 1ULL << 40;
    f.elf = is(4);
    f.stream = is(5);
    f.frames = is(6) ? "zstd" : "";
    f.dry_run = is(7);
    if (is(8)) {
      f.input = f.release = word;
      f.outputs = {word + "/" + word, wide, word};
      f.in_doubt.assign(40, "pages of a class with a long name");
      f.warnings = 1000000;
    }
    if (is(9)) {
      f.input = wide;
      f.outputs.assign(1, wide);
      f.in_doubt.assign(1, word);
    }
    const auto lines = summary_lines(report, f);
    EXPECT_LE(lines.size(), kMostSummaryLines + (report.complete ? 0 : 1));
    for (const auto& all : {lines, nothing_saved_lines(f), start_lines(report, f, word)}) {
      EXPECT_LE(all.size(), kMostSummaryLines + 1);
      for (const std::string& line : all) {
        EXPECT_LE(line.size(), kSummaryColumns) << line;
        EXPECT_EQ(line.find_first_of("\n\r"), std::string::npos);
        // Nothing ends within a character.
        const auto last = line.find_last_of("\xe2\x82\xac");
        EXPECT_TRUE(last == std::string::npos || line[last] == '\xac') << line;
      }
    }
  }
}

}  // namespace
}  // namespace vmsift
