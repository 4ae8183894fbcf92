// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/run_facts.h"

#include "src/commands/dump_output.h"

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

}  // namespace vmsift
