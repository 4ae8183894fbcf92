// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/json_output.h"

#include "src/base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

namespace vmsift {
namespace {

// From where the file is, so that pipes can be named too.
Result<void> write_all(const File& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file.fd(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, file.path());
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<File> open_file(const Options& options) {
  auto file = File::open(*options.json, O_WRONLY | O_CREAT, 0644);
  if (!file) return file.take_error().context("--stats");
  std::vector<std::string> others = options.inputs;
  others.insert(others.end(), options.outputs.begin(), options.outputs.end());
  others.push_back(options.vmcoreinfo_file);
  for (const std::string& other : others) {
    if (!other.empty() && same_file(*file, other)) {
      return error("--stats: {} is the same file as {}", *options.json, other);
    }
  }
  return file;
}

}  // namespace

Result<void> check_json(const Options& options) {
  if (!options.json || options.json->empty()) return {};
  auto file = open_file(options);
  if (!file) return file.take_error();
  return {};
}

Result<void> write_json(const Options& options, const std::string& text) {
  if (!options.json) return {};
  if (options.json->empty()) {
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
      return error("--stats: cannot write to the standard output");
    }
    return {};
  }
  auto file = open_file(options);
  if (!file) return file.take_error();
  if (::ftruncate(file->fd(), 0) != 0 && errno != EINVAL) {  // EINVAL: a pipe or a terminal
    return system_error(errno, *options.json).context("--stats");
  }
  if (auto written = write_all(*file, text); !written) {
    return written.take_error().context("--stats");
  }
  return file->close();
}

}  // namespace vmsift
