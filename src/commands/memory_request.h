// SPDX-License-Identifier: GPL-2.0-or-later
// What a run needs of memory, summed up from what each part of the program declares: the formula of
// README, "Memory".
#pragma once

#include "src/cli/options.h"
#include "src/commands/input.h"
#include "src/input/file_window.h"
#include "src/memory/memory_plan.h"
#include "src/report/log.h"

#include <cstddef>
#include <cstdint>

namespace vmsift {

// As much of the input as decides on memory.
struct InputShape {
  std::size_t page_size = 4096;
  Pfn max_pfn = 0;                // one past the last page frame
  std::size_t reader_memory = 0;  // MemorySource::reader_memory() and memory()
  std::size_t source_memory = 0;
  bool live = false;             // /proc/kcore
  Pfn free_list_stride = 0;      // KernelModel::free_list_stride(); 0: there are no lists
  bool uses_free_lists = false;  // marks of free pages are not known
};

InputShape shape_of(const Input& input);
// Of the /proc/vmcore that a machine with so much memory will leave, on a machine that `available`
// bytes are available on.
InputShape shape_of_crash(std::size_t page_size, Pfn max_pfn, std::size_t loads,
                          std::optional<std::uint64_t> available);

// `threads`: at least 1. Options that are looked at are those of Command::create.
MemoryRequest memory_request(const Options& options, const InputShape& input, unsigned threads);

// How to read where so much is available.
ReadMode read_mode(const Options& options, std::optional<std::uint64_t> available);

// The plan for a command that reads `input`, put into effect there; says so where it had to be made
// smaller than was asked for.
MemoryPlan plan_run(const Options& options, Input& input, const Log& log);

}  // namespace vmsift
