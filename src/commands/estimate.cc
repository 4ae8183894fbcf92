// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift --estimate [VMCORE]: before the machine crashes, whether its kernel is understood, how
// large a dump would be, and what making it would take. VMCORE is /proc/kcore, the running machine,
// unless something else is named.
#include "src/classify/reconcile.h"
#include "src/commands/commands.h"
#include "src/commands/input.h"
#include "src/commands/json_output.h"
#include "src/commands/memory_request.h"
#include "src/estimate/readiness.h"
#include "src/estimate/size_estimate.h"
#include "src/pipeline/pipeline.h"
#include "src/report/estimate_report.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace vmsift {
namespace {

// Those of the collectors of the distributions.
constexpr std::array<std::string_view, 3> kUsualCodecs = {"lzo", "zlib", "zstd"};

// Everything, and those that scripts try one after the other.
constexpr std::array<unsigned, 6> kUsualLevels = {0, 1, 9, 17, 23, 31};

std::vector<const Codec*> codecs_to_estimate(const Options& options) {
  if (!options.level_codecs.empty()) return options.level_codecs;
  if (options.codec_given) return {options.codec};
  std::vector<const Codec*> codecs;
  for (const std::string_view name : kUsualCodecs) {
    if (const Codec* codec = find_codec_by_name(name)) codecs.push_back(codec);
  }
  return codecs;
}

// With those of -d among them.
std::vector<unsigned> levels_to_show(const Options& options) {
  std::vector<unsigned> levels(kUsualLevels.begin(), kUsualLevels.end());
  levels.push_back(options.dump_level);
  levels.insert(levels.end(), options.retry_levels.begin(), options.retry_levels.end());
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  return levels;
}

// What making a dump takes in the capture kernel, which has one CPU on most distributions and
// little memory.
std::vector<MemoryNeed> memory_needs(const Options& options, std::span<const Codec* const> codecs,
                                     const DumpInfo& dump) {
  constexpr std::uint64_t kLittle = 0;
  const InputShape vmcore =
      shape_of_crash(dump.page_size, dump.max_pfn, dump.memory.size(), kLittle);
  std::vector<MemoryNeed> needs;
  for (const unsigned threads : {1U, thread_count(options.threads)}) {
    if (!needs.empty() && threads == needs.back().threads) break;
    MemoryNeed need{threads, {}};
    for (const Codec* codec : codecs) {
      Options capture;
      capture.codec = codec;
      const MemoryRequest request = memory_request(capture, vmcore, threads);
      need.bytes.push_back(request.fixed_bytes + request.thread_bytes(threads));
    }
    needs.push_back(std::move(need));
  }
  return needs;
}

}  // namespace

Result<int> run_estimate(const Options& options, const Log& log) {
  auto input = open_input(options, log);
  if (!input) return input.take_error();
  const MemorySource& source = *input->source;
  auto header = describe_dump(*input, 0);
  if (!header) return header.take_error();
  if (auto checked = check_json(options); !checked) return checked.take_error();

  // All of the struct pages: whether the rules say the same as the kernel's counters is worth that.
  Reconciler reconciler(*input->model, source, plan_run(options, *input, log).threads);
  if (auto settled = reconciler.settle(); !settled) return settled.take_error();
  const auto codecs = codecs_to_estimate(options);
  std::optional<CrashKernel> crash_kernel;
  if (source.info().live) crash_kernel = read_crash_kernel();
  const auto reserved = crash_kernel ? std::span<const MemoryRange>(crash_kernel->ranges)
                                     : std::span<const MemoryRange>();
  auto sizes = SizeEstimate::make(*input->model, source, codecs, dropped_classes(0),
                                  kThoroughEstimate, reserved);
  if (!sizes) return sizes.take_error();

  auto needs = memory_needs(options, codecs, source.info());
  const auto& least = needs.front().bytes;
  const Readiness readiness = judge(*input->model, reconciler.result(), crash_kernel,
                                    *std::max_element(least.begin(), least.end()));
  const EstimateReport report{
      source,           *input->model, reconciler.result(),          readiness,
      *sizes,           codecs,        header->descriptors_offset(), levels_to_show(options),
      std::move(needs), crash_kernel};
  if (!options.json || !options.json->empty()) log.report(estimate_text(report));
  if (auto written = write_json(options, estimate_json(report)); !written) {
    return written.take_error();
  }
  return readiness.ready() ? kExitOk : kExitFailed;
}

}  // namespace vmsift
