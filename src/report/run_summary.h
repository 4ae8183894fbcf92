// SPDX-License-Identifier: GPL-2.0-or-later
// The few lines that an operator reads before and after a dump. A serial console takes up to 83 ms
// for each, so that their number and length are bounded, whatever the dump's names and sizes are.
#pragma once

#include "src/report/run_report.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

// With the line that names the file, an empty one and the last word there are at most twelve; of an
// incomplete dump there is one more, and what is said of it as an error.
constexpr std::size_t kMostSummaryLines = 9;
constexpr std::size_t kSummaryColumns = 80;  // bytes, which are no less than columns

// What the lines are made of, beside the report.
struct RunFacts {
  std::string input;
  std::string release;             // of the kernel; empty: not known
  std::uint64_t memory_bytes = 0;  // that the input describes
  bool memory_is_known = true;     // false: it is no more than that
  std::size_t page_size = 4096;
  std::vector<std::string> outputs;  // empty: a stream, or nothing
  bool elf = false;
  bool stream = false;      // flattened, on the standard output
  std::string_view frames;  // "zstd", "lz4": around all of it
  bool is_private = false;  // read by vmsift alone
  bool dry_run = false;
  std::vector<std::string> in_doubt;  // rules that are off, whose pages are kept
  std::size_t warnings = 0;           // others
};

// What is going to be done. `expected` is the estimate of the dump's size, empty: there is none.
std::vector<std::string> start_lines(const RunReport& report, const RunFacts& facts,
                                     const std::string& expected);

// Of a run that ended before there was anything worth keeping; its files are removed.
std::vector<std::string> nothing_saved_lines(const RunFacts& facts);

// What was done; at most kMostSummaryLines, and one more of an incomplete dump. report.failure says
// why the dump is incomplete.
std::vector<std::string> summary_lines(const RunReport& report, const RunFacts& facts);

}  // namespace vmsift
