// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/options.h"

#include "filters/filter.h"

#include <getopt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace vmsift {
namespace {

enum LongOnly : int {
  kLz4 = 256,
  kDryRun,
  kLevels,
  kMessageLevel,
  kNonMmap,
  kNumThreads,
  kShowStats,
  kStats,
};

constexpr std::array<option, 13> kLongOptions = {{
    {"dry-run", no_argument, nullptr, kDryRun},
    {"help", no_argument, nullptr, 'h'},
    {"levels", optional_argument, nullptr, kLevels},
    {"lz4", no_argument, nullptr, kLz4},
    {"message-level", required_argument, nullptr, kMessageLevel},
    {"non-mmap", no_argument, nullptr, kNonMmap},
    {"num-threads", required_argument, nullptr, kNumThreads},
    {"show-stats", no_argument, nullptr, kShowStats},
    {"stats", required_argument, nullptr, kStats},
    {"version", no_argument, nullptr, 'v'},
    {"vmcoreinfo", required_argument, nullptr, 'i'},
    {"force", no_argument, nullptr, 'f'},
    {nullptr, 0, nullptr, 0},
}};

constexpr unsigned kMaxThreads = 1024;

Result<unsigned> parse_number(std::string_view what, std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size() || value > most) {
    return error("{} is a number from 0 to {}, not \"{}\"", what, most, text);
  }
  return value;
}

Result<void> set_number(unsigned& to, std::string_view what, std::string_view text, unsigned most) {
  auto value = parse_number(what, text, most);
  if (!value) return value.take_error();
  to = *value;
  return {};
}

Result<void> set_stats(Options& options, std::string_view text) {
  if (text != "json" && !text.starts_with("json:")) {
    return error("--stats takes json or json:FILE, not \"{}\"", text);
  }
  options.json = text.size() > 5 ? std::string(text.substr(5)) : std::string();
  return {};
}

Result<void> set_levels(Options& options, const char* names) {
  if (options.command == Command::create) options.command = Command::levels;
  std::string_view rest = names == nullptr ? "" : names;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    const Codec* codec = find_codec_by_name(name);
    if (codec == nullptr) return error("--levels: no codec is named \"{}\"", name);
    auto& codecs = options.level_codecs;
    if (std::find(codecs.begin(), codecs.end(), codec) == codecs.end()) codecs.push_back(codec);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return {};
}

bool set_codec(Options& options, int letter) {
  for (const Codec* codec : all_codecs()) {
    if (codec->option != 0 && codec->option == letter) {
      options.codec = codec;
      options.codec_given = true;
      return true;
    }
  }
  return false;
}

Result<void> apply(Options& options, int letter, const char* argument) {
  switch (letter) {
    case 'd':
      return set_number(options.dump_level, "dump level (-d)", argument, kMaxLevel);
    case 'D':
      options.extra_messages |= Log::kDebug;
      return {};
    case 'f':
      options.overwrite = true;
      return {};
    case 'h':
      options.command = Command::help;
      return {};
    case 'i':
      options.vmcoreinfo_file = argument;
      return {};
    case 'g':
      options.command = Command::make_vmcoreinfo;
      options.vmcoreinfo_out = argument;
      return {};
    case 'x':
      options.vmlinux_file = argument;
      return {};
    case 'v':
      options.command = Command::version;
      return {};
    case kLz4:
      options.codec = find_codec_by_name("lz4");
      options.codec_given = true;
      return {};
    case kDryRun:
      options.dry_run = true;
      return {};
    case kLevels:
      return set_levels(options, argument);
    case kMessageLevel:
      return set_number(options.message_level, "--message-level", argument, Log::kAll);
    case kNonMmap:
      options.non_mmap = true;
      return {};
    case kNumThreads:
      return set_number(options.threads, "--num-threads", argument, kMaxThreads);
    case kShowStats:
      options.extra_messages |= Log::kReport;
      return {};
    case kStats:
      return set_stats(options, argument);
    default:
      if (set_codec(options, letter)) return {};
      return error("unknown option");
  }
}

