// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift --levels VMCORE: what a dump would hold and how large it would be at each of the 32
// levels.
#include "src/classify/reconcile.h"
#include "src/classify/window_scan.h"
#include "src/commands/commands.h"
#include "src/commands/input.h"
#include "src/commands/json_output.h"
#include "src/commands/memory_request.h"
#include "src/copy/measure_levels.h"
#include "src/pipeline/pipeline.h"
#include "src/report/levels_report.h"
#include "src/report/progress.h"
#include "src/report/reconciliation_report.h"

namespace vmsift {
namespace {

std::vector<const Codec*> codecs_to_measure(const Options& options) {
  if (!options.level_codecs.empty()) return options.level_codecs;
  const auto all = all_codecs();
  if (options.json && !options.codec_given) return {all.begin(), all.end()};
  return {options.codec};
}

}  // namespace

Result<int> run_levels(const Options& options, const Log& log) {
  auto input = open_input(options, log);
  if (!input) return input.take_error();
  if (!input->mismatch.empty()) {
    log.error(input->mismatch);
    return kExitMismatch;
  }
  const MemorySource& source = *input->source;
  const DumpInfo& dump = source.info();
  auto header = describe_dump(*input, 0);  // also says whether there can be a dump at all
  if (!header) return header.take_error();

  const unsigned threads = plan_run(options, *input, log).threads;
  Reconciler reconciler(*input->model, source, threads);
  if (auto settled = reconciler.settle(); !settled) return settled.take_error();
  report_reconciliation(reconciler.result(), log);

  // Nothing is left out but what must not be read: every level is made of what is seen here.
  WindowScanner scanner(*input->model, source, dropped_classes(0));
  const auto window = std::make_unique<WindowResult>();
  Progress progress(log, "Measuring pages", dump.max_pfn, dump.page_size);
  const auto windows =
      each_window(source, kWindowPages, {0, dump.max_pfn}, [&](Pfn first) -> Result<KeptWindow> {
        if (auto done = scanner.scan(first, *window); !done) return done.take_error();
        return KeptWindow{first, window->kept, window->classes};
      });
  const auto codecs = codecs_to_measure(options);
  auto costs =
      measure_levels(source, windows, codecs, threads, [&](Pfn upto) { progress.update(upto); });
  if (!costs) return costs.take_error();
  progress.update(dump.max_pfn);

  const LevelsReport report{*costs, header->descriptors_offset(), dump.page_size, dump.dump_level,
                            reconciler.result()};
  if (!options.json || !options.json->empty()) {
    log.report(levels_table(report, source, *input->model));
  }
  if (auto written = write_json(options, levels_json(report, source, *input->model)); !written) {
    return written.take_error();
  }
  if (const std::uint64_t lost = costs->lost_pages(); lost != 0 || dump.incomplete) {
    log.error(
        fmt::format("{} is incomplete: {} pages could not be read, and would be lost at levels "
                    "that keep them",
                    dump.path, lost));
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace vmsift
