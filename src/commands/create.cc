// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift VMCORE DUMPFILE: classify every page, then copy those that the dump level keeps. A split
// dump has several files that get a range of pages each; all else is the same.
#include "src/classify/classify_dump.h"
#include "src/classify/reconcile.h"
#include "src/classify/unused_vmemmap.h"
#include "src/cli/texts.h"
#include "src/commands/commands.h"
#include "src/commands/dump_output.h"
#include "src/commands/input.h"
#include "src/commands/json_output.h"
#include "src/commands/memory_request.h"
#include "src/commands/split_ranges.h"
#include "src/commands/vtop.h"
#include "src/copy/copy_pages.h"
#include "src/pipeline/pipeline.h"
#include "src/pipeline/side_by_side.h"
#include "src/report/progress.h"
#include "src/report/reconciliation_report.h"
#include "src/report/run_report.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

namespace vmsift {
namespace {

// One file of the dump, or the stream.
struct Member {
  std::unique_ptr<DumpWriter> writer;
  PfnRange range;           // of page frames that it gets
  std::uint64_t pages = 0;  // kept ones among them
  bool begun = false;       // from then on a failure leaves an incomplete dump
  bool ended = false;       // with all that belongs behind the pages
  bool complete = false;
  CopyResult copied;
  std::optional<Error> failure;
  // State of the windows to copy.
  std::vector<std::byte> kept;
  std::unique_ptr<WindowScanner> scanner;
  std::unique_ptr<WindowResult> scanned;
};

class CreateRun {
 public:
  CreateRun(const Options& options, const Log& log)
      : options_(options), log_(log), clock_(report_) {}

  Result<int> run();

 private:
  Result<void> open();
  void use_level(unsigned level);
  [[nodiscard]] ClassSet dropped() const;
  Result<void> attempt();
  Result<void> begin();
  Result<void> create_outputs();
  Result<void> find_unused_vmemmap();
  Result<void> classify();
  Result<void> share_out();
  Result<void> copy();
  void copy(Member& member, unsigned threads);
  NextWindow windows(Member& member);
  void finish();
  void discard();
  [[nodiscard]] bool out_of_space() const;
  int conclude(std::optional<Error> failure);
  void report_losses() const;
  void report_incomplete() const;

