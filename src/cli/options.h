// SPDX-License-Identifier: GPL-2.0-or-later
// The command line, parsed: getopt_long's grammar and makedumpfile's option letters.
#pragma once

#include "compress/codec.h"
#include "src/base/result.h"
#include "src/report/log.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmsift {

enum class Command {
  create,           // VMCORE... DUMPFILE, and its variants -E, -F, --split; only VMCORE with --vtop
  levels,           // --levels
  estimate,         // --estimate [VMCORE]
  rearrange,        // -R: a flattened stream on stdin becomes a file
  reassemble,       // --reassemble: the members of a split dump become one
  dmesg,            // --dump-dmesg
  mem_usage,        // --mem-usage
  make_vmcoreinfo,  // -g FILE -x VMLINUX
  help,
  version,
};

// --stream: what -F and -E wrap the bytes they write in.
enum class StreamFormat { none, zstd, lz4 };

struct Options {
  Command command = Command::create;
  bool as_makedumpfile = false;  // called by that name: its texts for scripts that look for them
  bool check_params = false;     // say whether these options are valid, do nothing

  std::vector<std::string> inputs;   // VMCORE; several: the members of a split dump
  std::vector<std::string> outputs;  // DUMPFILE; several with --split; LOGFILE; none with -F
  [[nodiscard]] const std::string& vmcore() const { return inputs.front(); }
  [[nodiscard]] std::string dumpfile() const {
    return outputs.empty() ? std::string() : outputs.front();
  }

  // What to read.
  std::string vmcoreinfo_file;  // -i
  std::string vmlinux_file;     // -x
  bool use_btf = true;          // --no-btf
  bool non_mmap = false;

  // What to keep.
  unsigned dump_level = 0;             // -d
  std::vector<unsigned> retry_levels;  // -d A,B,C: B and C, for when the output has no room
  bool exclude_unused_vm = false;      // -e
  bool partial_dmesg = false;          // --partial-dmesg
  std::optional<std::uint64_t> vtop;   // --vtop: a virtual address to explain

  // How to write it.
  const Codec* codec = nullptr;  // -c -l -p -z --lz4; "none" by default
  bool codec_given = false;
  bool elf = false;                                // -E
  bool flattened = false;                          // -F
  bool split = false;                              // --split
  StreamFormat stream = StreamFormat::none;        // --stream
  bool dedup = false;                              // --dedup
  std::optional<std::uint64_t> size_limit;         // -L, bytes of the output
  std::optional<std::uint64_t> split_block_bytes;  // --splitblock-size
  bool overwrite = false;                          // -f
  bool dry_run = false;
  unsigned threads = 0;        // --num-threads; 0: every usable CPU
  std::string vmcoreinfo_out;  // -g

  // What to tell.
  unsigned message_level = Log::kDefault;
  std::optional<std::string> json;  // --stats=json[:FILE]; empty: stdout
  std::vector<const Codec*>
      level_codecs;  // --levels=NAME,... --estimate=NAME,...; empty: none given
};

// Errors are one line for the user. Options that could be read are set even then: --check-params
// and -F say where the caller looks for the error.
Result<void> parse_options(int argc, char** argv, Options& options);
Result<Options> parse_options(int argc, char** argv);

}  // namespace vmsift
