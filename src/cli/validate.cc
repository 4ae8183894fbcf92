// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/validate.h"

#include <algorithm>
#include <array>
#include <optional>

namespace vmsift {
namespace {

struct ModeRow {
  Opt opt;
  Mode mode;
  Command command;
};

constexpr std::array<ModeRow, 7> kModes = {{
    {Opt::rearrange, kRearrangeMode, Command::rearrange},
    {Opt::reassemble, kReassembleMode, Command::reassemble},
    {Opt::dump_dmesg, kDmesgMode, Command::dmesg},
    {Opt::mem_usage, kMemUsageMode, Command::mem_usage},
    {Opt::make_vmcoreinfo, kVmcoreinfoMode, Command::make_vmcoreinfo},
    {Opt::levels, kLevelsMode, Command::levels},
    {Opt::estimate, kEstimateMode, Command::estimate},
}};

// What --estimate looks at where nothing is named.
constexpr const char* kRunningKernel = "/proc/kcore";

// Pairs that contradict each other within one mode, and why.
struct Conflict {
  Opt one;
  Opt other;
  const char* why;
};

constexpr std::array<Conflict, 5> kConflicts = {{
    {Opt::elf, Opt::codec, "ELF holds pages as they are; --stream compresses all of it"},
    {Opt::elf, Opt::split, "only a kdump-compressed dump can be split"},
    {Opt::elf, Opt::dedup, "only descriptors of a kdump-compressed dump can share data"},
    {Opt::flattened, Opt::split, "the standard output takes one file"},
    {Opt::vmlinux, Opt::vmcoreinfo, "both say how the kernel is laid out"},
}};

class Settling {
 public:
  Settling(Options& options, const OptSet& given, std::span<char* const> operands)
      : options_(options), given_(given), words_(operands.begin(), operands.end()) {}

  Result<void> run() {
    if (has(Opt::help) || has(Opt::version)) {
      options_.command = has(Opt::help) ? Command::help : Command::version;
      return {};
    }
    if (auto found = find_mode(); !found) return found;
    if (auto checked = check_modes(); !checked) return checked;
    if (auto checked = check_pairs(); !checked) return checked;
    return take_operands();
  }

 private:
  [[nodiscard]] bool has(Opt opt) const { return given_[index_of(opt)]; }
  [[nodiscard]] std::string word(Opt opt) const {
    if (opt != Opt::codec) return row_of(opt).word();
    const Codec& codec = *options_.codec;
    return codec.option != 0 ? std::string{'-', codec.option} : fmt::format("--{}", codec.name);
  }
  [[nodiscard]] Error together(Opt one, Opt other, const char* why = nullptr) const {
    return error("{} and {} cannot be used together{}{}", word(one), word(other),
                 why == nullptr ? "" : ": ", why == nullptr ? "" : why);
  }

  Result<void> find_mode() {
    for (const ModeRow& row : kModes) {
      if (!has(row.opt)) continue;
      if (mode_opt_) return together(*mode_opt_, row.opt);
      mode_opt_ = row.opt;
      mode_ = row.mode;
      options_.command = row.command;
    }
    return {};
  }

  Result<void> check_modes() const {
    for (const OptionRow& row : option_rows()) {
      if (!has(row.opt) || (row.modes & mode_) != 0) continue;
      if (mode_opt_) return together(*mode_opt_, row.opt);
      return error("{} needs --dump-dmesg", word(row.opt));
    }
    return {};
  }

  Result<void> check_pairs() const {
    if (mode_ == kVmcoreinfoMode && !has(Opt::vmlinux)) return error("-g needs -x VMLINUX");
    for (const Conflict& c : kConflicts) {
      // Some create options are there for nothing in other modes.
      const bool matters = mode_ == kCreateMode || c.one == Opt::vmlinux;
      if (matters && has(c.one) && has(c.other)) return together(c.one, c.other, c.why);
    }
    if (has(Opt::stream) && !has(Opt::flattened) && !has(Opt::elf)) {
      return error("--stream needs -F or -E: pages of other dumps are compressed one by one");
    }
    if (has(Opt::flattened) && options_.json && options_.json->empty()) {
      return error(
          "-F and --stats=json both write to the standard output; --stats=json:FILE does not");
    }
    return {};
  }

  Result<void> take_operands() {
    switch (options_.command) {
      case Command::create:
        if (options_.split) return take_split();
        if (options_.flattened) return take("VMCORE", kMany, 0, {});
        return take("VMCORE", kMany, options_.dry_run || options_.vtop ? 0 : 1, "DUMPFILE");
      case Command::dmesg:
        if (options_.flattened) return take("VMCORE", kMany, 0, {});
        return take("VMCORE", kMany, 1, "LOGFILE");
      case Command::levels:
        return take("VMCORE", kMany, 0, {});
      case Command::estimate:
        if (words_.empty()) words_.emplace_back(kRunningKernel);
        return take("VMCORE", kMany, 0, {});
      case Command::mem_usage:
        return take("VMCORE", 1, 0, {});
      case Command::reassemble:
        return take("DUMPFILE1", kMany, 1, "DUMPFILE");
      case Command::rearrange:
        return take({}, 0, 1, "DUMPFILE");
      default:
        return take({}, 0, 0, {});
    }
  }

  static constexpr std::size_t kMany = ~std::size_t{0};

  // Up to `most` inputs, then, where `out` has a name, one output; without it goes only what needs
  // no more than `least_out`.
  Result<void> take(std::string_view in, std::size_t most, std::size_t least_out,
                    std::string_view out) {
    if (!in.empty() && words_.empty()) return error("{} is missing", in);
    const std::size_t least = (in.empty() ? 0 : 1) + least_out;
    if (words_.size() < least) return error("{} is missing", out);
    std::size_t inputs = words_.size();
    if (!out.empty() && words_.size() >= (in.empty() ? 1U : 2U)) --inputs;
    if (inputs > most) {
      return error("\"{}\" is one operand too many", words_[most + words_.size() - inputs]);
    }
    const auto middle = words_.begin() + static_cast<std::ptrdiff_t>(inputs);
    options_.inputs.assign(words_.begin(), middle);
    options_.outputs.assign(middle, words_.end());
    return {};
  }

  Result<void> take_split() {
    if (words_.empty()) return error("VMCORE is missing");
    if (words_.size() < 3) return error("--split needs two DUMPFILEs or more");
    options_.inputs = {words_.front()};
    options_.outputs.assign(words_.begin() + 1, words_.end());
    auto sorted = options_.outputs;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) return error("\"{}\" is named twice", *twice);
    return {};
  }

  Options& options_;
  const OptSet& given_;
  std::vector<std::string> words_;
  std::optional<Opt> mode_opt_;
  unsigned mode_ = kCreateMode;
};

}  // namespace

Result<void> settle(Options& options, const OptSet& given, std::span<char* const> operands) {
  return Settling(options, given, operands).run();
}

}  // namespace vmsift
