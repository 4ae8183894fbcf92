// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/bus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>

namespace vmsift {
namespace {

struct Watch {
  volatile std::uintptr_t begin = 0;
  volatile std::uintptr_t end = 0;
  volatile bool faulted = false;
};

// A signal handler can be told nothing but through such a variable. It is the thread's own, and the
// fault is raised by the thread that touched the page.
thread_local constinit Watch watched;

std::uintptr_t host_page_size = 4096;

void on_sigbus(int signal_number, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  if (at >= watched.begin && at < watched.end) {
    void* page = reinterpret_cast<void*>(at - at % host_page_size);
    if (mmap(page, host_page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
        MAP_FAILED) {
      watched.faulted = true;
      return;
    }
  }
  signal(signal_number, SIG_DFL);   // the access is repeated and then ends the program
}

void install() {
  host_page_size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

void BusGuard::watch(const void* base, std::size_t size) {
  static std::once_flag once;
  std::call_once(once, install);
  watched.end = 0;
  watched.faulted = false;
  watched.begin = reinterpret_cast<std::uintptr_t>(base);
  watched.end = watched.begin + size;
}

void BusGuard::unwatch() { watched.end = 0; }

bool BusGuard::faulted() { return watched.faulted; }

}  // namespace vmsift
