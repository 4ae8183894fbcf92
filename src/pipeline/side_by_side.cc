// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/pipeline/side_by_side.h"

#include "src/pipeline/threads.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

namespace vmsift {

// Threads of their own: each drives a pipeline, which waits for its own workers.
void side_by_side(std::size_t tasks, unsigned threads,
                  const std::function<void(std::size_t)>& run) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    for (std::size_t task = next++; task < tasks; task = next++) {
      try {
        run(task);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  };
  Threads others;
  // Where no more threads are to be had, those that are there, the caller at least, do all tasks.
  for (std::size_t i = 1; i < std::min<std::size_t>(threads, tasks) && others.start(work); ++i) {
  }
  work();
  others.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace vmsift
