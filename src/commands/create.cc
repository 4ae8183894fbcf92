// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift VMCORE DUMPFILE: classify every page, then copy those that the dump level keeps. A split
// dump has several files that get a range of pages each; all else is the same.
#include "src/base/stop_request.h"
#include "src/classify/classify_dump.h"
#include "src/classify/reconcile.h"
#include "src/classify/unused_vmemmap.h"
#include "src/commands/commands.h"
#include "src/commands/conclude.h"
#include "src/commands/dump_members.h"
#include "src/commands/dump_output.h"
#include "src/commands/input.h"
#include "src/commands/json_output.h"
#include "src/commands/kept_windows.h"
#include "src/commands/memory_request.h"
#include "src/commands/run_facts.h"
#include "src/commands/vtop.h"
#include "src/copy/copy_pages.h"
#include "src/pipeline/pipeline.h"
#include "src/pipeline/side_by_side.h"
#include "src/report/progress.h"
#include "src/report/run_report.h"

#include <algorithm>
#include <mutex>
#include <optional>

namespace vmsift {
namespace {

class CreateRun {
 public:
  CreateRun(const Options& options, const Log& log)
      : options_(options), log_(log), clock_(report_), members_(options) {}

  Result<int> run();

 private:
  Result<void> open();
  void use_level(unsigned level);
  void announce() const;
  [[nodiscard]] ClassSet dropped() const;
  Result<void> attempt();
  Result<void> begin();
  Result<void> find_unused_vmemmap();
  Result<void> classify();
  Result<void> copy();
  void copy(DumpMember& member, unsigned threads);
  NextWindow windows(const DumpMember& member);
  void finish();

