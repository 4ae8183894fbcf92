// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/run_facts.h"

#include "src/commands/dump_output.h"
#include "src/estimate/size_estimate.h"
#include "src/report/levels_report.h"

#include <array>

namespace vmsift {

RunFacts run_facts(const Options& options, const Input& input, const RunReport& report) {
  const DumpInfo& dump = input.source->info();
  const KernelModel& model = *input.model;
  RunFacts facts;
  facts.input = dump.path;
  facts.release = model.note().text("OSRELEASE").value_or("");
  for (const MemoryRange& range : dump.memory) facts.memory_bytes += range.end - range.begin;
  facts.memory_is_known = !dump.memory.empty();
  if (dump.memory.empty()) facts.memory_bytes = dump.max_pfn * dump.page_size;
  facts.page_size = dump.page_size;
  if (!options.dry_run && !options.flattened) facts.outputs = options.outputs;
  facts.elf = options.elf;
  facts.stream = options.flattened;
  if (const FrameFormat* frames = frames_of(options)) facts.frames = frames->name;
  facts.is_private = !options.elf && is_private(*options.codec);
  facts.dry_run = options.dry_run;
  for (const Downgrade& d : model.downgrades()) facts.in_doubt.push_back(d.rule);
  facts.warnings =
      dump.warnings.size() + model.warnings().size() + report.reconciliation.verdicts.size();
  return facts;
}

std::string expected_size(const Options& options, const Input& input, unsigned level,
                          ClassSet dropped) {
  if (options.command != Command::create || frames_of(options) != nullptr) return {};
  auto header = describe_dump(input, level);
  auto estimate = SizeEstimate::make(*input.model, *input.source, std::array{options.codec},
                                     dropped, kQuickEstimate);
  if (!header || !estimate) return {};
  Expected bytes = options.elf ? estimate->elf_bytes(level) : estimate->kdump_bytes(level, 0);
  bytes.value +=
      static_cast<double>(options.elf ? input.notes.size() : header->descriptors_offset());
  const auto human = [](double value) { return human_bytes(static_cast<std::uint64_t>(value)); };
  // 19 of 20 are no further from the truth than twice the standard error.
  return fmt::format("Expected: {} from a sample, give or take {}", human(bytes.value),
                     human(2 * bytes.error));
}

}  // namespace vmsift
