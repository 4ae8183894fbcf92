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

// What a run would like to have. Bytes are of anonymous memory and of page tables for mappings of
// the input.
struct MemoryRequest {
  unsigned threads = 1;           // at least 1
  std::uint64_t fixed_bytes = 0;  // whatever the plan: program, libraries, tables of the input
  // Of so many threads together, in the stage that takes most; grows with them.
  std::function<std::uint64_t(unsigned threads)> thread_bytes;
  // Of one stride of free lists at its largest and at its smallest, and whether they are going to
  // be used. There are two and one a thread. A power of two times the smallest.
  std::uint64_t stride_bytes = 0;
  std::uint64_t least_stride_bytes = 0;
  bool uses_strides = false;
};

struct MemoryPlan {
  unsigned threads = 1;
  std::uint64_t stride_bytes = 0;
  bool write_behind = false;               // the output must not fill the page cache
  std::uint64_t needed = 0;                // bytes with this plan, at the most
  std::optional<std::uint64_t> available;  // that there are; nullopt: not known
  bool fits = true;  // false: even the smallest plan needs more than it should take
};

// What may be planned of so many available bytes. The rest is for the kernel and for the page cache
// that the output passes through.
std::uint64_t share_to_plan(std::uint64_t available);

// Plans take no more than that however much there is.
inline constexpr std::uint64_t kMostPlanned = std::uint64_t{1} << 30;

// With less, the output is written behind (MemoryPlan::write_behind).
inline constexpr std::uint64_t kAmpleMemory = std::uint64_t{1} << 30;

// Strides shrink before threads do: lists are rarely used, and are walked more often then.
// `available`: as available_memory() says.
MemoryPlan plan_memory(const MemoryRequest& request, std::optional<std::uint64_t> available);

}  // namespace vmsift
