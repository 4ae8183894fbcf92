// SPDX-License-Identifier: GPL-2.0-or-later
// What the executor on threads of its own promises and oneTBB does not: that a second thread takes
// part.
#include "src/pipeline/pipeline.h"
#include "src/pipeline/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace vmsift {
namespace {

// Two items are in work at the same time: each waits for the other. While the first is produced the
// other thread falls asleep, and has to be woken.
TEST(PipelineOnThreads, TwoThreadsWorkSideBySide) {
  int left = 2;
  std::atomic<int> there = 0;
  std::atomic<int> met = 0;
  run_pipeline(2, 2,
               {.produce =
                    [&](std::size_t) {
                      std::this_thread::sleep_for(std::chrono::milliseconds(20));
                      return left-- > 0;
                    },
                .work =
                    [&](std::size_t, unsigned) {
                      ++there;
                      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
                      while (there != 2 && std::chrono::steady_clock::now() < end) {
                        std::this_thread::yield();
                      }
                      if (there == 2) ++met;
                    },
                .consume = [](std::size_t) { return true; }});
  EXPECT_EQ(met, 2) << "the first one too";
}

// A slow first item does not keep the others from being worked on, as far as there are slots.
TEST(PipelineOnThreads, WorkGoesOnBehindASlowItem) {
  constexpr int kSlots = 4;
  int next = 0;
  int items[kSlots] = {};
  std::atomic<int> done = 0;
  bool all_others = false;
  run_pipeline(2, kSlots,
               {.produce =
                    [&](std::size_t slot) {
                      if (next == kSlots) return false;
                      items[slot] = next++;
                      return true;
                    },
                .work =
                    [&](std::size_t slot, unsigned) {
                      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
                      while (items[slot] == 0 && done != kSlots - 1 &&
                             std::chrono::steady_clock::now() < end) {
                        std::this_thread::yield();
                      }
                      if (items[slot] == 0) all_others = done == kSlots - 1;
                      ++done;
                    },
                .consume = [](std::size_t) { return true; }});
  EXPECT_TRUE(all_others);
}

TEST(Threads, AllHaveEndedAfterJoin) {
  std::atomic<int> ended = 0;
  Threads threads;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(threads.start([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++ended;
    }));
  }
  threads.join();
  EXPECT_EQ(ended, 3);
}

}  // namespace
}  // namespace vmsift
