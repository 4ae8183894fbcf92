// SPDX-License-Identifier: GPL-2.0-or-later
// Somebody wants the run to end: SIGTERM, SIGINT or SIGHUP. Nothing is interrupted by that. Who
// works through a dump asks between two pieces of work, who waits for another program asks while it
// waits, and each returns an error as after any other failure, so that what was saved is brought in
// order.
#pragma once

#include "src/base/result.h"

#include <signal.h>

#include <array>
#include <chrono>

namespace vmsift {

// How often it is asked while nothing else can be done.
constexpr std::chrono::milliseconds kStopInterval{100};

// As long as it lives a signal is a request; those that were ignored stay so (nohup, background
// jobs). A second signal, later than kSameRequest after the first, does what it does by default:
// timeout(1) and others send the first one twice. One at a time.
class StopListener {
 public:
  static constexpr std::chrono::milliseconds kSameRequest{200};
  static constexpr std::array<int, 3> kSignals = {SIGTERM, SIGINT, SIGHUP};

  StopListener();
  ~StopListener();
  StopListener(const StopListener&) = delete;
  StopListener& operator=(const StopListener&) = delete;

 private:
  std::array<struct sigaction, kSignals.size()> before_;
};

// From any thread.
bool stop_requested();

// "stopped by SIGTERM". Only after a request.
Error stopped();

// Waits for `events` of poll(2), at most kStopInterval; whether a read or write has something to
// tell now.
bool wait_ready(int fd, short events);

}  // namespace vmsift
