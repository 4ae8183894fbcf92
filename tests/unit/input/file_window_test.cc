// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/file_window.h"

#include "tests/unit/support/emulated.h"
#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace vmsift {
namespace {

constexpr std::size_t kPage = 4096;
constexpr FileWindow::Plan kWhole = {1U << 20, 1U << 20};

class FileWindowTest : public testing::Test {
 protected:
  // A file of pages; the window of `mode` over it sees `pages` of them whatever happens later.
  void make(std::size_t pages) {
    bytes_ = test::noise(pages * kPage, 3);
    test::write_file(path_, bytes_);
    open();
  }
  void open() {
    auto file = File::open(path_, O_RDONLY);
    ASSERT_TRUE(file);
    file_ = std::make_unique<PlainStore>(std::move(*file), bytes_.size());
  }
  [[nodiscard]] std::unique_ptr<FileWindow> window(ReadMode mode) const {
    return std::make_unique<FileWindow>(*file_, mode);
  }
  void cut_to(std::size_t bytes) const {
    ASSERT_EQ(::truncate(path_.c_str(), static_cast<off_t>(bytes)), 0);
  }
  [[nodiscard]] bool holds(const std::byte* at, std::size_t offset, std::size_t size) const {
    return at != nullptr && std::memcmp(at, &bytes_[offset], size) == 0;
  }

  test::TempDir dir_;
  std::string path_ = dir_.file("memory");
  test::Bytes bytes_;
  std::unique_ptr<ByteStore> file_;
};

TEST_F(FileWindowTest, BothModesGiveTheSameBytesAtAnyOffset) {
  make(3000);  // more than two mappings
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    const auto w = window(mode);
    test::Random random(5);
    for (int i = 0; i < 300; ++i) {
      const std::size_t length = 1 + random.below(2 * kPage);
      const std::size_t offset = random.below(bytes_.size() - length);
      if (w->at(offset, length) == nullptr) {
        ASSERT_TRUE(
            w->move_to(offset, length, {random.below(99 * kPage), random.below(99 * kPage)}));
      }
      ASSERT_TRUE(holds(w->at(offset, length), offset, length)) << offset;
      EXPECT_TRUE(w->intact());
    }
  }
}

TEST_F(FileWindowTest, AWindowHoldsWhatIsPlannedAndNotTooMuch) {
  make(6000);
  constexpr FileWindow::Plan kAll = {std::uint64_t{1} << 40, std::uint64_t{1} << 50};
  const auto mapped = window(ReadMode::map);
  ASSERT_TRUE(mapped->move_to(kPage, kPage, kAll));
  EXPECT_NE(mapped->at(FileWindow::kMapBytes, kPage), nullptr);
  EXPECT_EQ(mapped->at(FileWindow::kMapBytes + kPage, kPage), nullptr);
  ASSERT_TRUE(mapped->move_to(kPage, kPage, {0, 7 * kPage}));
  EXPECT_NE(mapped->at(7 * kPage, kPage), nullptr);
  EXPECT_EQ(mapped->at(8 * kPage, kPage), nullptr);
  const auto read = window(ReadMode::read);
  ASSERT_TRUE(read->move_to(kPage, kPage, kAll));
  EXPECT_NE(read->at(FileWindow::kReadBytes, kPage), nullptr);
  EXPECT_EQ(read->at(FileWindow::kReadBytes + kPage, kPage), nullptr);
  ASSERT_TRUE(read->move_to(kPage, kPage, {3 * kPage, 0}));
  EXPECT_NE(read->at(3 * kPage, kPage), nullptr);
  EXPECT_EQ(read->at(4 * kPage, kPage), nullptr);
}

TEST_F(FileWindowTest, OffsetsOutsideAreNeverInside) {
  make(8);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    const auto w = window(mode);
    for (const bool moved : {false, true}) {
      if (moved) {
        ASSERT_TRUE(w->move_to(0, kPage, kWhole));
      }
      // The sum of the first two wraps to 0.
      for (const std::uint64_t offset :
           {kMost - kPage + 1, kMost - 7, kMost, std::uint64_t{1} << 63}) {
        EXPECT_EQ(w->at(offset, kPage), nullptr) << offset;
      }
    }
    for (const std::uint64_t offset : {kMost - kPage + 1, kMost, std::uint64_t{7 * kPage + 1}}) {
      EXPECT_FALSE(w->move_to(offset, kPage, kWhole)) << offset;
      EXPECT_EQ(w->at(0, 1), nullptr) << "a window that could not move holds nothing";
    }
  }
}

TEST_F(FileWindowTest, TheLastBytesOfAFileThatEndsWithinAPage) {
  make(2);
  bytes_.resize(kPage + 100);
  cut_to(bytes_.size());
  open();
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    const auto w = window(mode);
    ASSERT_TRUE(w->move_to(kPage + 50, 50, kWhole));
    EXPECT_TRUE(holds(w->at(kPage + 50, 50), kPage + 50, 50));
    EXPECT_EQ(w->at(kPage + 50, 51), nullptr);
  }
}

