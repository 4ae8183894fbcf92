// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/log.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace vmsift {
namespace {

TEST(Log, EachLevelShowsItsKindAlone) {
  for (unsigned level = 0; level <= Log::kAll; ++level) {
    const Log log(level);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    log.common("common {}", 1);
    log.debug("debug {}", 2);
    log.warning("odd {}", 3);
    log.error("wrong {}");
    log.report("table");
    const std::string out = testing::internal::GetCapturedStdout();
    const std::string err = testing::internal::GetCapturedStderr();
    EXPECT_EQ(out, std::string((level & 2U) != 0 ? "common 1\n" : "") +
                       ((level & 8U) != 0 ? "debug 2\n" : "") + "table\n");
    EXPECT_EQ(err, std::string((level & 6U) != 0 ? "vmsift: warning: odd 3\n" : "") +
                       ((level & 4U) != 0 ? "vmsift: error: wrong {}\n" : ""));
  }
}

TEST(Log, MessagesGoWhereTheyAreSent) {
  const Log log(Log::kDefault, stderr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  log.common("hello");
  log.report("table");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "hello\ntable\n");
}

// A dump must not die of a console that takes no words.
TEST(Log, AnOutputThatFailsIsNoFailure) {
  std::FILE* full = std::fopen("/dev/full", "w");
  if (full == nullptr) GTEST_SKIP() << "no /dev/full";
  std::setvbuf(full, nullptr, _IONBF, 0);
  const Log log(Log::kAll, full);
  EXPECT_NO_THROW(log.common("hello"));
  EXPECT_NO_THROW(log.report("table"));
  std::fclose(full);
}

}  // namespace
}  // namespace vmsift
