// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/options.h"
#include "src/cli/texts.h"
#include "src/commands/commands.h"

#include <fcntl.h>
#include <malloc.h>
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

// Threads ask for few and large buffers: they share two arenas of the allocator rather than take
// 64 MiB of addresses each, and memory that others of them gave back.
void share_arenas() {
  ::mallopt(M_ARENA_MAX, 2);
}

// A limit on file sizes, or a reader of messages that went away, is an error like others: what was
// saved until then is brought in order.
void ignore_signals_of_writes() {
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
}

// Neither JSON nor a dump on the standard output must be mixed with words.
std::FILE* stream_of_messages(const Options& options) {
  const bool json_on_stdout = options.json && options.json->empty();
  return json_on_stdout || options.flattened ? stderr : stdout;
}

int refuse(const Options& options, const Error& why) {
  Log(Log::kDefault).error(why.message());
  if (options.check_params) return kExitFailed;
  const Log log(Log::kDefault, options.as_makedumpfile ? stream_of_messages(options) : stderr);
  log.report(bad_options_text(options));
  if (const auto last = last_line(options, false); !last.empty()) log.report("\n" + last);
  return kExitFailed;
}

Result<int> dispatch(const Options& options, const Log& log) {
  switch (options.command) {
    case Command::help:
      std::fputs(usage_text(options).c_str(), stream_of_messages(options));
      return kExitOk;
    case Command::version:
      std::fputs(version_text(options).c_str(), stream_of_messages(options));
      return kExitOk;
    case Command::levels:
      return run_levels(options, log);
    case Command::create:
      return run_create(options, log);
    case Command::rearrange:
      return run_rearrange(options, log);
    case Command::reassemble:
      return run_reassemble(options, log);
    case Command::dmesg:
      return run_dmesg(options, log);
    case Command::mem_usage:
      return run_mem_usage(options, log);
    case Command::make_vmcoreinfo:
      return run_make_vmcoreinfo(options, log);
  }
  return kExitFailed;
}

// Whatever happens, there is an exit status, and the last line says which.
int run_command(const Options& options, const Log& log) {
  int status = kExitFailed;
  try {
    auto done = dispatch(options, log);
    if (done) {
      status = *done;
    } else {
      log.error(done.message());
    }
  } catch (const std::bad_alloc&) {
    log.error("out of memory");
  } catch (const std::exception& e) {
    log.error(e.what());
  }
  if (const auto last = last_line(options, status == kExitOk); !last.empty()) {
    log.common("\n{}", last);
  }
  return status;
}

int run(int argc, char** argv) {
  Options options;
  if (auto parsed = parse_options(argc, argv, options); !parsed) {
    return refuse(options, parsed.take_error());
  }
  const bool only_check = options.check_params && options.command != Command::help &&
                          options.command != Command::version;
  if (only_check) return kExitOk;
  return run_command(options, Log(options.message_level, stream_of_messages(options)));
}

}  // namespace
}  // namespace vmsift

int main(int argc, char** argv) {
  try {
    vmsift::share_arenas();
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
