// SPDX-License-Identifier: GPL-2.0-or-later
// Running the program that reads a vmlinux, whatever it does; and -g, which only runs it.
#include "src/commands/vmlinux.h"

#include "mm-model/vmcoreinfo.h"
#include "src/base/stop_request.h"
#include "src/commands/commands.h"
#include "tests/unit/support/emulated.h"
#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

namespace vmsift {
namespace {

class ReaderTest : public testing::Test {
 protected:
  // A program that runs this script.
  Result<std::string> run(const std::string& script, const std::string& vmlinux = "the kernel") {
    test::write_file(dir_.file("reader"), test::text_bytes("#!/bin/sh\n" + script + "\n"));
    ::chmod(dir_.file("reader").c_str(), 0755);
    return describe_vmlinux(dir_.file("reader"), vmlinux);
  }

  test::TempDir dir_;
};

TEST_F(ReaderTest, TheTextIsWhatItWrites) {
  auto text = run("echo OSRELEASE=6.1.0; echo noise >&2");
  ASSERT_TRUE(text) << text.message();
  EXPECT_EQ(*text, "OSRELEASE=6.1.0\n");
}

TEST_F(ReaderTest, TheNameIsOneArgumentAndNoShellsBusiness) {
  auto text = run("echo $#; echo \"$1\"; cat", "a b; exit 1 `x` $y\n-z");
  ASSERT_TRUE(text) << text.message();
  EXPECT_EQ(*text, "1\na b; exit 1 `x` $y\n-z\n");
}

TEST_F(ReaderTest, ItsComplaintIsOurError) {
  auto text =
      run("echo OSRELEASE=6.1.0; echo 'vmsift-vmcoreinfo: k: is bad' >&2; echo two >&2; exit 1");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.message(), "k: is bad");
  text = run("exit 1");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.message(), "the kernel: vmsift-vmcoreinfo failed");
}

TEST_F(ReaderTest, ASignalIsAnError) {
  auto text = run("echo OSRELEASE=6.1.0; kill -9 $$");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.message(), "the kernel: vmsift-vmcoreinfo was ended by signal 9");
  EXPECT_NE(run("kill -XCPU $$").message().find("takes too long"), std::string::npos);
}

TEST_F(ReaderTest, IsNotWaitedForWhenTheRunIsToEnd) {
  const StopListener listener;
  ::raise(SIGTERM);
  EXPECT_EQ(run("exec sleep 1000").message(), "stopped by SIGTERM");
}

TEST_F(ReaderTest, TextWithoutEndIsCutOff) {
  auto text = run("yes OSRELEASE=6.1.0");
  ASSERT_FALSE(text);
  EXPECT_NE(text.message().find("more than a note"), std::string::npos) << text.message();
  EXPECT_FALSE(run("yes >&2 || exit 1"));
  // As much as is allowed.
  text = run(fmt::format("head -c {} /dev/zero", Vmcoreinfo::kMaxText));
  ASSERT_TRUE(text) << text.message();
  EXPECT_EQ(text->size(), Vmcoreinfo::kMaxText);
  EXPECT_FALSE(run(fmt::format("head -c {} /dev/zero", Vmcoreinfo::kMaxText + 1)));
}

TEST_F(ReaderTest, ItsAbsenceIsSaid) {
  if (!test::kSpawnTells) GTEST_SKIP() << "posix_spawn() does not tell under emulation";
  const auto text = describe_vmlinux(dir_.file("none"), "the kernel");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.message(), dir_.file("none") + ", which -x needs: No such file or directory");
}

TEST_F(ReaderTest, SignalsThatWeIgnoreAreNotIgnoredThere) {
  auto* const before = ::signal(SIGPIPE, SIG_IGN);
  const auto text = run("kill -PIPE $$; echo survived");
  ::signal(SIGPIPE, before);
  EXPECT_FALSE(text);
}

TEST_F(ReaderTest, MakingANoteNeedsAVmlinuxThatCanBeRead) {
  Options options;
  options.command = Command::make_vmcoreinfo;
  options.vmcoreinfo_out = dir_.file("note");
  const Log log(0, stdout);
  EXPECT_FALSE(run_make_vmcoreinfo(options, log));
  test::write_file(dir_.file("vmlinux"), test::noise(5000, 1));
  options.vmlinux_file = dir_.file("vmlinux");
  options.overwrite = true;
  test::write_file(dir_.file("note"), test::text_bytes("old"));
  EXPECT_FALSE(run_make_vmcoreinfo(options, log));
  EXPECT_EQ(test::read_text(dir_.file("note")), "old") << "as long as there is nothing better";
}

}  // namespace
}  // namespace vmsift
