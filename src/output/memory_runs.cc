// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/memory_runs.h"

#include <algorithm>

namespace vmsift {

Result<Pfn> MemoryRuns::find(Pfn from, bool memory) {
  const Pfn max_pfn = source_.info().max_pfn;
  while (from < max_pfn) {
    // Windows without any memory are not looked at.
    if (memory) from = std::max(from, source_.next_window(from, kWindow));
    if (from >= max_pfn) break;
    const Pfn first = align_down<Pfn>(from, kWindow);
    const BitSpan exists(exists_);
    if (first != window_) {
      const PfnRange window{first, std::min(first + kWindow, max_pfn)};
      if (auto known = source_.presence(window, exists, BitSpan(stored_)); !known) {
        return known.take_error();
      }
      window_ = first;
    }
    const std::size_t bit = exists.find(static_cast<std::size_t>(from - first), memory);
    if (bit < exists.size()) return std::min(first + bit, max_pfn);
    from = first + kWindow;
  }
  return max_pfn;
}

Result<PfnRange> MemoryRuns::next() {
  auto begin = find(next_, true);
  if (!begin) return begin.take_error();
  auto end = find(*begin, false);
  if (!end) return end.take_error();
  next_ = *end;
  return PfnRange{*begin, *end};
}

}  // namespace vmsift
