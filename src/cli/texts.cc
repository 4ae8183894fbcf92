// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/texts.h"

namespace vmsift {
namespace {

// The makedumpfile whose options and texts these are. Tools that choose by version compare this
// one; that of vmsift would tell them of a program of 2006.
constexpr std::string_view kMakedumpfile = "1.7.8 (released on 30 Oct 2025)";

std::string list_of(const std::vector<std::string>& names) {
  std::string text = names.front();
  for (std::size_t i = 1; i < names.size(); ++i) {
    text += i + 1 == names.size() ? ", and " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace

std::string_view program_name(const Options& options) {
  return options.as_makedumpfile ? "makedumpfile" : "vmsift";
}

std::string saved_line(const Options& options) {
  const bool several = options.outputs.size() > 1;
  std::string_view what = several ? "dumpfiles are" : "dumpfile is";
  if (options.command == Command::dmesg) what = "dmesg log is";
  if (options.command == Command::make_vmcoreinfo) {
    return fmt::format("The vmcoreinfo is saved to {}.", options.vmcoreinfo_out);
  }
  return fmt::format("The {} saved to {}.", what,
                     options.outputs.empty() ? "STDOUT" : list_of(options.outputs));
}

std::string last_line(const Options& options, bool succeeded) {
  if (options.check_params) return {};
  if (!succeeded) return options.as_makedumpfile ? "makedumpfile Failed." : "";
  switch (options.command) {
    case Command::create:
    case Command::rearrange:
    case Command::reassemble:
    case Command::dmesg:
    case Command::make_vmcoreinfo:
      return fmt::format("{} Completed.", program_name(options));
    default:
      return {};
  }
}

std::string incomplete_line(const Options& options) {
  return options.as_makedumpfile ? "This is an incomplete dumpfile, but might analyzable." : "";
}

std::string bad_options_text(const Options& options) {
  return fmt::format("{}Try `{} --help' for more information.",
                     options.as_makedumpfile ? "Commandline parameter is invalid.\n" : "",
                     program_name(options));
}

std::string version_text(const Options& options) {
  std::string text = options.as_makedumpfile
                         ? fmt::format("makedumpfile: version {}\n", kMakedumpfile)
                         : "vmsift: version " VMSIFT_VERSION "\n";
  for (const Codec* codec : all_codecs()) {
    if (codec->page_flag != 0) text += fmt::format("{}\tenabled\n", codec->name);
  }
  if (options.as_makedumpfile) text += "vmsift\t" VMSIFT_VERSION "\n";
  return text;
}

}  // namespace vmsift
