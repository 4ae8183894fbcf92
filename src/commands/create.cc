// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift VMCORE DUMPFILE: classify every page, then copy those that the dump level keeps.
#include "src/base/file.h"
#include "src/classify/classify_dump.h"
#include "src/commands/commands.h"
#include "src/commands/input.h"
#include "src/commands/json_output.h"
#include "src/commands/vtop.h"
#include "src/copy/copy_pages.h"
#include "src/output/kdump_writer.h"
#include "src/pipeline/pipeline.h"
#include "src/report/progress.h"
#include "src/report/run_report.h"

#include <fcntl.h>

#include <memory>
#include <optional>

namespace vmsift {
namespace {

class CreateRun {
 public:
  CreateRun(const Options& options, const Log& log)
      : options_(options), log_(log), clock_(report_) {}

  Result<int> run();

 private:
  Result<void> open();
  Result<void> create_output();
  Result<void> classify();
  Result<void> copy();
  Result<void> finish();
  int conclude(std::optional<Error> failure);

  NextWindow windows_from_dump();
  NextWindow windows_by_scanning();

  const Options& options_;
  const Log& log_;
  RunReport report_;
  StageClock clock_;
  Input input_;
  kdump::Header header_;
  std::optional<KdumpWriter> writer_;  // none in a dry run
  bool saved_pages_ = false;           // from then on a failure leaves an incomplete dump
  // State of the window sources.
  std::vector<std::byte> kept_;
  std::unique_ptr<WindowScanner> scanner_;
  std::unique_ptr<WindowResult> scanned_;
};

Result<int> CreateRun::run() {
  if (auto opened = open(); !opened) return opened.take_error();
  if (!input_.mismatch.empty()) {
    log_.error(input_.mismatch);
    return kExitMismatch;
  }
  if (auto checked = check_json(options_); !checked) return checked.take_error();
  clock_.finished("open");
  if (!options_.dry_run) {
    if (auto created = create_output(); !created) return created.take_error();
  }
  if (auto classified = classify(); !classified) return conclude(classified.take_error());
  clock_.finished("classify");
  if (auto copied = copy(); !copied) return conclude(copied.take_error());
  clock_.finished("copy");
  if (auto finished = finish(); !finished) return conclude(finished.take_error());
  clock_.finished("finish");
  return conclude(std::nullopt);
}

Result<void> CreateRun::open() {
  auto input = open_input(options_, log_);
  if (!input) return input.take_error();
  input_ = std::move(*input);
  if (!input_.mismatch.empty()) return {};
  if (options_.vtop) log_.report(explain_address(input_, *options_.vtop));
  const DumpInfo& dump = input_.source->info();
  report_.dumpfile = options_.dumpfile();
  report_.codec = options_.codec->name;
  report_.threads = thread_count(options_.threads);
  report_.dump_level = options_.dump_level | dump.dump_level;
  if (report_.dump_level != options_.dump_level) {
    log_.common("dump_level is changed to {}, because {} was created by dump_level({}).",
                report_.dump_level, dump.path, dump.dump_level);
  }
  if (is_private(*options_.codec)) {
    log_.warning(
        "pages compressed with {} are read by vmsift alone; `vmsift -z {} DUMP` makes a dump for "
        "every reader",
        options_.codec->name, options_.dumpfile());
  }
  auto header = describe_dump(input_, report_.dump_level);
  if (!header) return header.take_error();
  header_ = std::move(*header);
  header_.status = options_.codec->header_flag;
  header_.is_private = is_private(*options_.codec);
  return {};
}

Result<void> CreateRun::create_output() {
  auto in = File::open(options_.vmcore(), O_RDONLY);
  if (in && same_file(*in, options_.dumpfile())) {
    return error("{} is the input itself", options_.dumpfile());
  }
  auto writer =
      KdumpWriter::create(options_.dumpfile(), options_.overwrite, header_,
                          input_.source->info().order, input_.notes, input_.vmcoreinfo_at);
  if (!writer) return writer.take_error();
  writer_.emplace(std::move(*writer));
  return {};
}

Result<void> CreateRun::classify() {
  const DumpInfo& dump = input_.source->info();
  Progress progress(log_, "Classifying pages", dump.max_pfn, dump.page_size);
  auto totals =
      classify_dump(*input_.source, *input_.model, dropped_classes(report_.dump_level),
                    report_.threads, [&](const WindowResult& window) -> Result<void> {
                      progress.update(window.pages.end);
                      if (!writer_) return {};
                      return writer_->put_bitmaps(window.pages.begin, window.exists, window.kept);
                    });
  if (!totals) return totals.take_error();
  report_.classified = *totals;
  report_.memory = memory_use();  // until there are buffers to count
  return {};
}

// The bitmap that the first stage wrote into the dump is the list of what to copy.
NextWindow CreateRun::windows_from_dump() {
  kept_.resize(kWindowBytes);
  return each_window(*input_.source, kWindowPages, [this](Pfn first) -> Result<KeptWindow> {
    if (auto read = writer_->read_kept(first, kept_); !read) return read.take_error();
    return KeptWindow{first, kept_, {}};
  });
}

// A dry run has no dump to read it from and classifies once more.
NextWindow CreateRun::windows_by_scanning() {
  scanner_ = std::make_unique<WindowScanner>(*input_.model, *input_.source,
                                             dropped_classes(report_.dump_level));
  scanned_ = std::make_unique<WindowResult>();
  return each_window(*input_.source, kWindowPages, [this](Pfn first) -> Result<KeptWindow> {
    if (auto done = scanner_->scan(first, *scanned_); !done) return done.take_error();
    return KeptWindow{first, scanned_->kept, {}};
  });
}

Result<void> CreateRun::copy() {
  const bool share_zero_page = (report_.dump_level & kLevelZero) != 0;
  const std::uint64_t pages = report_.classified.kept_pages;
  if (writer_) {
    if (auto begun = writer_->begin_pages(pages, share_zero_page); !begun) return begun;
    saved_pages_ = true;
  }
  const auto sink = [&](std::span<const std::byte> data, std::span<const std::uint32_t> sizes) {
    return writer_ ? writer_->put_pages(data, sizes, options_.codec->page_flag) : Result<void>();
  };
  Progress progress(log_, "Copying pages", pages, input_.source->info().page_size);
  return copy_pages(
      *input_.source, writer_ ? windows_from_dump() : windows_by_scanning(),
      {options_.codec, share_zero_page, report_.threads}, sink,
      [&](std::uint64_t done) {
        progress.update(done);
        // Every worker has its buffers and codec now, and gives them up after this.
        if (done == pages) report_.memory = memory_use();
      },
      report_.copied);
}

Result<void> CreateRun::finish() {
  report_.complete = report_.copied.lost_pages == 0 && !input_.source->info().incomplete;
  const bool zero_page =
      (report_.dump_level & kLevelZero) != 0 && report_.classified.kept_pages != 0;
  report_.dump_bytes = header_.descriptors_offset() +
                       report_.classified.kept_pages * kdump::kDescriptorBytes +
                       (zero_page ? header_.block_size : 0) + report_.copied.data_bytes;
  return writer_ ? writer_->finish(report_.complete) : Result<void>();
}

int CreateRun::conclude(std::optional<Error> failure) {
  const std::string& out = options_.dumpfile();
  if (failure) {
    report_.complete = false;
    log_.error(failure->message());
    if (writer_ && !saved_pages_) {
      writer_->discard();
      return kExitFailed;
    }
    if (writer_) {
      // Descriptors of what is on disk; the disk may be too full even for that.
      if (auto finished = writer_->finish(false); !finished) log_.error(finished.message());
    }
  }
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
  if (log_.shows(Log::kReport)) log_.report(report_table(report_));
  if (auto written = write_json(options_, report_json(report_, *input_.source, *input_.model));
      !written) {
    log_.warning("{}", written.message());  // of no weight beside the dump
  }
  if (!report_.complete) {
    log_.error(
        options_.dry_run
            ? std::string("the dump would be incomplete")
            : fmt::format("{} is incomplete and marked so; what was saved may still be analysed",
                          out));
    return kExitFailed;
  }
  if (!options_.dry_run) log_.common("The dumpfile is saved to {}.", out);
  log_.common("\nvmsift Completed.");
  return kExitOk;
}

}  // namespace

Result<int> run_create(const Options& options, const Log& log) {
  const bool writes = !options.outputs.empty() || options.flattened || options.dry_run;
  if (options.vtop && !writes) return run_vtop(options, log);
  return CreateRun(options, log).run();
}

}  // namespace vmsift
