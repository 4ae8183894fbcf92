// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift --mem-usage VMCORE: how much of a machine's memory a dump could leave out, as the table
// that sizing scripts read. VMCORE is /proc/kcore, the running machine, or any dump. One pass: each
// window of page frames is classified and what level 31 keeps of it tested for zeros, in parallel.
#include "src/classify/reconcile.h"
#include "src/classify/window_scan.h"
#include "src/commands/commands.h"
#include "src/commands/input.h"
#include "src/commands/json_output.h"
#include "src/commands/memory_request.h"
#include "src/copy/batch.h"
#include "src/pipeline/pipeline.h"
#include "src/report/mem_usage_report.h"
#include "src/report/progress.h"
#include "src/report/reconciliation_report.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace vmsift {
namespace {

struct Slot {
  Pfn first = 0;
  std::unique_ptr<WindowResult> window;
  std::uint64_t zero_pages = 0;
  std::uint64_t lost_pages = 0;
  std::optional<Error> error;
};

class Worker {
 public:
  Worker(const KernelModel& model, const MemorySource& source)
      : page_size_(source.info().page_size),
        scanner_(model, source, dropped_classes(kMaxLevel)),
        reader_(source) {}

  void measure(Slot& slot) {
    slot.error.reset();
    slot.zero_pages = 0;
    slot.lost_pages = 0;
    if (!slot.window) slot.window = std::make_unique<WindowResult>();
    if (auto done = scanner_.scan(slot.first, *slot.window); !done) {
      slot.error = done.take_error();
      return;
    }
    bool given = false;
    BatchCutter cutter(
        [&]() -> Result<std::optional<KeptWindow>> {
          if (std::exchange(given, true)) return std::optional<KeptWindow>();
          return std::optional(KeptWindow{slot.first, slot.window->kept, {}});
        },
        page_size_);
    while (cutter.next(batch_)) {
      // By page of the batch, so that a group that is read twice counts once.
      std::array<bool, kMaxBatchPages> zero;
      std::array<bool, kMaxBatchPages> lost;
      reader_.read(batch_, [&](const PageGroup& group) {
        for (std::size_t i = 0; i < group.size; ++i) {
          lost[group.first + i] = group.pages[i] == nullptr;
          zero[group.first + i] = group.pages[i] != nullptr && group.fill[i] == 0;
        }
      });
      const auto count = [this](const std::array<bool, kMaxBatchPages>& of) {
        return static_cast<std::uint64_t>(
            std::count(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(batch_.size), true));
      };
      slot.zero_pages += count(zero);
      slot.lost_pages += count(lost);
    }
  }

 private:
  std::size_t page_size_;
  WindowScanner scanner_;
  BatchReader reader_;
  Batch batch_;
};

Result<MemUsage> measure_usage(const Input& input, unsigned threads, Progress& progress) {
  const MemorySource& source = *input.source;
  const Pfn max_pfn = source.info().max_pfn;
  MemUsage usage;
  Pfn next = 0;
  std::vector<std::unique_ptr<Worker>> workers(std::max(1U, threads));
  std::vector<Slot> slots(window_slots(threads));
  std::optional<Error> failure;
  run_pipeline(threads, slots.size(),
               {.produce =
                    [&](std::size_t i) {
                      slots[i].first = source.next_window(next, kWindowPages);
                      next = slots[i].first + kWindowPages;
                      return slots[i].first < max_pfn;
                    },
                .work =
                    [&](std::size_t i, unsigned worker) {
                      if (!workers[worker]) {
                        workers[worker] = std::make_unique<Worker>(*input.model, source);
                      }
                      workers[worker]->measure(slots[i]);
                    },
                .consume =
                    [&](std::size_t i) {
                      Slot& slot = slots[i];
                      if (slot.error) {
                        failure = std::move(slot.error);
                        return false;
                      }
                      for (std::size_t c = 0; c < kPageClasses; ++c) {
                        usage.classes[c] += slot.window->counts[c];
                      }
                      usage.zero_pages += slot.zero_pages;
                      usage.lost_pages += slot.lost_pages;
                      progress.update(slot.window->pages.end);
                      return true;
                    }});
  if (failure) return std::move(*failure);
  progress.update(max_pfn);
  return usage;
}

}  // namespace

Result<int> run_mem_usage(const Options& options, const Log& log) {
  auto input = open_input(options, log);
  if (!input) return input.take_error();
  if (!input->mismatch.empty()) {
    log.error(input->mismatch);
    return kExitMismatch;
  }
  const DumpInfo& dump = input->source->info();
  if (!input->model->memory_map()) {
    // Without struct pages all of memory would pass for the kernel's, which is no answer.
    const auto& downgrades = input->model->downgrades();
    return error("{}: pages cannot be told apart: {}", dump.path,
                 downgrades.empty() ? "there is no memory map" : downgrades.front().reason);
  }
  if (auto checked = check_json(options); !checked) return checked.take_error();

  Progress progress(log, "Measuring pages", dump.max_pfn, dump.page_size);
  const unsigned threads = plan_run(options, *input, log).threads;
  Reconciler reconciler(*input->model, *input->source, threads);
  if (auto settled = reconciler.settle(); !settled) return settled.take_error();
  auto usage = measure_usage(*input, threads, progress);
  if (!usage) return usage.take_error();
  usage->reconciliation = reconciler.result();
  report_reconciliation(usage->reconciliation, log);
  if (!options.json || !options.json->empty()) log.report(mem_usage_table(*usage, dump.page_size));
  if (auto written = write_json(options, mem_usage_json(*usage, *input->source, *input->model));
      !written) {
    return written.take_error();
  }
  if (usage->lost_pages != 0) {
    log.warning("{}: {} pages could not be read and were not tested for zeros", dump.path,
                usage->lost_pages);
  }
  return kExitOk;
}

}  // namespace vmsift
