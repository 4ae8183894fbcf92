// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/options.h"

#include "src/cli/option_table.h"
#include "src/cli/validate.h"
#include "src/cli/values.h"

#include <getopt.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vmsift {
namespace {

// getopt_long's number of an option that was written as a word.
constexpr int kFirstLong = 256;

// More threads than any machine feeds. A larger number is lowered and not refused: a dump is worth
// more than the exact number.
constexpr unsigned kMaxThreads = 1024;

constexpr std::uint64_t kMaxKib = std::uint64_t{1} << 50;
constexpr std::uint64_t kLeastPageKib = 4;
constexpr unsigned kMaxBufferOrder = 31;

const Codec* codec_of_letter(int letter) {
  for (const Codec* codec : all_codecs()) {
    if (codec->option != 0 && codec->option == letter) return codec;
  }
  return nullptr;
}

class OptionReader {
 public:
  OptionReader(int argc, char** argv, Options& options)
      : argc_(argc), argv_(argv), options_(options) {
    for (const OptionRow& row : option_rows()) {
      if (row.letter != 0) {
        short_options_ += row.letter;
        if (row.argument == required_argument) short_options_ += ':';
      }
      if (row.name != nullptr) {
        long_options_.push_back(
            {row.name, row.argument, nullptr, kFirstLong + static_cast<int>(index_of(row.opt))});
      }
    }
    for (const Codec* codec : all_codecs()) {
      if (codec->option != 0) short_options_ += codec->option;
    }
    long_options_.push_back({nullptr, 0, nullptr, 0});
  }

  Result<void> run();

 private:
  Result<void> take(int found, const char* word);
  Result<void> apply(Opt opt, const char* value);
  Result<void> apply_codec(const Codec* codec);
  Result<void> apply_dump_level(std::string_view list);
  Result<void> apply_codecs(Opt opt, const char* names);
  Result<void> apply_stats(std::string_view text);
  Result<void> apply_stream(std::string_view name);
  Result<void> apply_split_block(std::string_view text);
  [[nodiscard]] Error refused(const char* word) const;

  // For values that are checked but have no use here.
  static Result<void> check_number(std::string_view what, std::string_view text,
                                   std::uint64_t most) {
    auto value = parse_number(what, text, 0, most);
    return value ? Result<void>() : value.take_error();
  }
  static Result<void> set_path(std::string& to, Opt opt, const char* value) {
    if (*value == '\0') return error("{} needs a name", row_of(opt).word());
    to = value;
    return {};
  }

