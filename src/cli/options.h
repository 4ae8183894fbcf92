// SPDX-License-Identifier: GPL-2.0-or-later
// The command line, parsed: getopt_long's grammar and makedumpfile's option letters.
#pragma once

#include "compress/codec.h"
#include "src/base/result.h"
#include "src/report/log.h"

#include <optional>
#include <string>
#include <vector>

namespace vmsift {

enum class Command { create, levels, help, version };

struct Options {
  Command command = Command::create;
  std::string vmcore;
  std::string dumpfile;
  std::string vmcoreinfo_file;   // -i
  const Codec* codec = nullptr;  // -c -l -p -z --lz4; "none" by default
  bool codec_given = false;
  unsigned dump_level = 0;  // -d
  bool overwrite = false;   // -f
  bool dry_run = false;
  bool non_mmap = false;
  unsigned threads = 0;  // --num-threads; 0: every usable CPU
  unsigned message_level = Log::kDefault;
  unsigned extra_messages = 0;             // of -D and --show-stats
  std::optional<std::string> json;         // --stats=json[:FILE]; empty: stdout
  std::vector<const Codec*> level_codecs;  // --levels=NAME,...; empty: not given
};

// Errors are one line for the user.
Result<Options> parse_options(int argc, char** argv);

std::string usage_text();
std::string version_text();

}  // namespace vmsift
