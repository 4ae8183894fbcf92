// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/vmlinux.h"

#include "mm-model/vmcoreinfo.h"
#include "src/base/file.h"
#include "src/base/stop_request.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace vmsift {
namespace {

constexpr const char* kName = "vmsift-vmcoreinfo";
constexpr std::size_t kMaxComplaint = 4096;

struct Pipe {
  File in;   // what we read
  File out;  // what the program writes

  static Result<Pipe> open() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) return system_error(errno, "pipe");
    return Pipe{File(fds[0], "pipe"), File(fds[1], "pipe")};
  }
};

// Argument by argument, with no shell in between.
Result<pid_t> start(const std::string& program, const std::string& vmlinux, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (::posix_spawn_file_actions_init(&actions) != 0) return error("{}: out of memory", kName);
  if (::posix_spawnattr_init(&attributes) != 0) {
    ::posix_spawn_file_actions_destroy(&actions);
    return error("{}: out of memory", kName);
  }
  // What vmsift ignores would be ignored there too.
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::sigaddset(&defaults, SIGXFSZ);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  std::string name = kName;
  std::string argument = vmlinux;
  const std::array<char*, 3> argv = {name.data(), argument.data(), nullptr};
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return system_error(failed, fmt::format("{}, which -x needs", program));
  }
  return pid;
}

// Closes the pipe at its end, or when there is more than `most`: who still writes gets SIGPIPE.
void take(File& from, std::string& into, std::size_t most) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(from.fd(), buffer.data(), buffer.size());
  if (n < 0 && errno == EINTR) return;
  if (n > 0) into.append(buffer.data(), static_cast<std::size_t>(n));
  if (n <= 0 || into.size() > most) from = File();
}

// Both at once: a program that fills one pipe while we wait at the other would never end. Ends when
// a stop is requested.
void read_all(File& out, std::string& text, File& err, std::string& complaint) {
  while ((out.is_open() || err.is_open()) && !stop_requested()) {
    std::array<pollfd, 2> fds = {{{out.fd(), POLLIN, 0}, {err.fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), static_cast<int>(kStopInterval.count())) < 0) {
      if (errno != EINTR) return;
      continue;
    }
    if (fds[0].revents != 0) take(out, text, Vmcoreinfo::kMaxText);
    if (fds[1].revents != 0) take(err, complaint, kMaxComplaint);
  }
}

// One line of what the program said, without its name.
std::string first_line(std::string complaint) {
  complaint.resize(std::min(complaint.find('\n'), complaint.size()));
  const std::string prefix = std::string(kName) + ": ";
  return complaint.starts_with(prefix) ? complaint.substr(prefix.size()) : complaint;
}

Result<void> check_status(int status, const std::string& complaint, const std::string& vmlinux) {
  if (WIFSIGNALED(status)) {
    return error("{}: {} was ended by signal {}{}", vmlinux, kName, WTERMSIG(status),
                 WTERMSIG(status) == SIGXCPU ? ", it takes too long" : "");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string line = first_line(complaint);
  if (line.empty()) return error("{}: {} failed", vmlinux, kName);
  return error("{}", line);
}

}  // namespace

std::string vmlinux_reader() {
  std::string self(4096, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
  if (size > 0) {
    self.resize(static_cast<std::size_t>(size));
    self = self.substr(0, self.rfind('/') + 1) + kName;
    if (::access(self.c_str(), X_OK) == 0) return self;
  }
  return std::string(VMSIFT_LIBEXECDIR "/vmsift/") + kName;
}

Result<std::string> describe_vmlinux(const std::string& program, const std::string& vmlinux) {
  auto out = Pipe::open();
  if (!out) return out.take_error();
  auto err = Pipe::open();
  if (!err) return err.take_error();
  auto pid = start(program, vmlinux, out->out.fd(), err->out.fd());
  if (!pid) return pid.take_error();
  out->out = File();
  err->out = File();
  std::string text;
  std::string complaint;
  read_all(out->in, text, err->in, complaint);
  const bool too_much = text.size() > Vmcoreinfo::kMaxText;
  if (stop_requested()) ::kill(*pid, SIGKILL);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0) {
    if (errno != EINTR) return system_error(errno, kName);
  }
  if (stop_requested()) return stopped();
  if (too_much) return error("{}: {} wrote more than a note can be", vmlinux, kName);
  if (auto checked = check_status(status, complaint, vmlinux); !checked) {
    return checked.take_error();
  }
  return text;
}

}  // namespace vmsift
