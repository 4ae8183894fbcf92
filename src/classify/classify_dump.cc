// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/classify_dump.h"

#include "src/pipeline/pipeline.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace vmsift {
namespace {

struct Slot {
  Pfn first = 0;
  std::unique_ptr<WindowResult> window;
  std::optional<Error> error;
};

void add(const WindowResult& window, ClassifyTotals& totals) {
  for (std::size_t c = 0; c < kPageClasses; ++c) totals.counts[c] += window.counts[c];
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    totals.absent_counts[c] += window.absent_counts[c];
  }
  totals.kept_pages += window.kept_pages;
  totals.anomalies.add(window.anomalies);
}

}  // namespace

Result<ClassifyTotals> classify_dump(const MemorySource& source, const KernelModel& model,
                                     ClassSet dropped, unsigned threads, const WindowSink& sink,
                                     const std::vector<PfnRange>* unused_vmemmap) {
  const Pfn max_pfn = source.info().max_pfn;
  ClassifyTotals totals;
  Pfn next = 0;
  Pfn passed = 0;  // pages of windows that have no memory at all
  std::vector<std::unique_ptr<WindowScanner>> scanners(std::max(1U, threads));
  std::vector<Slot> slots(window_slots(threads));
  std::optional<Error> failure;

  run_pipeline(threads, slots.size(),
               {.produce =
                    [&](std::size_t i) {
                      const Pfn first = source.next_window(next, kWindowPages);
                      passed += std::min(first, max_pfn) - std::min(next, max_pfn);
                      if (first >= max_pfn) return false;
                      slots[i].first = first;
                      next = first + kWindowPages;
                      return true;
                    },
                .work =
                    [&](std::size_t i, unsigned worker) {
                      Slot& slot = slots[i];
                      if (!scanners[worker]) {
                        scanners[worker] =
                            std::make_unique<WindowScanner>(model, source, dropped, unused_vmemmap);
                      }
                      if (!slot.window) slot.window = std::make_unique<WindowResult>();
                      slot.error.reset();
                      if (auto done = scanners[worker]->scan(slot.first, *slot.window); !done) {
                        slot.error = done.take_error();
                      }
                    },
                .consume =
                    [&](std::size_t i) {
                      Slot& slot = slots[i];
                      if (slot.error) {
                        failure = std::move(slot.error);
                        return false;
                      }
                      add(*slot.window, totals);
                      if (auto taken = sink(*slot.window); !taken) {
                        failure = taken.take_error();
                        return false;
                      }
                      return true;
                    }});
  if (failure) return std::move(*failure);
  totals.counts[static_cast<std::size_t>(PageClass::hole)] += passed;
  return totals;
}

}  // namespace vmsift
