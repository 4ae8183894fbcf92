// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/log.h"

#include <algorithm>
#include <string>

namespace vmsift {

void Log::line(std::FILE* to, std::string_view kind, std::string_view text) {
  if (to == stderr) std::fflush(stdout);  // keeps the order where both go to one console
  // Not fmt::print(), which throws where the console takes no words: no reason to lose a dump.
  std::string whole = fmt::format("{}{}{}\n", kind.empty() ? "" : "vmsift: ", kind, text);
  // Names and releases come from the dump and must not steer a terminal.
  std::replace_if(
      whole.begin(), whole.end(),
      [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f; }, '?');
  std::fwrite(whole.data(), 1, whole.size(), to);
  std::fflush(to);  // somebody may be waiting for it at the other end of a pipe
}

}  // namespace vmsift
