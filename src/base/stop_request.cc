// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/stop_request.h"

#include <poll.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace vmsift {
namespace {

// Beside the slots of BusGuard the only globals of the program, for the same reason: a signal
// handler can be told nothing any other way, and can tell nothing.
constinit std::atomic<int> requested_by = 0;  // number of the signal
constinit std::atomic<std::int64_t> requested_at = 0;

std::int64_t milliseconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void on_signal(int number) {
  const int saved_errno = errno;
  if (requested_by.load() == 0) {
    requested_at.store(milliseconds());
    requested_by.store(number);
  } else if (milliseconds() - requested_at.load() > StopListener::kSameRequest.count()) {
    ::signal(number, SIG_DFL);
    ::raise(number);  // takes effect when this returns
  }
  errno = saved_errno;
}

const char* name_of_signal(int number) {
  switch (number) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    case SIGHUP:
      return "SIGHUP";
    default:
      return "a signal";
  }
}

}  // namespace

StopListener::StopListener() {
  requested_by.store(0);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;  // waits that matter ask by themselves
    ::sigemptyset(&action.sa_mask);
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

StopListener::~StopListener() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  requested_by.store(0);
}

bool stop_requested() {
  return requested_by.load(std::memory_order_relaxed) != 0;
}

Error stopped() {
  return error("stopped by {}", name_of_signal(requested_by.load()));
}

bool wait_ready(int fd, short events) {
  struct pollfd wanted = {fd, events, 0};
  return ::poll(&wanted, 1, static_cast<int>(kStopInterval.count())) > 0;
}

}  // namespace vmsift