  const Options& options_;
  const Log& log_;
  RunReport report_;
  StageClock clock_;
  Input input_;
  MemoryPlan plan_;
  std::optional<Reconciler> reconciler_;  // not where nothing is left out by rules
  std::vector<Member> members_;
  std::optional<SplitRanges> ranges_;     // of a split dump
  std::vector<PfnRange> unused_vmemmap_;  // with -e
  std::vector<std::byte> live_kept_;      // of memory that changes while it is read
  std::mutex progress_mutex_;             // members are copied side by side
  Progress* progress_ = nullptr;
  std::uint64_t pages_done_ = 0;
};

Result<int> CreateRun::run() {
  if (auto opened = open(); !opened) return opened.take_error();
  if (!input_.mismatch.empty()) {
    log_.error(input_.mismatch);
    return kExitMismatch;
  }
  if (auto checked = check_json(options_); !checked) return checked.take_error();
  clock_.finished("open");
  std::vector<unsigned> levels = {options_.dump_level};
  levels.insert(levels.end(), options_.retry_levels.begin(), options_.retry_levels.end());
  for (std::size_t i = 0;; ++i) {
    use_level(levels[i]);
    report_.stage_seconds.resize(1);  // those of an earlier attempt; it was opened once
    auto done = attempt();
    if (!done && members_.empty() && i == 0) return done.take_error();  // nothing was begun
    // What went into a stream cannot be taken back.
    const bool again = out_of_space() && i + 1 < levels.size() && !options_.flattened;
    if (!again) return conclude(done ? std::nullopt : std::optional(done.take_error()));
    log_.common("No space for a dump of level {}, level {} is tried.", levels[i], levels[i + 1]);
    discard();
  }
}

Result<void> CreateRun::open() {
  auto input = open_input(options_, log_);
  if (!input) return input.take_error();
  input_ = std::move(*input);
  if (!input_.mismatch.empty()) return {};
  if (options_.vtop) log_.report(explain_address(input_, *options_.vtop));
  report_.dumpfile =
      options_.flattened ? "STDOUT" : fmt::format("{}", fmt::join(options_.outputs, ", "));
  report_.codec = options_.codec->name;
  plan_ = plan_run(options_, input_, log_);
  report_.threads = plan_.threads;
  report_.planned_memory = plan_.needed;
  report_.available_memory = plan_.available;
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
  for (Member& member : members_) {
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
    if (auto created = create_outputs(); !created) return created;
    if (auto found = find_unused_vmemmap(); !found) return found;
    if (auto classified = classify(); !classified) return classified;
    if (!reconciler_) return share_out();
    auto corrected = reconciler_->check(report_.classified);
    if (!corrected) return corrected.take_error();
    report_.reconciliation = reconciler_->result();
    if (!*corrected) return share_out();
    discard();
  }
}

Result<void> CreateRun::create_outputs() {
  const DumpInfo& dump = input_.source->info();
  members_.clear();
  ranges_.reset();
  if (options_.split) {
    ranges_.emplace(dump.max_pfn, options_.split_block_bytes.value_or(0) / dump.page_size);
  }
  const std::size_t count = options_.split ? options_.outputs.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string path = i < options_.outputs.size() ? options_.outputs[i] : std::string();
    if (options_.split && dump.incomplete && ::access(path.c_str(), F_OK) == 0) {
      // With --split the first operand alone is read: others of its set would be overwritten.
      discard();
      return error("{} is there, and may be of the same split dump as {}: --reassemble it first",
                   path, dump.path);
    }
    auto writer = make_writer(options_, input_, report_.dump_level, path);
    if (!writer) {
      discard();
      return writer.take_error();
    }
    members_.emplace_back();
    members_.back().writer = std::move(*writer);
    members_.back().range = {0, dump.max_pfn};
  }
  return {};
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
  if (dump.live) live_kept_.assign(static_cast<std::size_t>(ceil_div<Pfn>(dump.max_pfn, 8)), {});
  Progress progress(log_, "Classifying pages", dump.max_pfn, dump.page_size);
  auto totals = classify_dump(
      *input_.source, *input_.model, dropped(), report_.threads,
      [&](const WindowResult& window) -> Result<void> {
        progress.update(window.pages.end);
        const Pfn first = window.pages.begin;
        if (ranges_) ranges_->add(first, window.kept);
        if (!live_kept_.empty()) {
          const auto at = static_cast<std::size_t>(first / 8);
          std::copy_n(window.kept.begin(), std::min(window.kept.size(), live_kept_.size() - at),
                      live_kept_.begin() + static_cast<std::ptrdiff_t>(at));
        }
        for (Member& member : members_) {
          if (auto put = member.writer->put_window(first, window.exists, window.kept); !put) {
            return put;
          }
        }
        return {};
      },
      &unused_vmemmap_);
  if (!totals) return totals.take_error();
  report_.classified = *totals;
  report_.memory = memory_use();  // until there are buffers to count
  return {};
}

Result<void> CreateRun::share_out() {
  members_.front().pages = report_.classified.kept_pages;
  if (!ranges_) return {};
  const auto ranges = ranges_->share_out(members_.size());
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i].range = ranges[i].pfns;
    members_[i].pages = ranges[i].kept_pages;
    if (auto set = members_[i].writer->set_range(ranges[i].pfns, ranges[i].kept_pages); !set) {
      return set;
    }
  }
  return {};
}

// Which pages to copy: by the bitmap in the dump itself, by the one that was kept of a live system,
// or by classifying once more.
NextWindow CreateRun::windows(Member& member) {
  std::function<Result<KeptWindow>(Pfn)> kept;
  if (!live_kept_.empty()) {
    member.kept.resize(kWindowBytes);
    kept = [this, &member](Pfn first) -> Result<KeptWindow> {
      const auto at = static_cast<std::size_t>(first / 8);
      const std::size_t n = std::min(kWindowBytes, live_kept_.size() - at);
      std::fill(member.kept.begin(), member.kept.end(), std::byte{0});
      std::copy_n(live_kept_.begin() + static_cast<std::ptrdiff_t>(at), n, member.kept.begin());
      return KeptWindow{first, member.kept, {}};
    };
  } else if (member.writer->remembers_kept()) {
    member.kept.resize(kWindowBytes);
    kept = [&member](Pfn first) -> Result<KeptWindow> {
      if (auto read = member.writer->read_kept(first, member.kept); !read) return read.take_error();
      return KeptWindow{first, member.kept, {}};
    };
  } else {
    member.scanner =
        std::make_unique<WindowScanner>(*input_.model, *input_.source, dropped(), &unused_vmemmap_);
    member.scanned = std::make_unique<WindowResult>();
    kept = [&member](Pfn first) -> Result<KeptWindow> {
      if (auto done = member.scanner->scan(first, *member.scanned); !done) return done.take_error();
      return KeptWindow{first, member.scanned->kept, {}};
    };
  }
  return each_window(*input_.source, kWindowPages, member.range, std::move(kept));
}

