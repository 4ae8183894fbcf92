// SPDX-License-Identifier: GPL-2.0-or-later
// The memory of the machine as maximal runs of page frames, one after the other.
#pragma once

#include "src/base/result.h"
#include "src/base/types.h"
#include "src/input/memory_source.h"

#include <array>
#include <cstddef>

namespace vmsift {

class MemoryRuns {
 public:
  // `source` must outlive it.
  explicit MemoryRuns(const MemorySource& source) : source_(source) {}

  // The next run; an empty one at the end.
  Result<PfnRange> next();

 private:
  static constexpr std::uint64_t kWindow = 32768;

  // The first page frame from `from` on that is memory or not; max_pfn when there is none.
  Result<Pfn> find(Pfn from, bool memory);

  const MemorySource& source_;
  Pfn next_ = 0;
  Pfn window_ = ~Pfn{0};  // first page frame that the bitmap holds
  std::array<std::byte, kWindow / 8> exists_;
  std::array<std::byte, kWindow / 8> stored_;
};

}  // namespace vmsift
