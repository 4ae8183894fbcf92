// SPDX-License-Identifier: GPL-2.0-or-later
// Segments of any memory: what they say of each page, and that there are never more of them than
// was planned, since room in the file is for as many.
#include "src/output/elf_segments.h"

#include "tests/unit/support/bitmap_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

namespace vmsift {
namespace {

using test::BitmapSource;
using test::Bytes;
using test::Random;

constexpr std::uint64_t kData = 65536;

// A machine: its memory and what is kept of it.
struct Machine {
  explicit Machine(Pfn max_pfn, std::size_t page_size = 4096)
      : source(max_pfn, page_size), kept((max_pfn + 7) / 8) {}

  void memory(Pfn begin, Pfn end) { source.add(begin, end); }
  void keep(Pfn begin, Pfn end) { BitSpan(kept).set_range(begin, end); }
  [[nodiscard]] bool is_kept(Pfn pfn) { return BitSpan(kept).test(pfn); }

  // As the first stage counts, in windows of this size.
  GapCounts count(Pfn window, bool skip_empty = true) {
    GapCounts counts;
    const Pfn max_pfn = source.info().max_pfn;
    Bytes exists(window / 8);
    Bytes stored(window / 8);
    for (Pfn first = 0; first < max_pfn; first += window) {
      EXPECT_TRUE(source.presence({first, std::min(first + window, max_pfn)}, BitSpan(exists),
                                  BitSpan(stored)));
      if (skip_empty && BitSpan(exists).count() == 0) continue;
      Bytes bits(kept.begin() + static_cast<std::ptrdiff_t>(first / 8),
                 kept.begin() + static_cast<std::ptrdiff_t>(
                                    std::min<std::size_t>(first / 8 + window / 8, kept.size())));
      bits.resize(window / 8);
      counts.add(first, exists, bits);
    }
    counts.finish();
    return counts;
  }
  SegmentPlan plan() { return SegmentPlan::choose(count(32768), source.info().page_size); }

  BitmapSource source;
  Bytes kept;
};

// Runs of memory with rows of kept pages, both of lengths up to powers of two.
Machine random_machine(Random& random, Pfn max_pfn, std::size_t page_size = 4096) {
  Machine machine(max_pfn, page_size);
  const std::uint64_t longest_run = std::uint64_t{1} << random.below(14);
  const std::uint64_t longest_hole = std::uint64_t{1} << random.below(14);
  const std::uint64_t longest_row = std::uint64_t{1} << random.below(10);
  const std::uint64_t longest_gap = std::uint64_t{1} << random.below(10);
  for (Pfn at = random.below(2) * random.below(longest_hole); at < max_pfn;) {
    const Pfn end = std::min(max_pfn, at + 1 + random.below(longest_run));
    machine.memory(at, end);
    for (Pfn row = at + random.below(2) * random.below(longest_gap); row < end;) {
      const Pfn row_end = std::min(end, row + random.below(longest_row + 1));
      machine.keep(row, row_end);
      row = row_end + 1 + random.below(longest_gap);
    }
    at = end + 1 + random.below(longest_hole);
  }
  return machine;
}

struct NaiveCounts {
  std::uint64_t kept = 0;
  std::uint64_t memory = 0;
  std::uint64_t runs = 0;
  std::map<unsigned, std::uint64_t> gaps;  // by log2
};

NaiveCounts count_naively(Machine& machine) {
  NaiveCounts counts;
  std::uint64_t gap = 0;
  bool inside = false;
  const auto end_gap = [&] {
    unsigned log2 = 0;
    for (std::uint64_t n = gap; n > 1; n /= 2) ++log2;
    if (gap != 0) ++counts.gaps[std::min(log2, GapCounts::kClasses - 1)];
    gap = 0;
  };
  for (Pfn pfn = 0; pfn < machine.source.info().max_pfn; ++pfn) {
    const bool memory = machine.source.has(pfn);
    if (!memory || !inside) end_gap();
    counts.runs += memory && !inside;
    inside = memory;
    counts.memory += memory;
    if (memory && machine.is_kept(pfn)) {
      ++counts.kept;
      end_gap();
    } else if (memory) {
      ++gap;
    }
  }
  end_gap();
  return counts;
}

TEST(GapCounts, AreThoseOfANaiveCountWhateverTheWindows) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    Machine machine = random_machine(random, 1 + random.below(20000));
    NaiveCounts expected = count_naively(machine);
    for (const Pfn window : {Pfn{8}, Pfn{64}, Pfn{1000}, Pfn{32768}}) {
      for (const bool skip_empty : {false, true}) {
        const GapCounts counts = machine.count(window, skip_empty);
        ASSERT_EQ(counts.kept_pages(), expected.kept) << seed << " " << window;
        ASSERT_EQ(counts.memory_pages(), expected.memory) << seed << " " << window;
        ASSERT_EQ(counts.memory_runs(), expected.runs) << seed << " " << window;
        std::uint64_t at_least = 0;
        for (unsigned log2 = GapCounts::kClasses; log2-- != 0;) {
          at_least += expected.gaps[log2];
          ASSERT_EQ(counts.gaps_of_at_least(std::uint64_t{1} << log2), at_least)
              << seed << " " << window << " " << log2;
        }
      }
    }
  }
}

