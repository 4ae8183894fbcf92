// SPDX-License-Identifier: GPL-2.0-or-later
// The program itself, in surroundings that a process does not choose: standard streams that are
// closed or full, limits, readers that go away.
#include "src/cli/texts.h"
#include "tests/unit/commands/commands_fixture.h"

#include <sys/wait.h>

#include <cstdlib>
#include <string>

namespace vmsift {
namespace {

class ProgramTest : public test::CommandsFixture {
 protected:
  void SetUp() override {
    pages_ = test::mixed_pages(600, kPage);
    write_core(pages_);
  }
  // Exit status of a shell command in which $V, $CORE and $DUMP are set; 128 + n for signal n.
  [[nodiscard]] int shell(const std::string& command) const {
    const std::string whole = std::string("V='") + VMSIFT_BINARY + "'; CORE='" + core() +
                              "'; DUMP='" + dump() + "'; OUT='" + dir_.file("out") + "'; " +
                              command;
    const int status = std::system(whole.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  void expect_whole_dump() {
    EXPECT_EQ(pages_of(dump()), pages_);
    EXPECT_FALSE(info_.incomplete);
  }

  test::Pages pages_;
};

TEST_F(ProgramTest, ClosedStandardStreamsDoNotBecomeTheDump) {
  for (const char* streams :
       {">&- 2> $OUT", "2>&- > $OUT", ">&- 2>&-", "<&- >&- 2>&-", "<&- 2>&- > $OUT"}) {
    EXPECT_EQ(shell(std::string("$V -lf --show-stats $CORE $DUMP ") + streams), 0) << streams;
    expect_whole_dump();
  }
}

TEST_F(ProgramTest, FullStandardStreamsCostNoDump) {
  if (shell("test -w /dev/full") != 0) GTEST_SKIP() << "no /dev/full";
  for (const char* streams : {"> /dev/full 2> $OUT", "2> /dev/full > $OUT", "> /dev/full 2>&1"}) {
    EXPECT_EQ(shell(std::string("$V -lf -D $CORE $DUMP ") + streams), 0) << streams;
    expect_whole_dump();
  }
  EXPECT_EQ(shell("$V -lf --stats=json $CORE $DUMP > /dev/full 2> $OUT"), 0)
      << "the status is that of the dump";
  EXPECT_NE(test::read_text(dir_.file("out")).find("warning: --stats"), std::string::npos);
}

TEST_F(ProgramTest, AReaderOfMessagesThatGoesAwayCostsNoDump) {
  EXPECT_EQ(shell("{ $V -lf -D $CORE $DUMP; echo $? > $OUT; } 2>&1 | true"), 0);
  EXPECT_EQ(test::read_text(dir_.file("out")), "0\n");
  expect_whole_dump();
}

TEST_F(ProgramTest, AFileSizeLimitLeavesAnIncompleteDump) {
  EXPECT_EQ(shell("ulimit -f 2000; $V $CORE $DUMP > $OUT 2>&1"), 1);  // of 512 bytes or 1024
  const auto message = test::read_text(dir_.file("out"));
  EXPECT_NE(message.find("File too large"), std::string::npos) << message;
  EXPECT_NE(message.find("incomplete"), std::string::npos) << message;
  std::size_t saved = 0;
  for (const auto& [pfn, bytes] : pages_of(dump())) {
    if (!bytes) continue;
    ++saved;
    ASSERT_EQ(bytes, pages_.at(pfn));
  }
  EXPECT_GT(saved, 0U);
  EXPECT_TRUE(info_.incomplete);
}

TEST_F(ProgramTest, NoRoomForAnythingLeavesNoFile) {
  EXPECT_EQ(shell("ulimit -f 1; $V $CORE $DUMP 2> $OUT"), 1);
  EXPECT_FALSE(std::filesystem::exists(dump()));
}

TEST_F(ProgramTest, BadUseIsOneLineAndAHint) {
  EXPECT_EQ(shell("$V 2> $OUT"), 1);
  EXPECT_EQ(test::read_text(dir_.file("out")),
            "vmsift: error: VMCORE is missing\nTry `vmsift --help' for more information.\n");
  EXPECT_EQ(shell("$V $CORE 2> /dev/null"), 1);
  EXPECT_EQ(shell("$V --help > $OUT"), 0);
  EXPECT_EQ(test::read_text(dir_.file("out")), usage_text());
  EXPECT_EQ(shell("$V --version > $OUT"), 0);
  EXPECT_EQ(test::read_text(dir_.file("out")), version_text());
  EXPECT_EQ(shell("$V $OUT $DUMP 2> $DUMP.err"), 1);
  EXPECT_EQ(
      test::read_text(dump() + ".err"),
      "vmsift: error: " + dir_.file("out") + ": neither an ELF core nor a kdump-compressed dump\n");
}

TEST_F(ProgramTest, JsonOnTheStandardOutputIsNotMixedWithWords) {
  EXPECT_EQ(shell("$V -l -D --show-stats --stats=json $CORE $DUMP > $OUT 2> /dev/null"), 0);
  EXPECT_EQ(test::read_text(dir_.file("out")).substr(0, 2), "{\n");
}

}  // namespace
}  // namespace vmsift
