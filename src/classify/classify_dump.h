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

// Windows that may be in memory at a time with this many threads.
constexpr std::size_t window_slots(unsigned threads) {
  return threads <= 1 ? 1 : 2 * std::size_t{threads};
}

// Bytes that classify_dump() takes at most, with readers of `reader_memory` bytes each.
constexpr std::size_t classify_memory(unsigned threads, std::size_t page_size,
                                      std::size_t reader_memory) {
  return window_slots(threads) * sizeof(WindowResult) +
         threads * WindowScanner::memory(page_size, reader_memory);
}

}  // namespace vmsift