  int argc_;
  char** argv_;
  Options& options_;
  OptSet given_;
  unsigned extra_messages_ = 0;  // of -D and --show-stats
  std::string short_options_ = ":";
  std::vector<option> long_options_;
};

Result<void> OptionReader::run() {
  options_.codec = find_codec_by_name("none");
  std::optional<Error> first_error;
  optind = 0;  // glibc: start afresh, for tests that parse more than once
  int found;
  while ((found = getopt_long(argc_, argv_, short_options_.c_str(), long_options_.data(),
                              nullptr)) != -1) {
    auto taken = take(found, argv_[optind - 1]);
    if (!taken && !first_error) first_error = taken.take_error();
  }
  options_.message_level |= extra_messages_;  // wherever --message-level stood
  if (first_error) return *std::move(first_error);
  const auto operands = static_cast<std::size_t>(std::max(argc_ - optind, 0));
  return settle(options_, given_, std::span(argv_ + optind, operands));
}

Result<void> OptionReader::take(int found, const char* word) {
  if (found == ':') return error("option \"{}\" needs a value", word);
  if (found == '?') return refused(word);
  if (const Codec* codec = codec_of_letter(found)) return apply_codec(codec);
  for (const OptionRow& row : option_rows()) {
    const bool is_this = found >= kFirstLong
                             ? static_cast<std::size_t>(found - kFirstLong) == index_of(row.opt)
                             : row.letter == found;
    if (!is_this) continue;
    if (row.refused != nullptr) return error("{} is not supported: {}", row.word(), row.refused);
    given_.set(index_of(row.opt));
    return apply(row.opt, optarg);
  }
  return error("unknown option \"{}\"", word);
}

// Why getopt_long did not take an option. For a long one that is known, but came with a value that
// it does not take, optopt is the number that stands for it.
Error OptionReader::refused(const char* word) const {
  if (optopt >= kFirstLong) return error("option \"{}\" takes no value", word);
  if (optopt == 0) return error("unknown or ambiguous option \"{}\"", word);
  return error("unknown option \"-{}\"", static_cast<char>(optopt));
}

Result<void> OptionReader::apply(Opt opt, const char* value) {
  switch (opt) {
    case Opt::levels:
    case Opt::estimate:
      return apply_codecs(opt, value);
    case Opt::make_vmcoreinfo:
      return set_path(options_.vmcoreinfo_out, opt, value);
    case Opt::check_params:
      options_.check_params = true;
      return {};
    case Opt::buffer_order:
      return check_number("-b", value, kMaxBufferOrder);
    case Opt::codec:
      return apply_codec(find_codec_by_name(row_of(opt).name));
    case Opt::cyclic_buffer:
      return check_number("--cyclic-buffer", value, kMaxKib);
    case Opt::debug:
      extra_messages_ |= Log::kDebug;
      return {};
    case Opt::dedup:
      options_.dedup = true;
      return {};
    case Opt::dry_run:
      options_.dry_run = true;
      return {};
    case Opt::dump_level:
      return apply_dump_level(value);
    case Opt::elf:
      options_.elf = true;
      return {};
    case Opt::exclude_unused_vm:
      options_.exclude_unused_vm = true;
      return {};
    case Opt::flattened:
      options_.flattened = true;
      return {};
    case Opt::force:
      options_.overwrite = true;
      return {};
    case Opt::message_level: {
      auto level = parse_number("--message-level", value, 0, Log::kAll);
      if (!level) return level.take_error();
      options_.message_level = static_cast<unsigned>(*level);
      return {};
    }
    case Opt::no_btf:
      options_.use_btf = false;
      return {};
    case Opt::non_mmap:
      options_.non_mmap = true;
      return {};
    case Opt::num_threads: {
      auto threads = parse_number("--num-threads", value, 0, UINT32_MAX);
      if (!threads) return threads.take_error();
      options_.threads = static_cast<unsigned>(std::min<std::uint64_t>(*threads, kMaxThreads));
      return {};
    }
    case Opt::partial_dmesg:
      options_.partial_dmesg = true;
      return {};
    case Opt::show_stats:
      extra_messages_ |= Log::kReport;
      return {};
    case Opt::size_limit: {
      auto size = parse_size(value);
      if (!size) return size.take_error();
      options_.size_limit = *size;
      return {};
    }
    case Opt::split:
      options_.split = true;
      return {};
    case Opt::splitblock_size:
      return apply_split_block(value);
    case Opt::stats:
      return apply_stats(value);
    case Opt::stream:
      return apply_stream(value);
    case Opt::vmcoreinfo:
      return set_path(options_.vmcoreinfo_file, opt, value);
    case Opt::vmlinux:
      return set_path(options_.vmlinux_file, opt, value);
    case Opt::vtop: {
      auto address = parse_address(value);
      if (!address) return address.take_error();
      options_.vtop = *address;
      return {};
    }
    case Opt::work_dir: {
      std::string unused;
      return set_path(unused, opt, value);
    }
    default:
      return {};  // modes: settle() looks which were given
  }
}

Result<void> OptionReader::apply_codec(const Codec* codec) {
  given_.set(index_of(Opt::codec));
  options_.codec = codec;
  options_.codec_given = true;
  return {};
}

Result<void> OptionReader::apply_dump_level(std::string_view list) {
  auto levels = parse_levels(list);
  if (!levels) return levels.take_error();
  options_.dump_level = levels->front();
  options_.retry_levels.assign(levels->begin() + 1, levels->end());
  return {};
}

Result<void> OptionReader::apply_codecs(Opt opt, const char* names) {
  std::string_view rest = names == nullptr ? "" : names;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view name = rest.substr(0, comma);
    const Codec* codec = find_codec_by_name(name);
    if (codec == nullptr) return error("{}: no codec is named \"{}\"", row_of(opt).word(), name);
    auto& codecs = options_.level_codecs;
    if (std::find(codecs.begin(), codecs.end(), codec) == codecs.end()) codecs.push_back(codec);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return {};
}

Result<void> OptionReader::apply_stats(std::string_view text) {
  if (text != "json" && !text.starts_with("json:")) {
    return error("--stats takes json or json:FILE, not \"{}\"", text);
  }
  options_.json = text.size() > 5 ? std::string(text.substr(5)) : std::string();
  return {};
}

Result<void> OptionReader::apply_stream(std::string_view name) {
  if (name == "zstd") {
    options_.stream = StreamFormat::zstd;
  } else if (name == "lz4") {
    options_.stream = StreamFormat::lz4;
  } else {
    return error("--stream takes zstd or lz4, not \"{}\"", name);
  }
  return {};
}

Result<void> OptionReader::apply_split_block(std::string_view text) {
  auto kib = parse_number("--splitblock-size", text, 1, kMaxKib);
  if (!kib) return kib.take_error();
  if (*kib % kLeastPageKib != 0) {
    return error("--splitblock-size is a multiple of the page size in KiB, not \"{}\"", text);
  }
  options_.split_block_bytes = *kib << 10;
  return {};
}

bool is_makedumpfile(int argc, char** argv) {
  return argc > 0 && std::string_view(argv[0]).ends_with("makedumpfile");
}

}  // namespace

Result<void> parse_options(int argc, char** argv, Options& options) {
  options.as_makedumpfile = is_makedumpfile(argc, argv);
  return OptionReader(argc, argv, options).run();
}

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  if (auto parsed = parse_options(argc, argv, options); !parsed) return parsed.take_error();
  return options;
}

}  // namespace vmsift
