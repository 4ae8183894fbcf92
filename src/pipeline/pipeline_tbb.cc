// SPDX-License-Identifier: GPL-2.0-or-later
// The default: on oneTBB, and the only file that knows it.
#include "src/pipeline/executor.h"
#include "src/pipeline/handover.h"
#include "src/pipeline/threads.h"

#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <memory>
#include <optional>

namespace vmsift {

void run_parallel(unsigned threads, std::size_t slots, const Stages& stages) {
  std::atomic<bool> stopped = false;
  std::size_t next = 0;
  Handover start, end, producer, consumer;
  const auto slot_handovers = std::make_unique<Handover[]>(slots);
  const auto worker_handovers = std::make_unique<Handover[]>(threads);
  Handover* const of_slot = slot_handovers.get();
  Handover* const of_worker = worker_handovers.get();
  // Items leave in order and at most `slots` are alive, so the slot of the item `slots` earlier is
  // free again when a new one is produced.
  const auto produce = tbb::make_filter<void, std::size_t>(
      tbb::filter_mode::serial_in_order, [&](tbb::flow_control& flow) -> std::size_t {
        const StageCall call(start, end, producer, of_slot[next]);
        const std::size_t slot = next;
        if (stopped.load(std::memory_order_relaxed) || !stages.produce(slot)) {
          flow.stop();
          return 0;
        }
        next = (next + 1) % slots;
        return slot;
      });
  const auto work =
      tbb::make_filter<std::size_t, std::size_t>(tbb::filter_mode::parallel, [&](std::size_t slot) {
        const auto worker = static_cast<unsigned>(tbb::this_task_arena::current_thread_index());
        const StageCall call(start, end, of_worker[worker], of_slot[slot]);
        if (!stopped.load(std::memory_order_relaxed)) stages.work(slot, worker);
        return slot;
      });
  const auto consume =
      tbb::make_filter<std::size_t, void>(tbb::filter_mode::serial_in_order, [&](std::size_t slot) {
        const StageCall call(start, end, consumer, of_slot[slot]);
        if (!stopped.load(std::memory_order_relaxed) && !stages.consume(slot)) {
          stopped.store(true, std::memory_order_relaxed);
        }
      });
  // oneTBB starts no more threads than CPUs unless it is told to.
  const tbb::global_control stacks(tbb::global_control::thread_stack_size, kStackBytes);
  std::optional<tbb::global_control> limit;
  if (threads > usable_cpus()) limit.emplace(tbb::global_control::max_allowed_parallelism, threads);
  tbb::task_arena arena(static_cast<int>(threads));
  start.release();
  try {
    arena.execute([&] { tbb::parallel_pipeline(slots, produce & work & consume); });
  } catch (...) {
    end.acquire();
    throw;
  }
  end.acquire();
}

}  // namespace vmsift
