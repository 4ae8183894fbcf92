// SPDX-License-Identifier: GPL-2.0-or-later
// Whole pipelines next to each other: one for each file of a split dump.
#pragma once

#include <cstddef>
#include <functional>

namespace vmsift {

// Calls `run` once for every task below `tasks`, at most `threads` at a time; returns when all are
// done. The first exception of a task is thrown here, after the others ended. With one thread
// everything runs in the caller.
void side_by_side(std::size_t tasks, unsigned threads, const std::function<void(std::size_t)>& run);

}  // namespace vmsift
