// SPDX-License-Identifier: GPL-2.0-or-later
// The table and the JSON of --levels.
#pragma once

#include "src/classify/kernel_model.h"
#include "src/classify/reconcile.h"
#include "src/copy/measure_levels.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <string>

namespace vmsift {

struct LevelsReport {
  const LevelCosts& costs;
  std::uint64_t header_bytes;  // headers, notes and bitmaps
  std::size_t page_size;
  unsigned least_level;  // what the input was filtered by already
  Reconciliation reconciliation{};

  // Exactly what the dump file of this level will take.
  [[nodiscard]] std::uint64_t dump_bytes(unsigned level, const CodecCost& codec) const;
};

std::string levels_table(const LevelsReport& report, const MemorySource& source,
                         const KernelModel& model);
std::string levels_json(const LevelsReport& report, const MemorySource& source,
                        const KernelModel& model);

// The first columns of a table of levels: the heading, and below it what a level leaves out, how
// many pages it keeps, and their share of `all`.
std::string level_heading();
std::string level_columns(unsigned level, std::uint64_t pages, std::uint64_t all);

// "117.3 MiB"
std::string human_bytes(std::uint64_t bytes);

}  // namespace vmsift
