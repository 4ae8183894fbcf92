// SPDX-License-Identifier: GPL-2.0-or-later
// What a run did, as the peer's table (--show-stats) and as JSON (--stats=json).
#pragma once

#include "filters/page_class.h"
#include "src/classify/classify_dump.h"
#include "src/classify/kernel_model.h"
#include "src/classify/reconcile.h"
#include "src/copy/copy_pages.h"
#include "src/input/memory_source.h"
#include "src/report/json.h"
#include "src/report/memory_use.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift {

struct RunReport {
  std::string dumpfile;
  std::string_view codec;
  unsigned dump_level = 0;
  unsigned threads = 1;
  ClassifyTotals classified;
  Reconciliation reconciliation;
  CopyResult copied;
  std::uint64_t dump_bytes = 0;  // size of the dump file
  bool complete = false;
  MemoryUse memory;                               // with all buffers still held
  std::uint64_t planned_memory = 0;               // bytes, at the most
  std::optional<std::uint64_t> available_memory;  // bytes at the start; nullopt: not known
  std::vector<std::pair<std::string_view, double>> stage_seconds;
};

// Times the stages of a run one after the other.
class StageClock {
 public:
  explicit StageClock(RunReport& report) : report_(report), start_(Clock::now()) {}
  void finished(std::string_view stage) {
    const auto now = Clock::now();
    report_.stage_seconds.emplace_back(stage, std::chrono::duration<double>(now - start_).count());
    start_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  RunReport& report_;
  Clock::time_point start_;
};

std::string report_table(const RunReport& report);
std::string report_json(const RunReport& report, const MemorySource& source,
                        const KernelModel& model);

// The parts of the JSON that every command shares: input, kernel, rules, downgrades.
void describe_input(JsonWriter& json, const MemorySource& source, const KernelModel& model);

}  // namespace vmsift
