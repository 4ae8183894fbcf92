// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <string>

namespace vmsift {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

TEST(Progress, TheLineSaysShareRateAndTimeLeft) {
  EXPECT_EQ(Progress::line("Copying pages", 25600, 102400, 4096, 2.0),
            "Copying pages:  25.0 %, 50 MiB/s, 6 s left");
  EXPECT_EQ(Progress::line("Copying pages", 102400, 102400, 4096, 4.0),
            "Copying pages: 100.0 %, 100 MiB/s");
  EXPECT_EQ(Progress::line("Copying pages", 16, 32, 65536, 1.0),
            "Copying pages:  50.0 %, 1 MiB/s, 1 s left");
}

TEST(Progress, NumbersThatAllowNoRate) {
  EXPECT_EQ(Progress::line("S", 0, 100, 4096, 0), "S:   0.0 %");
  EXPECT_EQ(Progress::line("S", 0, 100, 4096, 5), "S:   0.0 %");
  EXPECT_EQ(Progress::line("S", 5, 100, 4096, 0), "S:   5.0 %");
  EXPECT_EQ(Progress::line("S", 0, 0, 4096, 1), "S: 100.0 %") << "nothing to do is done";
  EXPECT_EQ(Progress::line("S", 256, 0, 4096, 1), "S: 100.0 %, 1 MiB/s");
  EXPECT_EQ(Progress::line("S", 512, 256, 4096, 1), "S: 100.0 %, 2 MiB/s")
      << "more than all is all";
  for (const std::uint64_t done : {std::uint64_t{1}, kMost / 2, kMost}) {
    const std::string text = Progress::line("S", done, kMost, 262144, 1e-9);
    EXPECT_EQ(text.find("nan"), std::string::npos) << text;
    EXPECT_EQ(text.find("inf"), std::string::npos) << text;
  }
}

TEST(Progress, ElsewhereThanOnATerminalLinesFollowEachOther) {
  testing::internal::CaptureStderr();
  {
    Progress progress(Log(Log::kProgress), "Working", 200, 4096);
    for (std::uint64_t i = 1; i <= 200; ++i) progress.update(i);  // within a second: not shown
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("Working: 100.0 %"), 0U) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Progress, SaysNothingWhereItIsNotWanted) {
  testing::internal::CaptureStderr();
  {
    Progress progress(Log(Log::kAll & ~Log::kProgress), "Working", 200, 4096);
    progress.update(200);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// A dump must not die of a console that takes no words.
TEST(Progress, AConsoleThatFailsIsNoFailure) {
  const int full = ::open("/dev/full", O_WRONLY);
  if (full < 0) GTEST_SKIP() << "no /dev/full";
  const int saved = ::dup(STDERR_FILENO);
  ASSERT_EQ(::dup2(full, STDERR_FILENO), STDERR_FILENO);
  {
    Progress progress(Log(Log::kProgress), "Working", 200, 4096);
    progress.update(200);
  }
  Log(Log::kAll).error("lost");
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(full);
}

}  // namespace
}  // namespace vmsift
