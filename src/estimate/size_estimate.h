// SPDX-License-Identifier: GPL-2.0-or-later
// How large a dump will be, before it is made: the classes of a sample of pages, and what a sample
// of those costs when it is compressed, extrapolated to all of memory. For all levels and several
// codecs at once, since every level is a sum of classes.
#pragma once

#include "compress/codec.h"
#include "src/copy/measure_levels.h"
#include "src/estimate/class_sample.h"

#include <array>
#include <cstdint>
#include <span>

namespace vmsift {

struct EstimateEffort {
  ClassSample::Extent classes;
  // Pages to read and compress: this part of those that the levels in question keep, within bounds.
  std::uint64_t pages_part;
  std::uint64_t least_pages;
  std::uint64_t most_pages;
};

// For the first line of a run, some thousandths of what it takes; and for an answer in seconds on a
// machine of any size.
constexpr EstimateEffort kQuickEstimate{{1U << 18, 16, 256, 2048}, 256, 64, 512};
constexpr EstimateEffort kThoroughEstimate{{1U << 21, 1, 128, 8192}, 1, 1024, 16384};

class SizeEstimate {
 public:
  // For levels that keep no class of `ignored`, and without the memory in `not_there`. Works in one
  // thread.
  static Result<SizeEstimate> make(const KernelModel& model, const MemorySource& source,
                                   std::span<const Codec* const> codecs, ClassSet ignored,
                                   const EstimateEffort& effort,
                                   std::span<const MemoryRange> not_there = {});

  [[nodiscard]] Expected pages(unsigned level) const;

  // Bytes of descriptors and page data in a kdump-compressed dump; `codec` is an index of those
  // given.
  [[nodiscard]] Expected kdump_bytes(unsigned level, std::size_t codec) const;

  // Bytes of the pages in an ELF dump.
  [[nodiscard]] Expected elf_bytes(unsigned level) const;

  // What was looked at.
  [[nodiscard]] const ClassSample& classes() const { return classes_; }
  [[nodiscard]] const LevelCosts& costs() const { return costs_; }  // of the pages compressed

 private:
  [[nodiscard]] Expected with_spread(const ClassSample::PerPage& per_page,
                                     const ClassSample::PerPage& variance) const;

  ClassSample classes_;
  LevelCosts costs_;
  std::size_t page_size_ = 0;
};

}  // namespace vmsift
