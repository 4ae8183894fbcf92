// SPDX-License-Identifier: GPL-2.0-or-later
// With how many threads and how large tables a run gets by with the memory that there is. What is
// planned never changes the bytes that are written, only how fast.
//
// Knows sums alone: src/commands/memory_request.h asks each part of the program for its own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace vmsift {

// What a run would like to have. Bytes are of anonymous memory and of the page tables of what is
// mapped.
struct MemoryRequest {
  unsigned threads = 1;           // at least 1
  std::uint64_t fixed_bytes = 0;  // whatever the plan: program, libraries, tables of the input
  // Of so many threads together, in the stage that takes most; grows with them.
  std::function<std::uint64_t(unsigned threads)> thread_bytes;
  // Of one stride of the free lists at its largest and at its smallest, and whether lists are going
  // to be used; it may turn out later that they have to be. There are two strides and one a thread.
  // 0: no lists.
  std::uint64_t stride_bytes = 0;
  std::uint64_t least_stride_bytes = 0;
  bool uses_strides = false;
};

struct MemoryPlan {
  unsigned threads = 1;
  std::uint64_t stride_bytes = 0;
  std::uint64_t needed = 0;                // bytes of this plan, at the most
  std::uint64_t least = 0;                 // of the smallest plan
  std::optional<std::uint64_t> available;  // bytes that there are; nullopt: not known

  // Whether it keeps to its share; else it is the smallest plan.
  [[nodiscard]] bool fits() const;
};

// What a plan may take of so many bytes, or when their number is not known. The rest is for the
// kernel and for the page cache that the output passes through. However much there is, it is 1 GiB
// at the most.
std::uint64_t share_to_plan(std::optional<std::uint64_t> available);

// A machine on which the page cache is no place for a dump.
bool is_small(std::optional<std::uint64_t> available);

// `available`: what available_memory() says. Threads shrink first, then strides.
MemoryPlan plan_memory(const MemoryRequest& request, std::optional<std::uint64_t> available);

}  // namespace vmsift
