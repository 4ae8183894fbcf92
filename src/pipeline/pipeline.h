// SPDX-License-Identifier: GPL-2.0-or-later
// Items are produced one after the other, worked on in parallel and consumed one after the other in
// the order in which they were produced. What comes out does therefore not depend on the number of
// threads, nor on what runs them (executor.h). Waiting threads sleep.
#pragma once

#include <cstddef>
#include <functional>

namespace vmsift {

// An item is a slot number below `slots`; its data live in the caller's array. A slot is reused
// only after it was consumed, so at most `slots` items exist at a time.
struct Stages {
  // Fills the slot with the next item; false: there is none. Never runs twice at the same time.
  std::function<bool(std::size_t slot)> produce;
  // `worker` is below the number of threads; no two calls with the same worker overlap.
  std::function<void(std::size_t slot, unsigned worker)> work;
  // In the order of production, never twice at the same time; false: stop, produce no more.
  std::function<bool(std::size_t slot)> consume;
};

// One thread: everything runs in the caller and no thread is started.
void run_pipeline(unsigned threads, std::size_t slots, const Stages& stages);

// CPUs that this process may run on.
unsigned usable_cpus();

// What --num-threads N means: 0 is every usable CPU.
inline unsigned thread_count(unsigned asked) {
  return asked != 0 ? asked : usable_cpus();
}

}  // namespace vmsift
