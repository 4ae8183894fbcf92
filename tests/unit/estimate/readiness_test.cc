// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/estimate/readiness.h"

#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/temp_dir.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace vmsift {
namespace {

using test::SyntheticKernel;

constexpr std::uint64_t kMiB = 1U << 20;

class CrashKernelTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(dir_.path() + "/sys/kernel");
    std::ofstream(dir_.path() + "/sys/kernel/" + name) << text;
  }
  test::TempDir dir_;
};

TEST_F(CrashKernelTest, IsWhatSysfsSays) {
  write("kexec_crash_loaded", "1\n");
  write("kexec_crash_size", "268435456\n");
  const CrashKernel crash = read_crash_kernel(dir_.path());
  EXPECT_TRUE(crash.loaded);
  EXPECT_EQ(crash.reserved_bytes, 256 * kMiB);
  write("kexec_crash_loaded", "0\n");
  EXPECT_FALSE(read_crash_kernel(dir_.path()).loaded);
}

TEST_F(CrashKernelTest, WithoutKexecThereIsNone) {
  EXPECT_FALSE(read_crash_kernel(dir_.path()).loaded);
  EXPECT_EQ(read_crash_kernel(dir_.path()).reserved_bytes, 0U);
  write("kexec_crash_size", "");
  EXPECT_EQ(read_crash_kernel(dir_.path()).reserved_bytes, 0U);
}

TEST_F(CrashKernelTest, WhereItIs) {
  std::filesystem::create_directories(dir_.path() + "/proc");
  std::ofstream(dir_.path() + "/proc/iomem") << "00001000-0009fbff : System RAM\n"
                                                "00100000-3ffdbfff : System RAM\n"
                                                "  2f000000-3affffff : Crash kernel\n"
                                                "3ffdc000-3fffffff : Reserved\n"
                                                "100000000-13fffffff : System RAM\n"
                                                "  130000000-137ffffff : Crash kernel\n";
  const auto ranges = read_crash_kernel(dir_.path()).ranges;
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].begin, PhysAddr{0x2f000000});
  EXPECT_EQ(ranges[0].end, PhysAddr{0x3b000000});
  EXPECT_EQ(ranges[1].end, PhysAddr{0x138000000});
}

TEST_F(CrashKernelTest, WhatIsNoRange) {
  for (const char* text : {"", "\n\n", "00000000-00000000 : Crash kernel\n", " : Crash kernel",
                           "10-20 : Crash kernels\n", "x-y : Crash kernel\n", "10 : Crash kernel\n",
                           "20-10 : Crash kernel\n", "10- : Crash kernel\n"}) {
    EXPECT_TRUE(crash_ranges(text).empty()) << text;
  }
  EXPECT_EQ(crash_ranges("10-20 : Crash kernel").size(), 1U) << "a last line without an end";
  EXPECT_EQ(crash_ranges("10-20 : Crash kernel\n18-30 : Crash kernel\n").size(), 1U);
}

class ReadinessTest : public testing::Test {
 protected:
  [[nodiscard]] Readiness judged(const std::optional<CrashKernel>& crash = {}) const {
    return judge(kernel.model(), {}, crash, 4 * kMiB);
  }
  SyntheticKernel kernel{{.sections = 1}};
};

TEST_F(ReadinessTest, AKernelThatIsUnderstood) {
  EXPECT_TRUE(judged().ready()) << judged().obstacles.front();
  EXPECT_TRUE(judged(CrashKernel{true, 256 * kMiB, {}}).ready());
}

TEST_F(ReadinessTest, WhatWouldBeKeptIsAnObstacle) {
  kernel.note.remove("NUMBER(PG_lru)");
  const Readiness r = judged();
  ASSERT_FALSE(r.ready());
  EXPECT_NE(r.obstacles.front().find("are kept: "), std::string::npos);
  EXPECT_NE(r.obstacles.front().find("PG_lru"), std::string::npos);
}

TEST_F(ReadinessTest, SoIsAMachineThatWouldBootNothing) {
  const Readiness none = judged(CrashKernel{});
  ASSERT_EQ(none.obstacles.size(), 1U);
  EXPECT_NE(none.obstacles.front().find("crashkernel="), std::string::npos);
  const Readiness reserved = judged(CrashKernel{false, 256 * kMiB, {}});
  ASSERT_EQ(reserved.obstacles.size(), 1U);
  EXPECT_NE(reserved.obstacles.front().find("loaded"), std::string::npos);
}

TEST_F(ReadinessTest, LittleMemoryIsWorthAWord) {
  EXPECT_TRUE(judged(CrashKernel{true, kLeastCaptureKernel + 4 * kMiB, {}}).advice.empty());
  const Readiness r = judged(CrashKernel{true, kLeastCaptureKernel + 4 * kMiB - 1, {}});
  EXPECT_TRUE(r.ready());
  ASSERT_EQ(r.advice.size(), 1U);
  EXPECT_NE(r.advice.front().find("need 100 MiB or more"), std::string::npos) << r.advice.front();
}

TEST_F(ReadinessTest, AVerdictIsToldOnce) {
  KernelModel model = kernel.model();
  model.switch_off(PageClass::free, "so");
  Reconciliation reconciliation;
  reconciliation.verdicts = {"free pages are kept: so", "NR_FREE_PAGES is suspect"};
  const Readiness r = judge(model, reconciliation, {}, 0);
  EXPECT_EQ(r.obstacles, std::vector<std::string>{"free pages are kept: so"});
  EXPECT_EQ(r.advice, std::vector<std::string>{"NR_FREE_PAGES is suspect"});
}

}  // namespace
}  // namespace vmsift
