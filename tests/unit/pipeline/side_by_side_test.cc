// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/pipeline/side_by_side.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace vmsift {
namespace {

TEST(SideBySide, EveryTaskRunsOnceAndNoMoreAtATimeThanThreads) {
  for (const unsigned threads : {0U, 1U, 2U, 3U, 8U}) {
    for (const std::size_t tasks : {0U, 1U, 2U, 5U, 100U}) {
      std::vector<std::atomic<int>> runs(tasks);
      std::atomic<unsigned> now = 0;
      std::atomic<unsigned> most = 0;
      side_by_side(tasks, threads, [&](std::size_t task) {
        const unsigned others = ++now;
        unsigned seen = most;
        while (seen < others && !most.compare_exchange_weak(seen, others)) {
        }
        ++runs[task];
        --now;
      });
      for (const auto& n : runs) EXPECT_EQ(n, 1) << threads << " " << tasks;
      EXPECT_EQ(now, 0U) << "all are done";
      EXPECT_LE(most, std::max(1U, threads));
    }
  }
}

TEST(SideBySide, TheyReallyRunNextToEachOther) {
  std::atomic<int> there = 0;
  std::atomic<int> met = 0;
  side_by_side(2, 2, [&](std::size_t) {
    ++there;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (there != 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    if (there == 2) ++met;
  });
  EXPECT_EQ(met, 2) << "the first one too";
}

TEST(SideBySide, OneThreadIsTheCallers) {
  const auto caller = std::this_thread::get_id();
  std::vector<std::size_t> order;
  side_by_side(5, 1, [&](std::size_t task) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    order.push_back(task);
  });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(SideBySide, AnExceptionIsThrownAfterTheOthersEnded) {
  for (const unsigned threads : {1U, 2U, 4U}) {
    std::atomic<int> done = 0;
    try {
      side_by_side(10, threads, [&](std::size_t task) {
        if (task == 3) throw std::bad_alloc();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        ++done;
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::bad_alloc&) {
      EXPECT_EQ(done, 9);
    }
  }
}

TEST(SideBySide, OfManyExceptionsOneIsThrown) {
  EXPECT_THROW(side_by_side(20, 4, [](std::size_t) { throw std::runtime_error("each"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace vmsift
