// SPDX-License-Identifier: GPL-2.0-or-later
// Order, bounds and ends of the pipeline for any number of threads.
#include "src/pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace vmsift {
namespace {

struct Shape {
  unsigned threads;
  std::size_t slots;
};

class Pipeline : public testing::TestWithParam<Shape> {
 protected:
  // Counts what is in flight and which worker is busy, and gives the results in order.
  struct Run {
    explicit Run(const Shape& shape)
        : items(shape.slots), in_slot(shape.slots), busy(std::max(1U, shape.threads)) {}
    std::vector<unsigned> items;
    std::vector<std::atomic<int>> in_slot;
    std::vector<std::atomic<int>> busy;
    std::atomic<int> alive = 0;
    std::atomic<int> producing = 0;
    std::atomic<int> consuming = 0;
    std::atomic<int> faults = 0;
    unsigned produced = 0;
    std::vector<unsigned> results;
    void check(bool fine) { faults += !fine; }
  };

  static Stages stages(Run& run, unsigned count, unsigned stop_after = ~0U) {
    return {.produce =
                [&run, count](std::size_t slot) {
                  run.check(++run.producing == 1);
                  run.check(slot < run.items.size());
                  const bool more = run.produced < count;
                  if (more) {
                    run.check(++run.in_slot[slot] == 1);
                    run.check(++run.alive <= static_cast<int>(run.items.size()));
                    run.items[slot] = run.produced++;
                  }
                  --run.producing;
                  return more;
                },
            .work =
                [&run](std::size_t slot, unsigned worker) {
                  run.check(worker < run.busy.size());
                  run.check(++run.busy[worker] == 1);
                  // Later items are sooner done.
                  if (run.items[slot] % 3 == 0) std::this_thread::yield();
                  run.items[slot] = run.items[slot] * 7 + 1;
                  --run.busy[worker];
                },
            .consume =
                [&run, stop_after](std::size_t slot) {
                  run.check(++run.consuming == 1);
                  run.results.push_back(run.items[slot]);
                  --run.in_slot[slot];
                  --run.alive;
                  --run.consuming;
                  return run.results.size() < stop_after;
                }};
  }
  static std::vector<unsigned> wanted(unsigned count) {
    std::vector<unsigned> results(count);
    for (unsigned i = 0; i < count; ++i) results[i] = i * 7 + 1;
    return results;
  }
};

TEST_P(Pipeline, ResultsComeInOrderAndSlotsAreNotShared) {
  for (const unsigned count : {0U, 1U, 2U, 5U, 1000U}) {
    Run run(GetParam());
    run_pipeline(GetParam().threads, GetParam().slots, stages(run, count));
    EXPECT_EQ(run.results, wanted(count));
    EXPECT_EQ(run.faults, 0);
    EXPECT_EQ(run.alive, 0);
  }
}

TEST_P(Pipeline, StopsWhereTheConsumerSays) {
  for (const unsigned stop : {1U, 2U, 37U}) {
    Run run(GetParam());
    run_pipeline(GetParam().threads, GetParam().slots, stages(run, 1000000, stop));
    EXPECT_EQ(run.results, wanted(stop));
    // No more was begun than was under way.
    EXPECT_LE(run.produced, stop + GetParam().slots);
    EXPECT_EQ(run.faults, 0);
  }
}

TEST_P(Pipeline, AnExceptionComesOutOfEveryStage) {
  for (const int stage : {0, 1, 2}) {
    Run run(GetParam());
    const auto fail = [&](int here) {
      if (here == stage && run.results.size() >= 5) throw std::runtime_error("stage");
    };
    Stages all = stages(run, 1000);
    const Stages plain = all;
    all.produce = [&](std::size_t s) {
      fail(0);
      return plain.produce(s);
    };
    all.work = [&](std::size_t s, unsigned w) {
      // The fifth item's own number: the results are another thread's.
      if (stage == 1 && run.items[s] == 5) throw std::runtime_error("stage");
      plain.work(s, w);
    };
    all.consume = [&](std::size_t s) {
      fail(2);
      return plain.consume(s);
    };
    if (stage == 0) {
      all.produce = [&](std::size_t s) {
        if (run.produced == 5) throw std::runtime_error("stage");
        return plain.produce(s);
      };
    }
    EXPECT_THROW(run_pipeline(GetParam().threads, GetParam().slots, all), std::runtime_error);
    EXPECT_LE(run.results.size(), 5U);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Pipeline,
                         testing::Values(Shape{0, 1}, Shape{1, 1}, Shape{1, 8}, Shape{2, 1},
                                         Shape{2, 2}, Shape{2, 4}, Shape{3, 7}, Shape{8, 16}),
                         [](const auto& p) {
                           return "threads" + std::to_string(p.param.threads) + "_slots" +
                                  std::to_string(p.param.slots);
                         });

// Threads that this process has.
std::size_t threads_here() {
  std::size_t number = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    ++number;
  }
  return number;
}

TEST(PipelineAlone, OneThreadStartsNoOther) {
  const auto caller = std::this_thread::get_id();
  const std::size_t before = threads_here();
  int left = 10;
  bool elsewhere = false;
  const auto check = [&] {
    elsewhere = elsewhere || std::this_thread::get_id() != caller || threads_here() > before;
  };
  run_pipeline(1, 4,
               {.produce =
                    [&](std::size_t) {
                      check();
                      return left-- > 0;
                    },
                .work =
                    [&](std::size_t, unsigned worker) {
                      check();
                      EXPECT_EQ(worker, 0U);
                    },
                .consume =
                    [&](std::size_t) {
                      check();
                      return true;
                    }});
  EXPECT_FALSE(elsewhere);
}

TEST(PipelineAlone, ThisProcessMayRunSomewhere) {
  EXPECT_GE(usable_cpus(), 1U);
}

}  // namespace
}  // namespace vmsift
