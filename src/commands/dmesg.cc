// SPDX-License-Identifier: GPL-2.0-or-later
// vmsift --dump-dmesg VMCORE LOGFILE: the kernel's log out of a dump. It is all that some crashes
// leave, so it asks for nothing but the note and a way from virtual to physical addresses.
#include "src/base/file.h"
#include "src/commands/commands.h"
#include "src/commands/input.h"

#include "mm-model/printk_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace vmsift {
namespace {

Result<void> write_all(int fd, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, path);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// LOGFILE, made anew and for its owner alone.
Result<File> create_log_file(const Options& options) {
  const std::string path = options.dumpfile();
  for (const std::string& input : options.inputs) {
    auto in = File::open(input, O_RDONLY);
    if (in && same_file(*in, path)) return error("{} is the input itself", path);
  }
  auto file = File::open(path, O_WRONLY | O_CREAT | (options.overwrite ? 0 : O_EXCL), 0600);
  if (!file) return file.take_error();
  struct stat status {};
  if (::fstat(file->fd(), &status) != 0) return system_error(errno, path);
  if (S_ISREG(status.st_mode) &&
      (::fchmod(file->fd(), 0600) != 0 || ::ftruncate(file->fd(), 0) != 0)) {
    return system_error(errno, path);
  }
  return file;
}

}  // namespace

Result<int> run_dmesg(const Options& options, const Log& log) {
  auto input = open_input(options, log);
  if (!input) return input.take_error();
  const MemorySource& source = *input->source;
  const KernelModel& model = *input->model;
  if (!model.can_translate()) {
    return error("{}: no kernel log: {}", source.info().path,
                 model.downgrades().empty() ? "addresses cannot be translated"
                                            : model.downgrades().front().reason);
  }

  // The file is made with the first text: a log that cannot be read leaves none.
  const bool to_stdout = options.flattened;
  const std::string path = to_stdout ? "standard output" : options.dumpfile();
  File file;
  bool is_open = to_stdout || options.dry_run;
  const auto open = [&]() -> Result<void> {
    if (is_open) return {};
    auto created = create_log_file(options);
    if (!created) return created.take_error();
    file = std::move(*created);
    is_open = true;
    return {};
  };
  bool cannot_write = false;
  const auto sink = [&](std::string_view text) -> Result<void> {
    auto written = open();
    if (written && !options.dry_run) {
      written = write_all(to_stdout ? STDOUT_FILENO : file.fd(), path, text);
    }
    cannot_write = !written;
    return written;
  };

  AddressSpace memory(model.addresses(), source);
  auto read =
      read_printk_log(model.note(), source.info().order, memory, options.partial_dmesg, sink);
  if (!read && cannot_write) return read.take_error();
  if (!read) return read.take_error().context(source.info().path);
  for (const std::string& warning : read->warnings) {
    log.warning("{}: {}", source.info().path, warning);
  }
  if (auto opened = open(); !opened) return opened.take_error();  // an empty log
  if (file.is_open()) {
    if (auto synced = file.sync(); !synced) return synced.take_error();
    if (auto closed = file.close(); !closed) return closed.take_error();
  }
  if (!read->complete) {
    log.error(fmt::format("{} lacks part of the log; what could be read is there", path));
    return kExitFailed;
  }
  if (!to_stdout && !options.dry_run) log.common("The dmesg log is saved to {}.", path);
  return kExitOk;
}

}  // namespace vmsift
