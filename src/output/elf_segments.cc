// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/elf_segments.h"

#include "src/base/bitmap.h"

#include <algorithm>
#include <bit>

namespace vmsift {
namespace {

// Program headers that gaps and zero pages may cause. Readers search them one by one, and more than
// 65534 need PN_XNUM, which not all of them know.
constexpr std::uint64_t kMostForGaps = 16384;
// The rows of makedumpfile, which stores what is shorter at any rate. Longer gaps end a segment
// unless there are more of them than any reader should be given.
constexpr std::uint64_t kLargestThreshold = 256;
constexpr std::uint64_t kMostForLongGaps = 262144;
constexpr std::uint64_t kLongestGap = std::uint64_t{1} << (GapCounts::kClasses - 1);
// Zero pages in short rows cost nothing in a sparse file.
constexpr std::uint64_t kLeastZeros = 16;
// A stream that is cut short has the headers of finished segments only.
constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostByLength = 8192;
// Pages that could not be read and are no part of any segment. Those beyond are zeros, in a dump
// that is marked incomplete.
constexpr std::uint64_t kMostLost = 4096;

BitSpan view(std::span<const std::byte> bits) {
  return BitSpan({const_cast<std::byte*>(bits.data()), bits.size()});  // only looked at
}

}  // namespace

void GapCounts::end_gap(Pfn end) {
  if (end <= gap_begin_) return;
  const auto log2 = static_cast<unsigned>(std::bit_width(end - gap_begin_)) - 1;
  ++gaps_[std::min(log2, kClasses - 1)];
}

void GapCounts::add(Pfn first, std::span<const std::byte> exists_bytes,
                    std::span<const std::byte> kept_bytes) {
  const BitSpan exists = view(exists_bytes);
  const BitSpan kept = view(kept_bytes);
  kept_pages_ += kept.count();
  for (std::size_t at = exists.find(0, true); at < exists.size();) {
    const std::size_t begin = at;
    const std::size_t end = exists.find(at, false);
    if (first + at != run_end_ || runs_ == 0) {
      finish();
      ++runs_;
      gap_begin_ = first + at;
    }
    while (at < end) {
      const std::size_t begin_kept = std::min(end, kept.find(at, true));
      if (begin_kept == end) break;  // the gap goes on
      end_gap(first + begin_kept);
      at = std::min(end, kept.find(begin_kept, false));
      gap_begin_ = first + at;
    }
    run_end_ = first + end;
    memory_pages_ += end - begin;
    at = exists.find(end, true);
  }
}

void GapCounts::finish() {
  if (runs_ != 0) end_gap(run_end_);
  gap_begin_ = run_end_;
}

std::uint64_t GapCounts::gaps_of_at_least(std::uint64_t pages) const {
  std::uint64_t n = 0;
  for (auto i = static_cast<unsigned>(std::bit_width(pages)) - 1; i < kClasses; ++i) n += gaps_[i];
  return n;
}

SegmentPlan SegmentPlan::choose(const GapCounts& counts, std::size_t page_size) {
  SegmentPlan plan;
  const auto most = [](std::uint64_t gap) {
    return gap < kLargestThreshold ? kMostForGaps : kMostForLongGaps;
  };
  while (plan.least_gap < kLongestGap &&
         counts.gaps_of_at_least(plan.least_gap) > most(plan.least_gap)) {
    plan.least_gap *= 2;
  }
  const std::uint64_t kept = counts.kept_pages();
  plan.least_zeros = kLeastZeros;
  while (plan.least_zeros < kLongestGap && kept / plan.least_zeros > kMostForGaps) {
    plan.least_zeros *= 2;
  }
  const std::uint64_t memory = counts.memory_pages();
  plan.most_pages = std::max({std::uint64_t{1}, kSegmentBytes / page_size, memory / kMostByLength});
  // One for each run of memory, gap, row of zeros, full segment and lost page.
  plan.most_segments = counts.memory_runs() + counts.gaps_of_at_least(plan.least_gap) +
                       kept / plan.least_zeros + memory / plan.most_pages + 1 + kMostLost;
  return plan;
}

SegmentBuilder::SegmentBuilder(const MemorySource& source, const SegmentPlan& plan,
                               std::uint64_t data_offset, Sink sink)
    : runs_(source),
      plan_(plan),
      page_size_(source.info().page_size),
      sink_(std::move(sink)),
      end_(data_offset) {}

Result<void> SegmentBuilder::emit(const Segment& segment) {
  if (segment.begin >= segment.end) return {};
  return sink_(segment);
}

// The open segment ends at `end`; what is behind its data was left out.
Result<void> SegmentBuilder::close(Pfn end) {
  if (open_.begin >= open_.stored_end) return {};
  open_.end = end;
  auto given = emit(open_);
  open_ = {};
  return given;
}

// What is left of the run was left out.
Result<void> SegmentBuilder::leave_run() {
  const bool open = open_.begin < open_.stored_end;
  return open ? close(run_.end) : emit({run_.begin, run_.begin, run_.end, end_});
}

// Makes `run_` the run that holds `pfn`; memory on the way was left out.
Result<void> SegmentBuilder::advance_to(Pfn pfn) {
  while (pfn >= run_.end) {
    if (auto left = leave_run(); !left) return left;
    auto next = runs_.next();
    if (!next) return next.take_error();
    if (next->empty()) {
      return error("page {:#x} is beyond the memory that the dump describes", pfn);
    }
    run_ = *next;
    seen_ = run_.begin;
    gap_ = zeros_ = 0;
  }
  return {};
}

// Accounts for the pages up to `pfn`, which were dropped.
void SegmentBuilder::pass(Pfn pfn) {
  gap_ = std::max(gap_, pfn - seen_);
  seen_ = pfn + 1;
}

Result<std::uint64_t> SegmentBuilder::store(Pfn pfn) {
  if (auto advanced = advance_to(pfn); !advanced) return advanced.take_error();
  pass(pfn);
  const bool open = open_.begin < open_.stored_end;
  const bool full = open && pfn - open_.begin >= plan_.most_pages;
  const bool split = full || gap_ >= plan_.least_gap || zeros_ >= plan_.least_zeros;
  if (split) {
    auto given = open ? close(pfn) : emit({run_.begin, run_.begin, pfn, end_});
    if (!given) return given.take_error();
  }
  const Pfn begin = split ? pfn : open ? open_.stored_end : run_.begin;
  if (split || !open) open_ = {begin, begin, begin, end_};
  end_ += (pfn - begin) * page_size_;  // zeros
  const std::uint64_t at = end_;
  end_ += page_size_;
  open_.stored_end = pfn + 1;
  run_.begin = pfn + 1;
  gap_ = zeros_ = 0;
  return at;
}

Result<void> SegmentBuilder::zero(Pfn pfn) {
  if (auto advanced = advance_to(pfn); !advanced) return advanced;
  pass(pfn);
  ++zeros_;
  return {};
}

Result<void> SegmentBuilder::lose(Pfn pfn) {
  if (lost_ == kMostLost) return zero(pfn);
  ++lost_;
  if (auto advanced = advance_to(pfn); !advanced) return advanced;
  const bool open = open_.begin < open_.stored_end;
  auto given = open ? close(pfn) : emit({run_.begin, run_.begin, pfn, end_});
  run_.begin = seen_ = pfn + 1;
  gap_ = zeros_ = 0;
  return given;
}

Result<void> SegmentBuilder::finish_short() {
  return close(open_.stored_end);
}

Result<void> SegmentBuilder::finish() {
  while (true) {
    if (auto left = leave_run(); !left) return left;
    auto next = runs_.next();
    if (!next) return next.take_error();
    if (next->empty()) return {};
    run_ = *next;
  }
}

}  // namespace vmsift
