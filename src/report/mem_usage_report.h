// SPDX-License-Identifier: GPL-2.0-or-later
// What --mem-usage found, in makedumpfile's table and as JSON.
#pragma once

#include "filters/page_class.h"
#include "src/classify/kernel_model.h"
#include "src/classify/reconcile.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <string>

namespace vmsift {

struct MemUsage {
  ClassCounts classes{};
  std::uint64_t zero_pages = 0;  // among those that dump level 31 keeps for their class
  std::uint64_t lost_pages = 0;  // among the same: could not be read
  Reconciliation reconciliation;

  // Page frames with memory. The rows of the table add up to it.
  [[nodiscard]] std::uint64_t pages() const;
  [[nodiscard]] std::uint64_t kernel_data() const;
};

// Six rows as makedumpfile has them; more only for pages that it leaves out of its table and that
// are there: offline, poisoned, and what a filtered dump lacks.
std::string mem_usage_table(const MemUsage& usage, std::size_t page_size);
std::string mem_usage_json(const MemUsage& usage, const MemorySource& source,
                           const KernelModel& model);

}  // namespace vmsift
