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
  EXPECT_EQ(Progress::line("Copying pages", 25600, 102400, 4096, 12800),
            "Copying pages:  25.0 %, 50 MiB/s, 6 s left");
  EXPECT_EQ(Progress::line("Copying pages", 102400, 102400, 4096, 25600),
            "Copying pages: 100.0 %, 100 MiB/s");
  EXPECT_EQ(Progress::line("Copying pages", 16, 32, 65536, 16),
            "Copying pages:  50.0 %, 1 MiB/s, 1 s left");
  EXPECT_EQ(Progress::line("Copying pages", 25600, 102400, 4096, 12800, false),
            "Copying pages:  25.0 %, 50 MiB/s")
      << "the last line";
}

TEST(Progress, TimeLeftInUnitsThatSayEnough) {
  const auto left = [](double seconds) {
    const std::string text = Progress::line("S", 1000, 2000, 4096, 1000 / seconds);
    return text.substr(text.find("/s") + 2);
  };
  EXPECT_EQ(left(119), ", 119 s left");
  EXPECT_EQ(left(121), ", 2 min left");
  EXPECT_EQ(left(7100), ", 118 min left");
  EXPECT_EQ(left(7300), ", 2 h left");
  EXPECT_EQ(left(99.4 * 3600), ", 99 h left");
  EXPECT_EQ(left(1e6), "") << "that is no forecast";
}

TEST(Progress, NumbersThatAllowNoRate) {
  EXPECT_EQ(Progress::line("S", 0, 100, 4096, 0), "S:   0.0 %");
  EXPECT_EQ(Progress::line("S", 0, 100, 4096, 5), "S:   0.0 %");
  EXPECT_EQ(Progress::line("S", 5, 100, 4096, 0), "S:   5.0 %");
  EXPECT_EQ(Progress::line("S", 0, 0, 4096, 1), "S: 100.0 %") << "nothing to do is done";
  EXPECT_EQ(Progress::line("S", 256, 0, 4096, 256), "S: 100.0 %, 1 MiB/s");
  EXPECT_EQ(Progress::line("S", 512, 256, 4096, 512), "S: 100.0 %, 2 MiB/s")
      << "more than all is all";
  for (const std::uint64_t done : {std::uint64_t{1}, kMost / 2, kMost}) {
    for (const double rate : {1e-300, 1e300}) {
      const std::string text = Progress::line("S", done, kMost, 262144, rate);
      EXPECT_EQ(text.find("nan"), std::string::npos) << text;
      EXPECT_EQ(text.find("inf"), std::string::npos) << text;
    }
  }
}

TEST(Speed, IsThatOfTheLastTenSeconds) {
  Speed speed;
  EXPECT_EQ(speed.rate(), 0);
  speed.add(0.05, 100);
  EXPECT_EQ(speed.rate(), 0) << "too short to tell";
  speed.add(0.5, 100);
  EXPECT_DOUBLE_EQ(speed.rate(), 200);
  // A slow minute, four updates a second, then a fast one.
  std::uint64_t done = 100;
  for (double now = 1; now <= 60; now += 0.25) speed.add(now, done += 25);
  EXPECT_NEAR(speed.rate(), 100, 1);
  double before = speed.rate();
  for (double now = 60.25; now <= 72; now += 0.25) {
    speed.add(now, done += 250);
    EXPECT_GE(speed.rate(), before) << "no jump down on the way up";
    EXPECT_LE(speed.rate() - before, 100) << "nor a large one up";
    before = speed.rate();
  }
  EXPECT_NEAR(speed.rate(), 1000, 1) << "the slow minute is forgotten";
}

TEST(Speed, NothingIsDoneForLong) {
  Speed speed;
  speed.add(1, 500);
  for (double now = 2; now <= 20; now += 1) speed.add(now, 500);
  EXPECT_EQ(speed.rate(), 0);
  EXPECT_EQ(Progress::line("S", 500, 1000, 4096, speed.rate()), "S:  50.0 %");
}

TEST(LinePace, OneLineAnInterval) {
  LinePace pace(1);
  EXPECT_FALSE(pace.due(0.9));
  EXPECT_TRUE(pace.due(1.2));
  pace.wrote(1.2, 1.201);
  EXPECT_FALSE(pace.due(2.1));
  EXPECT_TRUE(pace.due(2.3));
}

TEST(LinePace, ASlowConsoleGetsFewer) {
  LinePace pace(1);
  pace.wrote(1, 1.083);  // 80 characters at 9600 baud
  EXPECT_FALSE(pace.due(2.5));
  EXPECT_TRUE(pace.due(2.8));
  pace.wrote(3, 8);  // blocked
  EXPECT_FALSE(pace.due(100));
  EXPECT_TRUE(pace.due(109));
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
