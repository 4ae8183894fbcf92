// SPDX-License-Identifier: GPL-2.0-or-later
// What a pipeline with several threads is run by. There are two, pipeline_tbb.cc and
// pipeline_threads.cc; CMake's VMSIFT_TBB chooses one, and the tests run on both.
#pragma once

#include "src/pipeline/pipeline.h"

namespace vmsift {

// `threads` and `slots` are at least 2. The caller is one of the threads. Throws what a stage
// threw, after all threads have left the stages.
void run_parallel(unsigned threads, std::size_t slots, const Stages& stages);

}  // namespace vmsift
