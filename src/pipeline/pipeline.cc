// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/pipeline/pipeline.h"

#include "src/pipeline/executor.h"

#include <sched.h>

#include <algorithm>
#include <memory>

namespace vmsift {
namespace {

void run_serial(const Stages& stages) {
  while (stages.produce(0)) {
    stages.work(0, 0);
    if (!stages.consume(0)) return;
  }
}

}  // namespace

void run_pipeline(unsigned threads, std::size_t slots, const Stages& stages) {
  if (threads <= 1 || slots <= 1) {
    run_serial(stages);
  } else {
    run_parallel(threads, slots, stages);
  }
}

unsigned usable_cpus() {
  // Machines with more than 1024 CPUs need a larger set than cpu_set_t.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(static_cast<std::size_t>(cpus)), [](cpu_set_t* s) { CPU_FREE(s); });
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    if (!set) break;
    if (sched_getaffinity(0, bytes, set.get()) == 0) {
      return static_cast<unsigned>(std::max(1, CPU_COUNT_S(bytes, set.get())));
    }
  }
  return 1;
}

}  // namespace vmsift
