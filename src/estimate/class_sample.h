// SPDX-License-Identifier: GPL-2.0-or-later
// How many pages of each class there are, told from a part of the struct pages: slices that are
// spread over memory. Nothing in it is random or timed: the same memory gives the same sample.
#pragma once

#include "src/classify/kernel_model.h"
#include "src/classify/window_scan.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace vmsift {

// A number that a sample tells, and its standard error: two thirds of such numbers are no further
// than that from the truth, 19 of 20 no further than twice that.
struct Expected {
  double value = 0;
  double error = 0;
};

class ClassSample {
 public:
  struct Extent {
    std::uint64_t whole_up_to;   // page frames; every one is looked at where there are no more
    std::uint64_t part;          // where there are, one slice of so many is,
    std::uint64_t least_slices;  // but no fewer than these
    std::uint64_t most_slices;   // and no more
  };

  // Page frames that were looked at, one behind the other.
  struct Slice {
    PfnRange pages;
    std::span<const PageClass> classes;
  };

  // Pages of classes in `skip` need not be told as exactly: see Classifier. Memory in `not_there`
  // counts as holes.
  static Result<ClassSample> take(const KernelModel& model, const MemorySource& source,
                                  ClassSet skip, Extent extent,
                                  std::span<const MemoryRange> not_there = {});

  // Sum over all pages of what a page of each class counts for.
  using PerPage = std::array<double, kPageClasses>;
  [[nodiscard]] Expected total(const PerPage& per_page) const;
  [[nodiscard]] Expected pages(PageClass page_class) const;

  // Of the page frames that were looked at.
  [[nodiscard]] const ClassCounts& counts() const { return counts_; }
  [[nodiscard]] std::size_t slices() const { return places_.size(); }
  [[nodiscard]] Slice slice(std::size_t i) const {
    return {places_[i].pages,
            std::span(classes_).subspan(places_[i].at,
                                        static_cast<std::size_t>(places_[i].pages.size()))};
  }

 private:
  struct Place {
    PfnRange pages;
    std::size_t at = 0;  // of its first page in classes_
    std::array<std::uint32_t, kPageClasses> counts{};
  };

  Result<void> look_at_all(const MemorySource& source, WindowScanner& scanner);
  Result<void> look_at_slices(const MemorySource& source, WindowScanner& scanner,
                              std::uint64_t slices, std::uint64_t slice_frames);
  Result<void> look_at(PfnRange pages, WindowScanner& scanner);
  void make_holes(PfnRange pages, std::span<PageClass> classes) const;

  std::vector<PfnRange> not_there_;
  std::uint64_t frames_ = 0;  // page frames of windows that have memory
  std::uint64_t looked_at_ = 0;
  std::vector<Place> places_;
  std::vector<PageClass> classes_;
  ClassCounts counts_{};
};

}  // namespace vmsift
