// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/log.h"

namespace vmsift {

void Log::line(std::FILE* to, std::string_view kind, std::string_view text) {
  if (to == stderr) std::fflush(stdout);   // keeps the order where both go to one console
  fmt::print(to, "{}{}{}\n", kind.empty() ? "" : "vmsift: ", kind, text);
}

}  // namespace vmsift
