// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/bus_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace vmsift {
namespace {

struct Slot {
  std::atomic<bool> taken = false;
  std::atomic<std::uintptr_t> begin = 0;
  std::atomic<std::uintptr_t> end = 0;  // 0: nothing is guarded
  std::atomic<bool> faulted = false;
};

// The one global of the program: a signal handler can be told nothing any other way.
constinit std::array<Slot, BusGuard::kMaxMappings> slots;
constinit std::uintptr_t host_page_size = 4096;

void on_sigbus(int signal_number, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  bool guarded = false;
  // All are looked at: one that another thread is moving may seem to match, and the owner of the
  // mapping must be told too. To tell the other one for nothing does no harm.
  for (Slot& slot : slots) {
    if (at < slot.begin.load() || at >= slot.end.load()) continue;
    slot.faulted.store(true);
    guarded = true;
  }
  void* page = static_cast<std::byte*>(info->si_addr) - at % host_page_size;
  if (guarded && mmap(page, host_page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                      0) != MAP_FAILED) {
    return;
  }
  signal(signal_number, SIG_DFL);  // the access is repeated and then ends the program
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

bool BusGuard::watch(const void* base, std::size_t size) {
  static std::once_flag once;
  std::call_once(once, install);
  for (std::size_t i = 0; slot_ == kMaxMappings && i < slots.size(); ++i) {
    if (!slots[i].taken.exchange(true)) slot_ = i;
  }
  if (slot_ == kMaxMappings) return false;
  Slot& slot = slots[slot_];
  slot.end.store(0);
  slot.faulted.store(false);
  slot.begin.store(reinterpret_cast<std::uintptr_t>(base));
  slot.end.store(reinterpret_cast<std::uintptr_t>(base) + size);
  return true;
}

void BusGuard::unwatch() {
  if (slot_ == kMaxMappings) return;
  slots[slot_].end.store(0);
  slots[slot_].taken.store(false);
  slot_ = kMaxMappings;
}

bool BusGuard::faulted() const {
  return slot_ != kMaxMappings && slots[slot_].faulted.load();
}

}  // namespace vmsift