  const Options& options_;
  const Log& log_;
  RunReport report_;
  StageClock clock_;
  Input input_;
  std::optional<Reconciler> reconciler_;  // not where nothing is left out by rules
  DumpMembers members_;
  std::vector<PfnRange> unused_vmemmap_;  // with -e
  KeptBits live_kept_;                    // of memory that changes while it is read
  std::mutex progress_mutex_;             // members are copied side by side
  Progress* progress_ = nullptr;
  std::uint64_t pages_done_ = 0;
};

Result<int> CreateRun::run() {
  if (auto opened = open(); !opened) return opened.take_error();
  if (auto checked = check_json(options_); !checked) return checked.take_error();
  clock_.finished("open");
  std::vector<unsigned> levels = {options_.dump_level};
  levels.insert(levels.end(), options_.retry_levels.begin(), options_.retry_levels.end());
  for (std::size_t i = 0;; ++i) {
    use_level(levels[i]);
    if (i == 0) announce();
    report_.stage_seconds.resize(1);  // those of an earlier attempt; it was opened once
    auto done = attempt();
    if (!done && members_.empty() && i == 0) return done.take_error();  // nothing was begun
    // What went into a stream cannot be taken back.
    const bool again = members_.out_of_space() && i + 1 < levels.size() && !options_.flattened &&
                       !stop_requested();
    if (!again) {
      const auto failure = done ? std::nullopt : std::optional(done.take_error());
      return conclude(options_, log_, input_, report_, members_, failure);
    }
    log_.common("No space for a dump of level {}, level {} is tried.", levels[i], levels[i + 1]);
    members_.discard();
  }
}

Result<void> CreateRun::open() {
  auto input = open_input(options_, log_);
  if (!input) return input.take_error();
  input_ = std::move(*input);
  if (options_.vtop) log_.report(explain_address(input_, *options_.vtop));
  report_.dumpfile =
      options_.flattened ? "STDOUT" : fmt::format("{}", fmt::join(options_.outputs, ", "));
  report_.codec = options_.codec->name;
  const MemoryPlan plan = plan_run(options_, input_, log_);
  report_.threads = plan.threads;
  report_.planned_memory = plan.needed;
  report_.available_memory = plan.available;
  if (options_.command != Command::reassemble) {
    reconciler_.emplace(*input_.model, *input_.source, report_.threads);
  }
  if (is_private(*options_.codec)) {
    log_.warning(
        "pages compressed with {} are read by vmsift alone; `vmsift -z {} DUMP` makes a dump for "
        "every reader",
        options_.codec->name, report_.dumpfile);
  }
  return {};
}

void CreateRun::use_level(unsigned level) {
  const DumpInfo& dump = input_.source->info();
  report_.dump_level = level | dump.dump_level;
  if (report_.dump_level != level && options_.command != Command::reassemble) {
    log_.common("dump_level is changed to {}, because {} was created by dump_level({}).",
                report_.dump_level, dump.path, dump.dump_level);
  }
}

void CreateRun::announce() const {
  if (!log_.shows(Log::kCommon)) return;
  const std::string expected = expected_size(options_, input_, report_.dump_level, dropped());
  for (const auto& line : start_lines(report_, run_facts(options_, input_, report_), expected)) {
    log_.common("{}", line);
  }
}

// Members are put together as they are; what they lack was left out when they were written.
ClassSet CreateRun::dropped() const {
  if (options_.command == Command::reassemble) return {};
  ClassSet classes = dropped_classes(report_.dump_level);
  if (options_.exclude_unused_vm) classes.add(PageClass::unused_vmemmap);
  return classes;
}

Result<void> CreateRun::attempt() {
  pages_done_ = 0;
  if (auto begun = begin(); !begun) return begun;
  clock_.finished("classify");
  if (auto copied = copy(); !copied) return copied;
  clock_.finished("copy");
  finish();
  clock_.finished("finish");
  for (const DumpMember& member : members_.all()) {
    if (member.failure) return *member.failure;
  }
  return {};
}

// Outputs and the class of every page; both once more if the kernel's own counters contradict a
// rule. What went into a stream cannot be taken back, so there they are asked before.
Result<void> CreateRun::begin() {
  if (reconciler_ && options_.flattened) {
    if (auto settled = reconciler_->settle(); !settled) return settled;
  }
  for (;;) {
    if (stop_requested()) return stopped();
    if (auto created = members_.create(input_, report_.dump_level); !created) return created;
    if (auto found = find_unused_vmemmap(); !found) return found;
    if (auto classified = classify(); !classified) return classified;
    if (!reconciler_) break;
    auto corrected = reconciler_->check(report_.classified);
    if (!corrected) return corrected.take_error();
    report_.reconciliation = reconciler_->result();
    if (!*corrected) break;
    members_.discard();
  }
  return members_.share_out(report_.classified.kept_pages);
}

// Which struct pages describe nothing that is kept is known when all windows were looked at, and
// these pages may be in any of them.
Result<void> CreateRun::find_unused_vmemmap() {
  if (!options_.exclude_unused_vm) return {};
  UnusedVmemmap unused(*input_.model, *input_.source);
  auto looked = classify_dump(*input_.source, *input_.model, dropped(), report_.threads,
                              [&](const WindowResult& window) -> Result<void> {
                                unused.look(window);
                                return {};
                              });
  if (!looked) return looked.take_error();
  unused.finish();
  if (unused.overflowed()) log_.warning("-e: memory is in too many pieces, some of it is kept");
  unused_vmemmap_ = unused.pages();
  return {};
}

Result<void> CreateRun::classify() {
  const DumpInfo& dump = input_.source->info();
  if (dump.live) live_kept_.begin(dump.max_pfn);
  Progress progress(log_, "Classifying pages", dump.max_pfn, dump.page_size);
  auto totals = classify_dump(
      *input_.source, *input_.model, dropped(), report_.threads,
      [&](const WindowResult& window) -> Result<void> {
        progress.update(window.pages.end);
        const Pfn first = window.pages.begin;
        if (dump.live) live_kept_.put(first, window.kept);
        return members_.put_window(first, window.exists, window.kept);
      },
      &unused_vmemmap_);
  if (!totals) return totals.take_error();
  report_.classified = *totals;
  report_.memory = memory_use();  // until there are buffers to count
  return {};
}

NextWindow CreateRun::windows(const DumpMember& member) {
  const MemorySource& source = *input_.source;
  auto kept = !live_kept_.empty() ? kept_by_bits(live_kept_)
              : member.writer->remembers_kept()
                  ? kept_by_dump(*member.writer)
                  : kept_by_class(*input_.model, source, dropped(), unused_vmemmap_);
  return each_window(source, kWindowPages, member.range, std::move(kept));
}

Result<void> CreateRun::copy() {
  if (auto begun = members_.begin_pages(); !begun) return begun;
  Progress progress(log_, "Copying pages", report_.classified.kept_pages,
                    input_.source->info().page_size);
  progress_ = &progress;
  auto& members = members_.all();
  const unsigned runners = std::min(static_cast<unsigned>(members.size()), report_.threads);
  side_by_side(members.size(), runners,
               [&](std::size_t i) { copy(members[i], std::max(1U, report_.threads / runners)); });
  progress_ = nullptr;
  return {};
}

void CreateRun::copy(DumpMember& member, unsigned threads) {
  std::uint64_t told = 0;
  const CopyOptions how{options_.codec, sharing_of(options_, report_.dump_level), threads,
                        frames_of(options_), options_.dedup};
  auto copied = copy_pages(
      *input_.source, windows(member), how,
      [&](const StoredPages& pages) { return member.writer->put_pages(pages); },
      [&](std::uint64_t done) {
        const std::lock_guard lock(progress_mutex_);
        pages_done_ += done - told;
        told = done;
        progress_->update(pages_done_);
        // Every worker has its buffers and codec now, and gives them up after this.
        if (pages_done_ == report_.classified.kept_pages) report_.memory = memory_use();
      },
      member.copied);
  if (!copied) {
    member.failure = copied.take_error();
  } else if (member.copied.pages != member.pages) {
    member.failure = error("{} pages to copy, {} were found: the memory changed while it was read",
                           member.pages, member.copied.pages);
  }
}

void CreateRun::finish() {
  report_.complete = !input_.source->info().incomplete;
  members_.finish(report_.complete);
  report_.copied = {};
  report_.dump_bytes = 0;
  for (const DumpMember& member : members_.all()) {
    report_.copied.add(member.copied);
    report_.complete &= member.complete;
    report_.dump_bytes += member.writer->sink().output_bytes();
  }
}

}  // namespace

Result<int> run_create(const Options& options, const Log& log) {
  const bool writes = !options.outputs.empty() || options.flattened || options.dry_run;
  if (options.vtop && !writes) return run_vtop(options, log);
  const StopListener listener;
  return CreateRun(options, log).run();
}

}  // namespace vmsift