Result<void> CreateRun::copy() {
  for (Member& member : members_) {
    if (auto begun = member.writer->begin_pages(); !begun) return begun;
  }
  for (Member& member : members_) member.begun = true;
  Progress progress(log_, "Copying pages", report_.classified.kept_pages,
                    input_.source->info().page_size);
  progress_ = &progress;
  const auto count = static_cast<unsigned>(members_.size());
  const unsigned runners = std::min(count, report_.threads);
  side_by_side(members_.size(), runners,
               [&](std::size_t i) { copy(members_[i], std::max(1U, report_.threads / runners)); });
  progress_ = nullptr;
  return {};
}

void CreateRun::copy(Member& member, unsigned threads) {
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
  report_.copied = {};
  report_.complete = !input_.source->info().incomplete;
  report_.dump_bytes = 0;
  for (Member& member : members_) {
    report_.copied.add(member.copied);
    const bool complete =
        !member.failure && member.copied.lost_pages == 0 && !input_.source->info().incomplete;
    auto finished = member.writer->finish(complete);
    member.ended = static_cast<bool>(finished);
    // What stopped the copying says more than what stopped the end.
    if (!finished && !member.failure) member.failure = finished.take_error();
    member.complete = complete && !member.failure;
    report_.complete &= member.complete;
    report_.dump_bytes += member.writer->sink().output_bytes();
  }
}

void CreateRun::discard() {
  for (Member& member : members_) {
    if (member.writer) member.writer->sink().discard();
  }
  members_.clear();
}

bool CreateRun::out_of_space() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const Member& m) { return m.writer && m.writer->sink().out_of_space(); });
}

void CreateRun::report_losses() const {
  const CopyResult& copied = report_.copied;
  if (copied.lost_pages != 0) {
    log_.error(fmt::format(
        "{} pages could not be read{}{}", copied.lost_pages,
        copied.lost_reason.empty() ? "" : ", the last one because: ", copied.lost_reason));
  }
  const Anomalies& odd = report_.classified.anomalies;
  if (odd.unreadable != 0) {
    log_.warning("{} pages are kept because their struct pages cannot be read", odd.unreadable);
  }
  if (input_.model->memory_map() && odd.no_memory_map != 0) {
    log_.warning("{} pages are kept because their section has no memory map", odd.no_memory_map);
  }
}

// The last line says what to do.
void CreateRun::report_incomplete() const {
  if (options_.dry_run) {
    log_.error("the dump would be incomplete");
    return;
  }
  const bool no_space = out_of_space();
  if (no_space && !incomplete_line(options_).empty()) log_.common("{}", incomplete_line(options_));
  std::string what = options_.flattened ? "the stream" : "";
  for (const Member& member : members_) {
    if (options_.flattened || member.complete) continue;
    what += fmt::format("{}{}", what.empty() ? "" : ", ", member.writer->sink().name());
  }
  const bool cut = options_.flattened && !members_.front().ended;
  const std::string marked = cut ? "is cut short" : "is incomplete and marked so";
  if (!no_space) {
    log_.error(fmt::format("{} {}; what was saved may still be analysed", what, marked));
    return;
  }
  log_.error(fmt::format(
      "{} {}: {} of {} pages had room and may still be analysed; to have all, make room{}, leave "
      "out more (-d 31) or compress better (-z)",
      what, marked, report_.copied.pages, report_.classified.kept_pages,
      options_.size_limit ? ", raise the limit (-L)" : ""));
}

int CreateRun::conclude(std::optional<Error> failure) {
  const bool saved =
      std::any_of(members_.begin(), members_.end(), [](const Member& m) { return m.begun; });
  if (failure) {
    report_.complete = false;
    log_.error(failure->message());
    if (!saved) {
      const bool no_space = out_of_space();
      discard();
      if (no_space) log_.error(kNoRoomToBegin);
      return kExitFailed;
    }
  }
  report_losses();
  if (log_.shows(Log::kReport)) log_.report(report_table(report_));
  report_reconciliation(report_.reconciliation, log_);
  if (auto written = write_json(options_, report_json(report_, *input_.source, *input_.model));
      !written) {
    log_.warning("{}", written.message());  // of no weight beside the dump
  }
  if (!report_.complete) {
    report_incomplete();
    return kExitFailed;
  }
  if (!options_.dry_run) log_.common("{}", saved_line(options_));
  return kExitOk;
}

}  // namespace

Result<int> run_create(const Options& options, const Log& log) {
  const bool writes = !options.outputs.empty() || options.flattened || options.dry_run;
  if (options.vtop && !writes) return run_vtop(options, log);
  return CreateRun(options, log).run();
}

}  // namespace vmsift
