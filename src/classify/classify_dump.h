// SPDX-License-Identifier: GPL-2.0-or-later
// The first stage of a run: every window with memory is classified, in parallel, and handed on in
// the order of its pages.
#pragma once

#include "src/classify/window_scan.h"

#include <functional>

namespace vmsift {

struct ClassifyTotals {
  ClassCounts counts{};
  ClassCounts absent_counts{};  // see WindowResult
  std::uint64_t kept_pages = 0;
  Anomalies anomalies;
};

// `unused_vmemmap`: see WindowScanner.
using WindowSink = std::function<Result<void>(const WindowResult& window)>;

Result<ClassifyTotals> classify_dump(const MemorySource& source, const KernelModel& model,
                                     ClassSet dropped, unsigned threads, const WindowSink& sink,
                                     const std::vector<PfnRange>* unused_vmemmap = nullptr);

}  // namespace vmsift