TEST(GapCounts, OfNothing) {
  GapCounts counts;
  counts.finish();
  EXPECT_EQ(counts.memory_runs(), 0U);
  EXPECT_EQ(counts.gaps_of_at_least(1), 0U);
  const SegmentPlan plan = SegmentPlan::choose(counts, 4096);
  EXPECT_EQ(plan.least_gap, 1U);
  EXPECT_GT(plan.most_segments, 0U);
}

TEST(SegmentPlan, SmallDumpsAreExact) {
  Machine machine(40000);
  machine.memory(0, 40000);
  for (Pfn pfn = 0; pfn < 32768; pfn += 2) machine.keep(pfn, pfn + 1);  // 16384 gaps
  machine.keep(32768, 40000);
  EXPECT_EQ(machine.plan().least_gap, 1U);
}

TEST(SegmentPlan, ManyGapsRaiseTheThresholdUntilFewAreLeft) {
  Machine machine(200000);
  machine.memory(0, 200000);
  machine.keep(0, 200000);
  for (Pfn pfn = 1; pfn < 2 * 16385; pfn += 2) BitSpan(machine.kept).clear(pfn);
  EXPECT_EQ(machine.plan().least_gap, 2U);
  // Gaps of 2 and 3 are one class.
  machine.keep(0, 200000);
  for (Pfn pfn = 1; pfn + 4 < 5 * 16386; pfn += 5) BitSpan(machine.kept).clear_range(pfn, pfn + 3);
  EXPECT_EQ(machine.plan().least_gap, 4U);
  EXPECT_LT(machine.plan().most_segments, 16384U);
}

TEST(SegmentPlan, ThereAreSomeTenThousandsForAnyMachine) {
  // 1 TiB in one run, every gap as long as can be: counted in windows that say the same.
  GapCounts counts;
  Bytes exists(1 << 20, std::byte{0xff});
  Bytes kept(1 << 20);
  for (std::size_t i = 0; i < kept.size(); i += 64) kept[i] = std::byte{1};
  for (Pfn i = 0; i < 32; ++i) counts.add(i * kept.size() * 8, exists, kept);
  counts.finish();
  const SegmentPlan plan = SegmentPlan::choose(counts, 4096);
  // 524288 gaps of 511 pages: more than any reader should be given, so they are zeros.
  EXPECT_EQ(plan.least_gap, 512U);
  EXPECT_GE(plan.most_pages, counts.memory_pages() / 8192);
  EXPECT_LE(plan.most_segments, 50000U);
}

TEST(SegmentPlan, LongGapsEndSegmentsUpToAQuarterOfAMillion) {
  for (const Pfn windows : {16, 17}) {
    GapCounts counts;
    Bytes exists(1 << 20, std::byte{0xff});
    Bytes kept(1 << 20);
    for (std::size_t i = 0; i < kept.size(); i += 64) kept[i] = std::byte{1};
    for (Pfn i = 0; i < windows; ++i) counts.add(i * kept.size() * 8, exists, kept);
    counts.finish();
    const SegmentPlan plan = SegmentPlan::choose(counts, 4096);
    EXPECT_EQ(plan.least_gap, windows == 16 ? 256U : 512U);
    EXPECT_LE(plan.most_segments, 262144U + 50000U);
  }
}

