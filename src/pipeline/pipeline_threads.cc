// SPDX-License-Identifier: GPL-2.0-or-later
// Without oneTBB: a few threads around a ring of slots. Each thread does whatever is due, the last
// stage first, since that is what frees a slot. Items are as large as a batch or a window, so that
// one lock is enough.
#include "src/pipeline/executor.h"
#include "src/pipeline/threads.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>

namespace vmsift {
namespace {

class Ring {
 public:
  Ring(std::size_t slots, const Stages& stages)
      : slots_(slots), stages_(stages), worked_(std::make_unique<bool[]>(slots)) {}

  // Takes part until the run is over; `worker` is the thread's own number.
  void take_part(unsigned worker) {
    std::unique_lock lock(mutex_);
    while (!over()) {
      const Step step = next();
      if (step == Step::kNone) {
        changed_.wait(lock);
        continue;
      }
      const std::size_t slot = begin(step);
      // Who takes a step wakes the thread for the next one, so that one wakes where one is needed.
      if (next() != Step::kNone) changed_.notify_one();
      lock.unlock();
      bool more = false;
      std::exception_ptr failure;
      try {
        more = run(step, slot, worker);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      if (failure) {
        if (!failure_) failure_ = failure;
      } else {
        end(step, slot, more);
      }
    }
    changed_.notify_all();
  }

  // After all have left.
  void throw_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  enum class Step { kNone, kProduce, kWork, kConsume };

  // With the lock held: what may be done now.
  Step next() const {
    if (!consuming_ && worked_[consumed_ % slots_]) return Step::kConsume;
    if (begun_ < produced_) return Step::kWork;
    const bool room = produced_ - consumed_ < slots_;
    return room && !producing_ && !ended_ ? Step::kProduce : Step::kNone;
  }
  bool over() const { return failure_ || stopped_ || (ended_ && consumed_ == produced_); }

  std::size_t begin(Step step) {
    if (step == Step::kWork) return begun_++ % slots_;
    (step == Step::kProduce ? producing_ : consuming_) = true;
    return (step == Step::kProduce ? produced_ : consumed_) % slots_;
  }
  // Without the lock. False: the stage says that it is the end.
  bool run(Step step, std::size_t slot, unsigned worker) const {
    if (step == Step::kProduce) return stages_.produce(slot);
    if (step == Step::kConsume) return stages_.consume(slot);
    stages_.work(slot, worker);
    return true;
  }
  void end(Step step, std::size_t slot, bool more) {
    if (step == Step::kWork) {
      worked_[slot] = true;
    } else if (step == Step::kProduce) {
      producing_ = false;
      if (more) ++produced_;
      ended_ = !more;
    } else {
      consuming_ = false;
      worked_[slot] = false;
      ++consumed_;
      stopped_ = !more;
    }
  }

  const std::size_t slots_;
  const Stages& stages_;

  std::mutex mutex_;  // of all that follows
  std::condition_variable changed_;
  // Items that were produced, whose work was begun, that were consumed; item n is in slot n %
  // slots_.
  std::size_t produced_ = 0;
  std::size_t begun_ = 0;
  std::size_t consumed_ = 0;
  std::unique_ptr<bool[]> worked_;  // of a slot: to be consumed
  bool producing_ = false;
  bool consuming_ = false;
  bool ended_ = false;    // there is nothing more to produce
  bool stopped_ = false;  // the consumer wants no more
  std::exception_ptr failure_;
};

}  // namespace

void run_parallel(unsigned threads, std::size_t slots, const Stages& stages) {
  Ring ring(slots, stages);
  Threads others;
  // More threads than slots would have nothing to do. Where no more are to be had, those that are
  // there, the caller at least, do all of it.
  const auto wanted = static_cast<unsigned>(std::min<std::size_t>(threads, slots));
  for (unsigned i = 1; i < wanted && others.start([&ring, i] { ring.take_part(i); }); ++i) {
  }
  ring.take_part(0);
  others.join();
  ring.throw_failure();
}

}  // namespace vmsift
