// SPDX-License-Identifier: GPL-2.0-or-later
// How the pages of a dump become PT_LOAD segments: a segment has its kept pages in the file
// (p_filesz) and ends with pages that were left out (p_memsz beyond), which readers take for zeros.
//
// A program header for every gap would be exact, but readers search them one by one. So gaps below
// a threshold are stored as zeros, and the thresholds are chosen from the first stage's counts such
// that the number of headers stays in the ten thousands for any machine. Small dumps come out
// exact.
#pragma once

#include "src/base/result.h"
#include "src/base/types.h"
#include "src/output/memory_runs.h"

#include <array>
#include <cstdint>
#include <functional>
#include <span>

namespace vmsift {

// What the first stage finds out of the gaps between pages that are kept.
class GapCounts {
 public:
  static constexpr unsigned kClasses = 24;  // gaps of 1, 2, 4 ... 2^23 pages and more

  // Windows in rising order.
  void add(Pfn first, std::span<const std::byte> exists, std::span<const std::byte> kept);
  // After the last window.
  void finish();

  [[nodiscard]] std::uint64_t kept_pages() const { return kept_pages_; }
  [[nodiscard]] std::uint64_t memory_pages() const { return memory_pages_; }
  [[nodiscard]] std::uint64_t memory_runs() const { return runs_; }
  [[nodiscard]] std::uint64_t gaps_of_at_least(std::uint64_t pages) const;

 private:
  void end_gap(Pfn end);

  std::array<std::uint64_t, kClasses> gaps_{};  // by log2 of the length
  std::uint64_t kept_pages_ = 0;
  std::uint64_t memory_pages_ = 0;
  std::uint64_t runs_ = 0;
  Pfn gap_begin_ = 0;  // pages of the run from here on are not kept
  Pfn run_end_ = 0;    // up to here the last run is known
};

struct SegmentPlan {
  std::uint64_t least_gap = 1;      // dropped pages in a row that end a segment
  std::uint64_t least_zeros = 1;    // zero pages in a gap that end a segment
  std::uint64_t most_pages = 1;     // stored pages of one segment
  std::uint64_t most_segments = 0;  // there are no more than that

  static SegmentPlan choose(const GapCounts& counts, std::size_t page_size);
};

struct Segment {
  Pfn begin = 0;
  Pfn stored_end = 0;  // [begin, stored_end) is in the file
  Pfn end = 0;
  std::uint64_t offset = 0;  // in the file, of the first page
};

// Second stage: takes kept pages in order, says where each goes and gives away segments as they are
// finished.
class SegmentBuilder {
 public:
  using Sink = std::function<Result<void>(const Segment&)>;

  SegmentBuilder(const MemorySource& source, const SegmentPlan& plan, std::uint64_t data_offset,
                 Sink sink);

  // The page has data: where they go. What lies between the last data and these is to be read as
  // zeros.
  Result<std::uint64_t> store(Pfn pfn);
  // The page is zeros and needs no data.
  Result<void> zero(Pfn pfn);
  // The page could not be read: no segment may hold it.
  Result<void> lose(Pfn pfn);
  // Nothing is known of the memory behind the last page: it was not come to.
  Result<void> finish_short();
  // The memory behind the last page was left out.
  Result<void> finish();

  [[nodiscard]] std::uint64_t end_offset() const { return end_; }

 private:
  Result<void> leave_run();
  Result<void> advance_to(Pfn pfn);
  void pass(Pfn pfn);
  Result<void> close(Pfn end);
  Result<void> emit(const Segment& segment);

  MemoryRuns runs_;
  SegmentPlan plan_;
  std::uint64_t page_size_;
  Sink sink_;
  PfnRange run_;             // of memory
  Segment open_;             // not given away yet, when open_.begin < open_.stored_end
  Pfn seen_ = 0;             // pages of the run below are accounted for
  std::uint64_t gap_ = 0;    // longest row of dropped pages since the last stored one
  std::uint64_t zeros_ = 0;  // zero pages since then
  std::uint64_t end_;        // where the next data go
  std::uint64_t lost_ = 0;
};

}  // namespace vmsift