// What becomes of a kept page.
enum class Fate { store, zero, lose };

struct Built {
  std::vector<Segment> segments;
  std::map<Pfn, std::uint64_t> stored;  // where each goes
  std::uint64_t end = 0;
};

Built build(Machine& machine, const SegmentPlan& plan, const std::map<Pfn, Fate>& fates,
            bool whole = true) {
  Built built;
  SegmentBuilder builder(machine.source, plan, kData, [&](const Segment& s) -> Result<void> {
    built.segments.push_back(s);
    return {};
  });
  const BitSpan kept(machine.kept);
  for (std::size_t pfn = kept.find(0, true); pfn < kept.size(); pfn = kept.find(pfn + 1, true)) {
    const auto fate = fates.find(pfn);
    if (fate == fates.end() || fate->second == Fate::store) {
      auto at = builder.store(pfn);
      EXPECT_TRUE(at) << (at ? "" : at.message());
      if (!at) return built;
      built.stored[pfn] = *at;
    } else if (fate->second == Fate::zero) {
      EXPECT_TRUE(builder.zero(pfn));
    } else {
      EXPECT_TRUE(builder.lose(pfn));
    }
  }
  EXPECT_TRUE(whole ? builder.finish() : builder.finish_short());
  built.end = builder.end_offset();
  return built;
}

// Every page of memory is where it must be.
void check(Machine& machine, const SegmentPlan& plan, const std::map<Pfn, Fate>& fates,
           const Built& built) {
  const std::size_t page = machine.source.info().page_size;
  ASSERT_LE(built.segments.size(), plan.most_segments);
  std::uint64_t data = kData;
  Pfn before = 0;
  std::size_t lost = 0;
  std::size_t stored = 0;
  const auto fate_of = [&](Pfn pfn) -> std::optional<Fate> {
    if (!machine.is_kept(pfn)) return std::nullopt;
    const auto found = fates.find(pfn);
    return found == fates.end() ? Fate::store : found->second;
  };
  const auto outside = [&](Pfn from, Pfn to) {  // memory that no segment holds must be lost pages
    for (Pfn pfn = from; pfn < to; ++pfn) {
      if (!machine.source.has(pfn)) continue;
      ASSERT_TRUE(fate_of(pfn) == Fate::lose) << pfn;
      ++lost;
    }
  };
  for (const Segment& s : built.segments) {
    ASSERT_LT(s.begin, s.end);
    ASSERT_GE(s.begin, before);
    ASSERT_LE(s.begin, s.stored_end);
    ASSERT_LE(s.stored_end, s.end);
    ASSERT_LE(s.stored_end - s.begin, plan.most_pages);
    ASSERT_EQ(s.offset, data) << "data stand one behind another";
    ASSERT_NO_FATAL_FAILURE(outside(before, s.begin));
    std::uint64_t gap = 0;
    std::uint64_t zeros = 0;
    for (Pfn pfn = s.begin; pfn < s.end; ++pfn) {
      ASSERT_TRUE(machine.source.has(pfn)) << pfn;
      const auto fate = fate_of(pfn);
      if (fate == Fate::store) {
        ASSERT_LT(pfn, s.stored_end) << pfn;
        ASSERT_EQ(built.stored.at(pfn), s.offset + (pfn - s.begin) * page) << pfn;
        gap = zeros = 0;
        ++stored;
        continue;
      }
      if (pfn >= s.stored_end) continue;
      gap = fate ? 0 : gap + 1;
      zeros += fate == Fate::zero;
      ASSERT_LT(gap, plan.least_gap) << pfn << " is stored and need not be";
      ASSERT_LT(zeros, plan.least_zeros) << pfn;
    }
    data += (s.stored_end - s.begin) * page;
    before = s.end;
  }
  ASSERT_NO_FATAL_FAILURE(outside(before, machine.source.info().max_pfn));
  ASSERT_EQ(data, built.end);
  ASSERT_EQ(stored, built.stored.size());
  std::size_t asked = 0;
  for (const auto& [pfn, fate] : fates) asked += fate == Fate::lose && machine.is_kept(pfn);
  ASSERT_EQ(lost, std::min<std::size_t>(asked, 4096));
}

