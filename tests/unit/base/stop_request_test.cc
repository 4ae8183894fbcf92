// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/stop_request.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace vmsift {
namespace {

TEST(StopListener, ASignalIsARequestThatHasItsName) {
  const std::array<std::string, 3> names = {"SIGTERM", "SIGINT", "SIGHUP"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const StopListener listener;
    EXPECT_FALSE(stop_requested()) << "the last one is over";
    ::raise(StopListener::kSignals[i]);
    EXPECT_TRUE(stop_requested());
    EXPECT_EQ(stopped().message(), "stopped by " + names[i]);
  }
  EXPECT_FALSE(stop_requested());
}

TEST(StopListener, TheFirstReasonStays) {
  const StopListener listener;
  ::raise(SIGINT);
  ::raise(SIGTERM);  // in the same breath, as timeout(1) does
  EXPECT_EQ(stopped().message(), "stopped by SIGINT");
}

TEST(StopListener, ASecondSignalEndsAtOnce) {
  EXPECT_EXIT(
      {
        const StopListener listener;
        ::raise(SIGINT);
        std::this_thread::sleep_for(StopListener::kSameRequest + std::chrono::milliseconds(20));
        ::raise(SIGTERM);
      },
      testing::KilledBySignal(SIGTERM), "");
}

TEST(StopListener, WhatIsIgnoredStaysSo) {
  ::signal(SIGHUP, SIG_IGN);
  {
    const StopListener listener;
    ::raise(SIGHUP);
    EXPECT_FALSE(stop_requested());
  }
  EXPECT_EQ(::signal(SIGHUP, SIG_DFL), SIG_IGN);
}

TEST(StopListener, EverythingIsAsBeforeInTheEnd) {
  { const StopListener listener; }
  EXPECT_EXIT(::raise(SIGTERM), testing::KilledBySignal(SIGTERM), "");
}

TEST(WaitReady, TellsWhetherThereIsSomething) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe(fds.data()), 0);
  EXPECT_FALSE(wait_ready(fds[0], POLLIN));
  EXPECT_TRUE(wait_ready(fds[1], POLLOUT));
  ::close(fds[1]);
  EXPECT_TRUE(wait_ready(fds[0], POLLIN)) << "the end is something too";
  ::close(fds[0]);
}

}  // namespace
}  // namespace vmsift
