// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/options.h"
#include "src/commands/commands.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

namespace vmsift {
namespace {

// Files must not take the numbers of standard streams that were closed, or messages would go into
// the dump.
void open_standard_streams() {
  int fd;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

// A limit on file sizes, or a reader of messages that went away, is an error like others: what was
// saved until then is brought in order.
void ignore_signals_of_writes() {
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
}

int run(int argc, char** argv) {
  auto options = parse_options(argc, argv);
  if (!options) {
    Log(Log::kDefault).error(options.message());
    std::fputs("Try `vmsift --help' for more information.\n", stderr);
    return kExitFailed;
  }
  const bool json_on_stdout = options->json && options->json->empty();
  // Neither JSON nor a dump on the standard output must be mixed with words.
  const bool data_on_stdout = json_on_stdout || options->flattened;
  const Log log(options->message_level, data_on_stdout ? stderr : stdout);
  auto status = [&]() -> Result<int> {
    switch (options->command) {
      case Command::help:
        std::fputs(usage_text().c_str(), stdout);
        return kExitOk;
      case Command::version:
        std::fputs(version_text().c_str(), stdout);
        return kExitOk;
      case Command::levels:
        return run_levels(*options, log);
      case Command::create:
        return run_create(*options, log);
      case Command::rearrange:
        return run_rearrange(*options, log);
      case Command::reassemble:
        return run_reassemble(*options, log);
      case Command::dmesg:
        return run_dmesg(*options, log);
      case Command::mem_usage:
        return run_mem_usage(*options, log);
      case Command::make_vmcoreinfo:
        return run_make_vmcoreinfo(*options, log);
    }
    return kExitFailed;
  }();
  if (!status) {
    log.error(status.message());
    return kExitFailed;
  }
  return *status;
}

}  // namespace
}  // namespace vmsift

int main(int argc, char** argv) {
  try {
    vmsift::open_standard_streams();
    vmsift::ignore_signals_of_writes();
    return vmsift::run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("vmsift: out of memory\n", stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "vmsift: %s\n", e.what());
  }
  return vmsift::kExitFailed;
}