TEST(SegmentBuilder, RandomMachines) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    Random random(seed);
    Machine machine = random_machine(random, 1 + random.below(40000));
    SegmentPlan plan = machine.plan();
    // Machines that are this small have no need of thresholds; they are tried at any rate.
    if (random.below(2) == 0) {
      plan.least_gap = std::uint64_t{1} << random.below(9);
      plan.most_pages = plan.least_gap + random.below(500);
      plan.most_segments = ~std::uint64_t{0};
    }
    std::map<Pfn, Fate> fates;
    const std::uint64_t zeros = random.below(3) * 45;
    const std::uint64_t lost = random.below(2) * random.below(10);
    for (Pfn pfn = 0; pfn < machine.source.info().max_pfn; ++pfn) {
      const std::uint64_t of_100 = random.below(100);
      if (of_100 < zeros) fates[pfn] = Fate::zero;
      if (of_100 >= 100 - lost) fates[pfn] = Fate::lose;
    }
    const Built built = build(machine, plan, fates);
    ASSERT_NO_FATAL_FAILURE(check(machine, plan, fates, built)) << "seed " << seed;
  }
}

TEST(SegmentBuilder, LargeMachinesStayWithinTheirPlan) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    Random random(seed);
    const std::size_t page_size = std::size_t{4096} << 2 * random.below(4);
    Machine machine(400000, page_size);
    machine.memory(0, 400000);
    // More gaps than are wanted, of every length around the thresholds.
    const std::uint64_t longest = 1 + (std::uint64_t{1} << seed);
    for (Pfn pfn = random.below(3); pfn < 400000;) {
      const Pfn end = std::min<Pfn>(400000, pfn + 1 + random.below(3));
      machine.keep(pfn, end);
      pfn = end + 1 + random.below(longest);
    }
    const SegmentPlan plan = machine.plan();
    std::map<Pfn, Fate> fates;
    for (Pfn pfn = 0; pfn < 400000; ++pfn) {
      if (random.below(8) == 0) fates[pfn] = Fate::zero;
      if (random.below(200) == 0) fates[pfn] = Fate::lose;
    }
    const Built built = build(machine, plan, fates);
    ASSERT_NO_FATAL_FAILURE(check(machine, plan, fates, built)) << "seed " << seed;
  }
}

// Gaps just below the threshold that lie where a segment has its length: were a full segment to end
// in front of the gap, there would be one for each of 14500 rows, when there is memory for 8192.
TEST(SegmentBuilder, FullSegmentsBehindGapsStayWithinThePlan) {
  constexpr Pfn kRow = 292;
  constexpr Pfn kRows = 14500;
  constexpr Pfn kShortRow = 129;
  constexpr Pfn kShortRows = 1900;
  constexpr Pfn kEnd = kRow * kRows + kShortRow * kShortRows;
  Machine machine(kEnd, 256U << 10);
  machine.memory(0, kEnd);
  for (Pfn row = 0; row < kRows; ++row) {
    machine.keep(row * kRow, row * kRow + 1);
    machine.keep(row * kRow + 36, row * kRow + 37);
  }
  for (Pfn row = kRow * kRows; row < kEnd; row += kShortRow) machine.keep(row, row + 1);
  const SegmentPlan plan = machine.plan();
  ASSERT_EQ(plan.least_gap, 256U);
  ASSERT_EQ(plan.most_pages, 546U);
  ASSERT_NO_FATAL_FAILURE(check(machine, plan, {}, build(machine, plan, {})));
}

TEST(SegmentBuilder, MemoryWithNothingKeptIsASegmentWithoutData) {
  Machine machine(100);
  machine.memory(10, 20);
  machine.memory(30, 40);
  machine.memory(99, 100);
  machine.keep(33, 35);
  const Built built = build(machine, machine.plan(), {});
  ASSERT_EQ(built.segments.size(), 4U);
  const std::vector<std::vector<Pfn>> expected = {
      {10, 10, 20}, {30, 30, 33}, {33, 35, 40}, {99, 99, 100}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ((std::vector<Pfn>{built.segments[i].begin, built.segments[i].stored_end,
                                built.segments[i].end}),
              expected[i]);
  }
  check(machine, machine.plan(), {}, built);
}

