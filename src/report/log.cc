// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/log.h"

#include <string>

namespace vmsift {

void Log::line(std::FILE* to, std::string_view kind, std::string_view text) {
  if (to == stderr) std::fflush(stdout);  // keeps the order where both go to one console
  // Not fmt::print(), which throws where the console takes no words: no reason to lose a dump.
  const std::string whole = fmt::format("{}{}{}\n", kind.empty() ? "" : "vmsift: ", kind, text);
  std::fwrite(whole.data(), 1, whole.size(), to);
}

}  // namespace vmsift