TEST_F(FileWindowTest, WhatCannotBeMappedIsRead) {
  make(1);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const PlainStore reader(File(ends[0], "pipe"), 100 * kPage);
  const File writer(ends[1], "pipe");
  FileWindow w(reader, ReadMode::map);
  const auto moved = w.move_to(0, 16, {});  // neither mmap nor pread works on a pipe
  ASSERT_FALSE(moved);
  EXPECT_NE(moved.message().find("Illegal seek"), std::string::npos) << moved.message();
}

TEST_F(FileWindowTest, SurvivesAFileThatIsCutWhileItIsMapped) {
  if (!test::kFaultsAreTold) GTEST_SKIP() << test::kNoFaults;
  make(16);
  const auto w = window(ReadMode::map);
  ASSERT_TRUE(w->move_to(0, kPage, kWhole));
  cut_to(8 * kPage);
  EXPECT_TRUE(holds(w->at(7 * kPage, kPage), 7 * kPage, kPage));
  EXPECT_TRUE(w->intact());
  EXPECT_EQ(*w->at(12 * kPage, kPage), std::byte{0});  // would end the program
  EXPECT_FALSE(w->intact());
  EXPECT_TRUE(w->intact()) << "said once; the window is read from now on";
  EXPECT_EQ(w->at(7 * kPage, kPage), nullptr);
  ASSERT_TRUE(w->move_to(7 * kPage, kPage, {5 * kPage, 5 * kPage}));
  EXPECT_TRUE(holds(w->at(7 * kPage, kPage), 7 * kPage, kPage));
  const auto lost = w->move_to(12 * kPage, kPage, {});
  ASSERT_FALSE(lost);
  EXPECT_NE(lost.message().find("ends at offset"), std::string::npos);
}

// A thread reads struct pages through one window and page tables or data through another.
TEST_F(FileWindowTest, SeveralWindowsOfAThreadSurviveEach) {
  if (!test::kFaultsAreTold) GTEST_SKIP() << test::kNoFaults;
  make(16);
  const auto first = window(ReadMode::map);
  const auto second = window(ReadMode::map);
  auto third = window(ReadMode::map);
  ASSERT_TRUE(first->move_to(0, kPage, kWhole));
  ASSERT_TRUE(second->move_to(0, kPage, kWhole));
  ASSERT_TRUE(third->move_to(0, kPage, kWhole));
  third.reset();
  cut_to(8 * kPage);
  EXPECT_EQ(*first->at(12 * kPage, kPage), std::byte{0});
  EXPECT_TRUE(second->intact()) << "the fault was in the other window";
  EXPECT_FALSE(first->intact());
  EXPECT_EQ(*second->at(13 * kPage, kPage), std::byte{0});
  EXPECT_FALSE(second->intact());
}

// A reader belongs to a slot of the pipeline, and slots change threads.
TEST_F(FileWindowTest, SurvivesInAnotherThreadThanTheOneThatMapped) {
  if (!test::kFaultsAreTold) GTEST_SKIP() << test::kNoFaults;
  make(16);
  const auto w = window(ReadMode::map);
  std::thread([&] { ASSERT_TRUE(w->move_to(0, kPage, kWhole)); }).join();
  cut_to(8 * kPage);
  std::thread([&] { EXPECT_EQ(*w->at(12 * kPage, kPage), std::byte{0}); }).join();
  EXPECT_FALSE(w->intact());
}

TEST_F(FileWindowTest, ManyThreadsFaultAtOnce) {
  if (!test::kFaultsAreTold) GTEST_SKIP() << test::kNoFaults;
  make(64);
  std::vector<std::unique_ptr<FileWindow>> windows;
  for (int i = 0; i < 8; ++i) {
    windows.push_back(window(ReadMode::map));
    ASSERT_TRUE(windows.back()->move_to(0, kPage, kWhole));
  }
  cut_to(32 * kPage);
  std::vector<std::thread> threads;
  for (const auto& w : windows) {
    threads.emplace_back([&w] {
      for (std::size_t page = 32; page < 64; ++page)
        EXPECT_EQ(*w->at(page * kPage, kPage), std::byte{0});
    });
  }
  for (auto& t : threads) t.join();
  for (const auto& w : windows) EXPECT_FALSE(w->intact());
}

TEST_F(FileWindowTest, ABusErrorElsewhereStillKills) {
  if (!test::kStartsItself) GTEST_SKIP() << "this program cannot be started from one";
  make(16);
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        const auto w = window(ReadMode::map);
        if (!w->move_to(0, kPage, kWhole)) std::_Exit(3);
        ::raise(SIGBUS);
        ::raise(SIGBUS);
        std::_Exit(0);
      },
      testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace vmsift