TEST(SegmentBuilder, SegmentsEndWhereTheyAreFull) {
  Machine machine(1000);
  machine.memory(0, 1000);
  machine.keep(0, 1000);
  SegmentPlan plan = machine.plan();
  plan.most_pages = 300;
  const Built built = build(machine, plan, {});
  ASSERT_EQ(built.segments.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(built.segments[i].begin, i * 300);
  check(machine, plan, {}, built);
}

TEST(SegmentBuilder, RowsOfZerosEndASegmentFromTheThresholdOn) {
  for (const Pfn zeros : {15U, 16U}) {
    Machine machine(100);
    machine.memory(0, 100);
    machine.keep(0, 100);
    std::map<Pfn, Fate> fates;
    for (Pfn i = 0; i < zeros; ++i) fates[40 + i] = Fate::zero;
    const Built built = build(machine, machine.plan(), fates);
    EXPECT_EQ(built.segments.size(), zeros == 15 ? 1U : 2U);
    check(machine, machine.plan(), fates, built);
  }
}

TEST(SegmentBuilder, BeyondTheMostLostPagesAreZeros) {
  Machine machine(12000);
  machine.memory(0, 12000);
  machine.keep(0, 12000);
  std::map<Pfn, Fate> fates;
  for (Pfn pfn = 1; pfn < 12000; pfn += 2) fates[pfn] = Fate::lose;  // 6000
  const SegmentPlan plan = machine.plan();
  const Built built = build(machine, plan, fates);
  ASSERT_LE(built.segments.size(), plan.most_segments);
  Pfn covered = 0;
  for (const Segment& s : built.segments) covered += s.end - s.begin;
  EXPECT_EQ(covered, 12000U - 4096U);
  for (const auto& [pfn, at] : built.stored) {
    const auto s =
        std::find_if(built.segments.begin(), built.segments.end(),
                     [pfn = pfn](const Segment& x) { return pfn >= x.begin && pfn < x.end; });
    ASSERT_NE(s, built.segments.end());
    ASSERT_EQ(at, s->offset + (pfn - s->begin) * 4096);
  }
}

TEST(SegmentBuilder, WhatWasNotComeToIsInNoSegment) {
  Machine machine(100);
  machine.memory(0, 50);
  machine.memory(60, 100);
  machine.keep(5, 10);
  const Built built = build(machine, machine.plan(), {}, false);
  ASSERT_EQ(built.segments.size(), 2U);
  EXPECT_EQ(built.segments.back().stored_end, 10U);
  EXPECT_EQ(built.segments.back().end, 10U);
}

TEST(SegmentBuilder, APageBeyondAllMemoryIsAnError) {
  Machine machine(100);
  machine.memory(0, 10);
  SegmentBuilder builder(machine.source, machine.plan(), kData,
                         [](const Segment&) -> Result<void> { return {}; });
  EXPECT_TRUE(builder.store(9));
  for (const auto fail : {0, 1, 2}) {
    SegmentBuilder other(machine.source, machine.plan(), kData,
                         [](const Segment&) -> Result<void> { return {}; });
    std::string message;
    if (fail == 0) {
      auto done = other.store(10);
      if (!done) message = done.message();
    } else {
      auto done = fail == 1 ? other.zero(10) : other.lose(10);
      if (!done) message = done.message();
    }
    EXPECT_EQ(message, "page 0xa is beyond the memory that the dump describes");
  }
}

TEST(SegmentBuilder, AnErrorOfItsSinkIsPassedOn) {
  Machine machine(100);
  machine.memory(0, 100);
  SegmentBuilder builder(machine.source, machine.plan(), kData,
                         [](const Segment&) -> Result<void> { return error("no room"); });
  auto at = builder.store(5);  // the gap in front is given away
  ASSERT_FALSE(at);
  EXPECT_EQ(at.message(), "no room");
}

}  // namespace
}  // namespace vmsift
