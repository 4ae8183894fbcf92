// SPDX-License-Identifier: GPL-2.0-or-later
// The program's own threads. std::thread cannot say how large a stack is.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace vmsift {

// Bytes of a thread's stack; 28 KiB were seen in use. Where memory must not be promised twice
// (strict overcommit, a limit on addresses) the usual 8 MiB count in full.
constexpr std::size_t kStackBytes = 512U << 10;

// Threads that end together. `run` must not throw.
class Threads {
 public:
  Threads() = default;
  ~Threads() { join(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  // False: the system gives no more threads.
  bool start(std::function<void()> run);
  // Waits until all have ended.
  void join();

 private:
  struct Started {
    std::function<void()> run;
    pthread_t thread;
  };
  std::vector<std::unique_ptr<Started>> started_;
};

}  // namespace vmsift
