// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/memory/available.h"

#include "tests/unit/support/emulated.h"
#include "tests/unit/support/temp_dir.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

namespace vmsift {
namespace {

constexpr std::uint64_t kKiB = 1024;

constexpr std::string_view kMeminfo =
    "MemTotal:         182340 kB\n"
    "MemFree:           60000 kB\n"
    "MemAvailable:      81920 kB\n"
    "Cached:            40000 kB\n"
    "CommitLimit:       91168 kB\n"
    "Committed_AS:      71168 kB\n";

TEST(AvailableOfMachine, IsWhatTheKernelSays) {
  EXPECT_EQ(available_of_machine(kMeminfo, false), 81920 * kKiB);
}

TEST(AvailableOfMachine, OldKernelsSayOnlyWhatIsFree) {
  EXPECT_EQ(available_of_machine("MemFree: 6000 kB\nCached: 400 kB\n", false), 6200 * kKiB);
  EXPECT_EQ(available_of_machine("MemFree: 6000 kB", false), 6000 * kKiB);
}

TEST(AvailableOfMachine, StrictOvercommitLimitsWhatIsPromised) {
  EXPECT_EQ(available_of_machine(kMeminfo, true), 10000 * kKiB);  // half of 20000
  EXPECT_EQ(available_of_machine("MemAvailable: 8 kB\n", true), 8 * kKiB);
  EXPECT_EQ(
      available_of_machine("MemAvailable: 8 kB\nCommitLimit: 4 kB\nCommitted_AS: 5 kB\n", true),
      0U);
}

TEST(AvailableOfMachine, NonsenseLimitsNothing) {
  for (const std::string_view text :
       {"", "\n", "MemAvailable:", "MemAvailable:\n", "MemAvailable: much kB\n",
        "MemAvailable: -1 kB\n", "XMemAvailable: 5 kB\n", "MemAvailable: 18446744073709551616 kB\n",
        "MemAvailable: 18446744073709551615 kB\n"}) {
    EXPECT_EQ(available_of_machine(text, false), std::nullopt) << text;
  }
}

// A /proc and /sys of its own.
class AvailableTest : public testing::Test {
 protected:
  void put(const std::string& path, std::string_view text) {
    const std::string whole = root.file(path);
    std::filesystem::create_directories(std::filesystem::path(whole).parent_path());
    std::ofstream(whole) << text;
  }
  void group(const std::string& path, std::string_view max, std::string_view current,
             std::string_view stat = "") {
    const std::string folder = "sys/fs/cgroup" + path;
    put(folder + "/memory.max", max);
    put(folder + "/memory.current", current);
    put(folder + "/memory.stat", stat);
  }
  [[nodiscard]] std::optional<std::uint64_t> in_groups(std::string_view cgroup) const {
    return available_in_groups(cgroup, root.path());
  }

  test::TempDir root;
};

TEST_F(AvailableTest, TheTightestGroupOnTheWayUpDecides) {
  group("/a", "1000000\n", "400000\n");
  group("/a/b", "900000\n", "100000\n");
  group("/a/b/c", "max\n", "50000\n");
  EXPECT_EQ(in_groups("0::/a/b/c\n"), 600000U);
  EXPECT_EQ(in_groups("0::/a\n"), 600000U);
  EXPECT_EQ(in_groups("0::/other\n"), std::nullopt);
}

TEST_F(AvailableTest, ThrottlingIsALimitToo) {
  group("/a", "max", "400000");
  put("sys/fs/cgroup/a/memory.high", "500000\n");
  EXPECT_EQ(in_groups("0::/a"), 100000U);
}

TEST_F(AvailableTest, FilePagesOfAGroupCanBeGivenUp) {
  group("/a", "500000", "450000", "anon 5\ninactive_file 200000\nactive_file 7\n");
  EXPECT_EQ(in_groups("0::/a"), 250000U);
}

TEST_F(AvailableTest, AGroupThatIsFullHasNothing) {
  group("/a", "500000", "600000");
  EXPECT_EQ(in_groups("0::/a"), 0U);
}

TEST_F(AvailableTest, Version1HasItsOwnFiles) {
  const std::string folder = "sys/fs/cgroup/memory/box";
  put(folder + "/memory.limit_in_bytes", "800000\n");
  put(folder + "/memory.usage_in_bytes", "300000\n");
  put(folder + "/memory.stat", "total_inactive_file 100000\n");
  EXPECT_EQ(in_groups("5:devices:/box\n4:hugetlb,memory:/box\n0::/\n"), 600000U);
  EXPECT_EQ(in_groups("4:memory_not:/box\n"), std::nullopt);
}

TEST_F(AvailableTest, NonsenseAboutGroupsLimitsNothing) {
  for (const std::string_view text :
       {"", ":", "::", "0:", "0::", "0::no/slash", "\n\n\n", "4:memory:"}) {
    EXPECT_EQ(in_groups(text), std::nullopt) << text;
  }
  std::string deep = "0::";
  for (int i = 0; i < 20000; ++i) deep += "/x";
  EXPECT_EQ(in_groups(deep), std::nullopt);
}

TEST_F(AvailableTest, TheLeastOfAllCounts) {
  put("proc/meminfo", kMeminfo);
  EXPECT_EQ(available_memory(root.path()), 81920 * kKiB);
  put("proc/sys/vm/overcommit_memory", "2\n");
  EXPECT_EQ(available_memory(root.path()), 10000 * kKiB);
  put("proc/self/cgroup", "0::/a\n");
  group("/a", "5000000", "1000000");
  EXPECT_EQ(available_memory(root.path()), 4000000U);
}

TEST_F(AvailableTest, NothingIsKnownWithoutProc) {
  EXPECT_EQ(available_memory(root.path()), std::nullopt);
}

TEST(AvailableMemory, IsKnownHere) {
  const auto available = available_memory();
  ASSERT_TRUE(available);
  EXPECT_GT(*available, 1U << 20);
}

// Limits of this process, put back at the end; raising the soft one again is allowed.
class Limited {
 public:
  Limited(__rlimit_resource resource, std::uint64_t bytes) : resource_(resource) {
    ::getrlimit(resource, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(resource, &now);
  }
  ~Limited() { ::setrlimit(resource_, &before_); }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_;
};

TEST(AvailableByLimits, CountsAddressesAtAPart) {
  if (!test::kLimitsAreSet) GTEST_SKIP() << "no limits under emulation";
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 46;  // above what a sanitizer takes
  EXPECT_EQ(available_by_limits("100 1 1 1 0 30 0\n"), std::nullopt);
  {
    const Limited limited(RLIMIT_AS, kLimit);
    EXPECT_EQ(available_by_limits("100 1 1 1 0 30 0\n"), (kLimit - 100 * page) / 4);
    EXPECT_EQ(available_by_limits(""), kLimit / 4);
  }
  const Limited limited(RLIMIT_DATA, kLimit);
  EXPECT_EQ(available_by_limits("100 1 1 1 0 30 0\n"), (kLimit - 30 * page) / 2);
}

}  // namespace
}  // namespace vmsift
