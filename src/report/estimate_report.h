// SPDX-License-Identifier: GPL-2.0-or-later
// What --estimate says: for people and as JSON.
#pragma once

#include "compress/codec.h"
#include "src/classify/kernel_model.h"
#include "src/estimate/crash_kernel.h"
#include "src/estimate/readiness.h"
#include "src/estimate/size_estimate.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmsift {

// What vmsift needs in the capture kernel, in bytes.
struct MemoryNeed {
  unsigned threads = 1;
  std::vector<std::uint64_t> bytes;  // by codec
};

struct EstimateReport {
  const MemorySource& source;
  const KernelModel& model;
  const Reconciliation& reconciliation;
  const Readiness& readiness;
  const SizeEstimate& sizes;
  std::span<const Codec* const> codecs;  // those of `sizes`
  std::uint64_t header_bytes = 0;        // headers, notes and bitmaps of a dump
  std::vector<unsigned> levels;          // rows for people; JSON has all
  std::vector<MemoryNeed> memory;
  std::optional<CrashKernel> crash_kernel;  // of the running kernel

  // Of the whole file.
  [[nodiscard]] Expected dump_bytes(unsigned level, std::size_t codec) const;
};

// What is shown of an Expected is this many of its errors.
constexpr double kShownErrors = 2;

std::string estimate_text(const EstimateReport& report);
std::string estimate_json(const EstimateReport& report);

}  // namespace vmsift
