// SPDX-License-Identifier: GPL-2.0-or-later
// Where the second pass of a dump learns which pages are kept, window by window: from the dump
// itself, from bits that were kept in memory, or by classifying once more.
#pragma once

#include "src/base/types.h"
#include "src/classify/kernel_model.h"
#include "src/copy/batch.h"
#include "src/input/memory_source.h"
#include "src/output/dump_writer.h"

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace vmsift {

// The pages of the window that begins at `first`; they are valid until the next call.
using KeptInWindow = std::function<Result<KeptWindow>(Pfn first)>;

// A live system changes between the passes, so that its bits are remembered: one a page frame.
class KeptBits {
 public:
  void begin(Pfn max_pfn);
  void put(Pfn first, std::span<const std::byte> kept);
  // Zeros where nothing was put.
  void get(Pfn first, std::span<std::byte> kept) const;
  [[nodiscard]] bool empty() const { return bits_.empty(); }

 private:
  std::vector<std::byte> bits_;
};

// All arguments must outlive what is returned.
KeptInWindow kept_by_bits(const KeptBits& bits);
KeptInWindow kept_by_dump(const DumpWriter& writer);
KeptInWindow kept_by_class(const KernelModel& model, const MemorySource& source, ClassSet dropped,
                           const std::vector<PfnRange>& unused_vmemmap);

}  // namespace vmsift
