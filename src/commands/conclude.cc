// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/conclude.h"

#include "src/base/stop_request.h"
#include "src/cli/texts.h"
#include "src/commands/commands.h"
#include "src/commands/json_output.h"
#include "src/commands/run_facts.h"
#include "src/report/reconciliation_report.h"

namespace vmsift {
namespace {

void tell(const std::vector<std::string>& lines, const Log& log) {
  for (const std::string& line : lines) log.common("{}", line);
}

void report_losses(const RunReport& report, const KernelModel& model, const Log& log) {
  const CopyResult& copied = report.copied;
  if (copied.lost_pages != 0) {
    log.error(fmt::format(
        "{} pages could not be read{}{}", copied.lost_pages,
        copied.lost_reason.empty() ? "" : ", the last one because: ", copied.lost_reason));
  }
  const Anomalies& odd = report.classified.anomalies;
  if (odd.unreadable != 0) {
    log.warning("{} pages are kept because their struct pages cannot be read", odd.unreadable);
  }
  if (model.memory_map() && odd.no_memory_map != 0) {
    log.warning("{} pages are kept because their section has no memory map", odd.no_memory_map);
  }
}

// The last line says what to do.
void report_incomplete(const Options& options, const RunReport& report, const DumpMembers& members,
                       const Log& log) {
  if (options.dry_run) {
    log.error("the dump would be incomplete");
    return;
  }
  const bool no_space = members.out_of_space();
  if (no_space && !incomplete_line(options).empty()) log.common("{}", incomplete_line(options));
  std::string what = options.flattened ? "the stream" : "";
  for (const DumpMember& member : members.all()) {
    if (options.flattened || member.complete) continue;
    what += fmt::format("{}{}", what.empty() ? "" : ", ", member.writer->sink().name());
  }
  const bool cut = options.flattened && !members.all().front().ended;
  const std::string marked = cut ? "is cut short" : "is incomplete and marked so";
  if (!no_space) {
    log.error(fmt::format("{} {}; what was saved may still be analysed", what, marked));
    return;
  }
  log.error(fmt::format(
      "{} {}: {} of {} pages had room and may still be analysed; to have all, make room{}, leave "
      "out more (-d 31) or compress better (-z)",
      what, marked, report.copied.pages, report.classified.kept_pages,
      options.size_limit ? ", raise the limit (-L)" : ""));
}

}  // namespace

int conclude(const Options& options, const Log& log, const Input& input, RunReport& report,
             DumpMembers& members, const std::optional<Error>& failure) {
  if (failure) {
    report.complete = false;
    report.failure = failure->message();
    log.error(report.failure);
    // A stream cannot be removed, and was ended.
    const bool empty = stop_requested() && report.copied.pages == 0 && !options.flattened;
    if (!members.begun() || empty) {
      const bool no_space = members.out_of_space();
      members.discard();
      tell(nothing_saved_lines(run_facts(options, input, report)), log);
      if (no_space) log.error(kNoRoomToBegin);
      return kExitFailed;
    }
  }
  report_losses(report, *input.model, log);
  if (log.shows(Log::kReport)) log.report(report_table(report));
  report_reconciliation(report.reconciliation, log);
  if (auto written = write_json(options, report_json(report, *input.source, *input.model));
      !written) {
    log.warning("{}", written.message());  // of no weight beside the dump
  }
  tell(summary_lines(report, run_facts(options, input, report)), log);
  if (!report.complete) {
    report_incomplete(options, report, members, log);
    return kExitFailed;
  }
  if (!options.dry_run) log.common("{}", saved_line(options));
  return kExitOk;
}

}  // namespace vmsift
