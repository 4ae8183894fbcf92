// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/json_output.h"

#include "src/base/file.h"

#include <fcntl.h>

#include <cstdio>
#include <span>

namespace vmsift {

Result<void> write_json(const Options& options, const std::string& text) {
  if (!options.json) return {};
  if (options.json->empty()) {
    std::fputs(text.c_str(), stdout);
    if (std::fflush(stdout) != 0) return error("--stats: cannot write to the standard output");
    return {};
  }
  auto file = File::open(*options.json, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!file) return file.take_error().context("--stats");
  if (auto written = file->write_at(0, std::as_bytes(std::span(text))); !written) return written;
  return file->close();
}

}  // namespace vmsift