Result<void> take_operands(Options& options, int argc, char** argv) {
  const int given = argc - optind;
  if (options.command == Command::make_vmcoreinfo && given == 0) return {};
  const bool needs_output = options.command == Command::create && !options.dry_run;
  if (given < (needs_output ? 2 : 1)) {
    return error("{} is missing", given == 0 ? "VMCORE" : "DUMPFILE");
  }
  if (given > (options.command == Command::create ? 2 : 1)) {
    return error("\"{}\" is one operand too many", argv[argc - 1]);
  }
  options.inputs = {argv[optind]};
  if (given == 2) options.outputs = {argv[optind + 1]};
  return {};
}

// Why getopt_long did not take an option. For a long one that is known, but came with a value that
// it does not take, optopt is the letter or number that stands for it.
Error refused_option(std::string_view short_options, std::string_view word) {
  if (optopt == 0) return error("unknown or ambiguous option \"{}\"", word);
  const bool known =
      optopt >= kLz4 || short_options.find(static_cast<char>(optopt)) != std::string_view::npos;
  if (known && optopt != ':') return error("option \"{}\" takes no value", word);
  return error("unknown option \"-{}\"", static_cast<char>(optopt));
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  options.codec = find_codec_by_name("none");
  std::string short_options = ":d:Dfg:hi:vx:";
  for (const Codec* codec : all_codecs()) {
    if (codec->option != 0) short_options += codec->option;
  }
  optind = 0;  // glibc: start afresh, for tests that parse more than once
  int letter;
  while ((letter = getopt_long(argc, argv, short_options.c_str(), kLongOptions.data(), nullptr)) !=
         -1) {
    const auto* const word = argv[optind - 1];
    if (letter == ':') return error("option \"{}\" needs a value", word);
    if (letter == '?') return refused_option(short_options, word);
    if (auto applied = apply(options, letter, optarg); !applied) return applied.take_error();
  }
  options.message_level |= options.extra_messages;  // wherever --message-level stood
  if (options.command == Command::help || options.command == Command::version) return options;
  if (auto taken = take_operands(options, argc, argv); !taken) return taken.take_error();
  return options;
}

std::string version_text() {
  std::string text = "vmsift: version " VMSIFT_VERSION "\n";
  for (const Codec* codec : all_codecs()) {
    if (codec->page_flag != 0) text += fmt::format("{}\tenabled\n", codec->name);
  }
  return text;
}

std::string usage_text() {
  return R"(Usage: vmsift [OPTION]... VMCORE DUMPFILE
       vmsift --levels[=CODEC,...] [OPTION]... VMCORE

Writes what explains a crash out of a Linux kernel's memory: reads VMCORE (/proc/vmcore, a saved ELF
core, or a dump that vmsift wrote), leaves out pages by class, and writes DUMPFILE in the
kdump-compressed format that crash, drgn and libkdumpfile open.

What to leave out:
  -d LEVEL               sum of: 1 zero pages, 2 page cache, 4 page cache with private data
                         (implies 2), 8 user pages, 16 free pages; 0 to 31, default 0.
                         hwpoison and offline pages are never read
  --levels[=CODEC,...]   write nothing; show pages and size for every level at once

How to write it:
  -c, -l, -p, -z         compress pages with zlib, lzo, snappy, zstd (the last one given counts)
  --lz4                  compress pages with LZ4: the fastest way out of a crash, but only vmsift
                         reads it; `vmsift -z DUMP.lz4 DUMP` makes a dump for every reader
  -f, --force            overwrite DUMPFILE
  --num-threads N        threads; 0, the default, takes every usable CPU. The bytes written are the
                         same for any N
  --dry-run              do everything but write

What is read:
  -i FILE                take the VMCOREINFO text from FILE and not from VMCORE
  --non-mmap             read VMCORE and do not map it

What is told:
  --show-stats           the table of what was left out, on stdout
  --stats=json[:FILE]    all statistics as JSON, on stdout or in FILE
  --message-level N      sum of: 1 progress, 2 messages, 4 errors, 8 debug, 16 report; default 7
  -D                     add debug messages
  -v, --version          version and codecs
  -h, --help             this text

Exit status: 0 the dump is complete, 1 it failed or is incomplete (and marked so), 2 a file given
does not belong to VMCORE.
)";
}

}  // namespace vmsift
