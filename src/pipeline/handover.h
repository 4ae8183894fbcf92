// SPDX-License-Identifier: GPL-2.0-or-later
// For ThreadSanitizer alone, and nothing without it: libtbb is not built with it, so that the
// sanitizer does not see in what order it runs the stages of a pipeline.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace vmsift {

// What was done before a release() is done before what follows a later acquire().
class Handover {
 public:
#ifdef __SANITIZE_THREAD__
  void release() {
    __tsan_release(this);
  }
  void acquire() {
    __tsan_acquire(this);
  }
#else
  void release() {}
  void acquire() {}
#endif
};

// What oneTBB promises of one call of a stage: it comes after the start of the run, after the last
// call of whatever it must not overlap with (`lane`: a serial stage, or a worker), and after the
// stage before had the slot.
class StageCall {
 public:
  StageCall(Handover& start, Handover& end, Handover& lane, Handover& slot)
      : end_(end), lane_(lane), slot_(slot) {
    start.acquire();
    lane_.acquire();
    slot_.acquire();
  }
  ~StageCall() {
    slot_.release();
    lane_.release();
    end_.release();
  }
  StageCall(const StageCall&) = delete;
  StageCall& operator=(const StageCall&) = delete;

 private:
  Handover& end_;
  Handover& lane_;
  Handover& slot_;
};

}  // namespace vmsift
