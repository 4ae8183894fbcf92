// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/estimate/class_sample.h"

#include <algorithm>
#include <cmath>

namespace vmsift {
namespace {

// The windows with memory, one after the other.
class Windows {
 public:
  explicit Windows(const MemorySource& source) : source_(source) { move_to(0); }

  [[nodiscard]] bool at_end() const { return window_.empty(); }
  [[nodiscard]] PfnRange operator*() const { return window_; }
  void next() { move_to(window_.end); }

 private:
  void move_to(Pfn from) {
    const Pfn max_pfn = source_.info().max_pfn;
    const Pfn first = source_.next_window(from, kWindowPages);
    window_ = {first, std::max(first, std::min(first + kWindowPages, max_pfn))};
  }

  const MemorySource& source_;
  PfnRange window_;
};

// Where in its part of memory slice i is, from 0 to 1: multiples of the golden ratio, which fall in
// step with no size of block.
double offset_in_part(std::uint64_t i) {
  constexpr double kGolden = 0.618033988749895;
  const double x = kGolden * static_cast<double>(i + 1);
  return x - std::floor(x);
}

constexpr std::uint64_t kLeastSlice = 64;  // page frames

// A slice is as large as the largest free block, and aligned as that is: pages inside of one do not
// show that they are free. A power of two, at most a window.
std::uint64_t frames_of_slice(const KernelModel& model) {
  constexpr std::uint64_t kUsualOrders = 11;
  const std::uint64_t orders =
      model.pages().buddy_orders != 0 ? model.pages().buddy_orders : kUsualOrders;
  return std::clamp(std::uint64_t{1} << std::min<std::uint64_t>(orders - 1, 63), kLeastSlice,
                    kWindowPages);
}

}  // namespace

Result<ClassSample> ClassSample::take(const KernelModel& model, const MemorySource& source,
                                      ClassSet skip, Extent extent,
                                      std::span<const MemoryRange> not_there) {
  ClassSample sample;
  const std::size_t page = source.info().page_size;
  for (const MemoryRange& range : not_there) {
    sample.not_there_.push_back({ceil_div<Pfn>(range.begin.value, page), range.end.value / page});
  }
  for (Windows window(source); !window.at_end(); window.next()) sample.frames_ += (*window).size();
  const std::uint64_t frames = frames_of_slice(model);
  const std::uint64_t slices =
      std::clamp(sample.frames_ / frames / extent.part, extent.least_slices, extent.most_slices);
  const bool whole = sample.frames_ <= std::max(extent.whole_up_to, slices * frames);
  WindowScanner scanner(model, source, skip);
  auto looked = whole ? sample.look_at_all(source, scanner)
                      : sample.look_at_slices(source, scanner, slices, frames);
  if (!looked) return looked.take_error();
  return sample;
}

Result<void> ClassSample::look_at_all(const MemorySource& source, WindowScanner& scanner) {
  for (Windows window(source); !window.at_end(); window.next()) {
    if (auto looked = look_at(*window, scanner); !looked) return looked;
  }
  return {};
}

Result<void> ClassSample::look_at_slices(const MemorySource& source, WindowScanner& scanner,
                                         std::uint64_t slices, std::uint64_t slice_frames) {
  const double part = static_cast<double>(frames_) / static_cast<double>(slices);
  Windows window(source);
  std::uint64_t before = 0;  // page frames of the windows in front
  Pfn done = 0;
  for (std::uint64_t i = 0; i < slices; ++i) {
    const double place = (static_cast<double>(i) + offset_in_part(i)) * part;
    const auto nth = std::min(static_cast<std::uint64_t>(place), frames_ - 1);
    for (; nth >= before + (*window).size(); window.next()) before += (*window).size();
    const Pfn first = align_down((*window).begin + (nth - before), slice_frames);
    if (first < done) continue;  // the one before is the same
    done = std::min(first + slice_frames, (*window).end);
    if (auto looked = look_at({first, done}, scanner); !looked) return looked;
  }
  return {};
}

Result<void> ClassSample::look_at(PfnRange pages, WindowScanner& scanner) {
  Place place{pages, classes_.size()};
  classes_.resize(classes_.size() + static_cast<std::size_t>(pages.size()));
  const auto classes = std::span(classes_).subspan(place.at);
  if (auto done = scanner.classify(pages, classes); !done) return done;
  make_holes(pages, classes);
  for (const PageClass c : classes) ++place.counts[static_cast<std::size_t>(c)];
  for (std::size_t c = 0; c < kPageClasses; ++c) counts_[c] += place.counts[c];
  looked_at_ += pages.size();
  places_.push_back(place);
  return {};
}

void ClassSample::make_holes(PfnRange pages, std::span<PageClass> classes) const {
  for (const PfnRange range : not_there_) {
    const Pfn begin = std::clamp(range.begin, pages.begin, pages.end);
    const Pfn end = std::clamp(range.end, begin, pages.end);
    std::fill_n(classes.begin() + static_cast<std::ptrdiff_t>(begin - pages.begin), end - begin,
                PageClass::hole);
  }
}

// Slices are a simple random sample as far as this goes. They are more even than that, so that the
// error is rather too large.
Expected ClassSample::total(const PerPage& per_page) const {
  if (looked_at_ == 0) return {};
  double sum = 0;
  double squares = 0;
  for (const Place& place : places_) {
    double of_slice = 0;
    for (std::size_t c = 0; c < kPageClasses; ++c) of_slice += per_page[c] * place.counts[c];
    sum += of_slice;
    squares += of_slice * of_slice;
  }
  if (looked_at_ == frames_) return {sum, 0};
  const auto n = static_cast<double>(places_.size());
  const double part = static_cast<double>(looked_at_) / static_cast<double>(frames_);
  const double spread = n < 2 ? sum * sum : std::max(0.0, (squares - sum * sum / n) / (n - 1));
  return {sum / part, std::sqrt((1 - part) * n * spread) / part};
}

Expected ClassSample::pages(PageClass page_class) const {
  PerPage one{};
  one[static_cast<std::size_t>(page_class)] = 1;
  return total(one);
}

}  // namespace vmsift
