// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/estimate/size_estimate.h"

#include "filters/filter.h"
#include "src/kdump/format.h"

#include <algorithm>
#include <bitset>
#include <cmath>
#include <vector>

namespace vmsift {
namespace {

constexpr std::size_t index_of(PageClass c) {
  return static_cast<std::size_t>(c);
}

// Whether a dump of some level has pages of this class.
bool is_dumped(PageClass c, ClassSet ignored) {
  return c != PageClass::hole && c != PageClass::absent && !ignored.contains(c);
}

// How many pages of each class to compress: by the root of how many there are, since what is rare
// is not to be missed.
ClassCounts quotas(const ClassSample& sample, ClassSet ignored, const EstimateEffort& effort) {
  double pages = 0;
  double roots = 0;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    if (!is_dumped(page_class, ignored)) continue;
    pages += sample.pages(page_class).value;
    roots += std::sqrt(static_cast<double>(sample.counts()[c]));
  }
  ClassCounts quotas{};
  const double wanted =
      std::clamp(pages / static_cast<double>(effort.pages_part),
                 static_cast<double>(effort.least_pages), static_cast<double>(effort.most_pages));
  for (std::size_t c = 0; c < kPageClasses && roots > 0; ++c) {
    if (!is_dumped(static_cast<PageClass>(c), ignored)) continue;
    const double share = wanted * std::sqrt(static_cast<double>(sample.counts()[c])) / roots;
    quotas[c] = std::min(static_cast<std::uint64_t>(std::ceil(share)), sample.counts()[c]);
  }
  return quotas;
}

// The pages of each class at even distances. By rising page frame.
std::vector<ClassifiedPage> choose_pages(const ClassSample& sample, const ClassCounts& quotas) {
  std::vector<ClassifiedPage> pages;
  ClassCounts seen{};
  for (std::size_t i = 0; i < sample.slices(); ++i) {
    const ClassSample::Slice slice = sample.slice(i);
    for (std::size_t k = 0; k < slice.classes.size(); ++k) {
      const std::size_t c = index_of(slice.classes[k]);
      if (quotas[c] == 0) continue;
      const std::uint64_t before = seen[c] * quotas[c] / sample.counts()[c];
      const std::uint64_t now = ++seen[c] * quotas[c] / sample.counts()[c];
      if (now != before) pages.push_back({slice.pages.begin + k, slice.classes[k]});
    }
  }
  return pages;
}

}  // namespace

Result<SizeEstimate> SizeEstimate::make(const KernelModel& model, const MemorySource& source,
                                        std::span<const Codec* const> codecs, ClassSet ignored,
                                        const EstimateEffort& effort,
                                        std::span<const MemoryRange> not_there) {
  auto sample = ClassSample::take(model, source, ignored, effort.classes, not_there);
  if (!sample) return sample.take_error();
  SizeEstimate estimate;
  estimate.classes_ = std::move(*sample);
  estimate.page_size_ = source.info().page_size;
  const ClassCounts wanted = quotas(estimate.classes_, ignored, effort);
  estimate.costs_ = measure_each(source, choose_pages(estimate.classes_, wanted), codecs);
  return estimate;
}

// What a page of each class counts for is known by its mean in the sample alone; `variance` is that
// of the mean.
Expected SizeEstimate::with_spread(const ClassSample::PerPage& per_page,
                                   const ClassSample::PerPage& variance) const {
  Expected sum = classes_.total(per_page);
  double all = sum.error * sum.error;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (variance[c] == 0) continue;
    const double pages = classes_.pages(static_cast<PageClass>(c)).value;
    all += pages * pages * variance[c];
  }
  sum.error = std::sqrt(all);
  return sum;
}

Expected SizeEstimate::pages(unsigned level) const {
  const ClassSet dropped = dropped_classes(level);
  ClassSample::PerPage one{};
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    one[c] = is_dumped(static_cast<PageClass>(c), dropped) ? 1 : 0;
  }
  return classes_.total(one);
}

Expected SizeEstimate::kdump_bytes(unsigned level, std::size_t codec) const {
  const ClassSet dropped = dropped_classes(level);
  const CodecCost& costs = costs_.codecs[codec];
  ClassSample::PerPage bytes{};
  ClassSample::PerPage variance{};
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (!is_dumped(static_cast<PageClass>(c), dropped)) continue;
    bytes[c] = kdump::kDescriptorBytes;
    const auto n = static_cast<double>(costs_.classes[c].pages);
    if (n == 0) continue;
    const auto sum = static_cast<double>(costs.bytes[c]);
    bytes[c] += sum / n;
    const double spread = (costs.squares[c] - sum * sum / n) / std::max(1.0, n - 1);
    const double all = classes_.pages(static_cast<PageClass>(c)).value;
    variance[c] = std::max(0.0, spread * (1 - n / std::max(n, all)) / n);
  }
  Expected sum = with_spread(bytes, variance);
  // Fill pages share their data: one page for each byte value.
  sum.value += static_cast<double>(costs_.shared_bytes(level, costs, page_size_));
  return sum;
}

Expected SizeEstimate::elf_bytes(unsigned level) const {
  const ClassSet dropped = dropped_classes(level);
  const auto page = static_cast<double>(page_size_);
  ClassSample::PerPage bytes{};
  ClassSample::PerPage variance{};
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    if (!is_dumped(static_cast<PageClass>(c), dropped)) continue;
    bytes[c] = page;
    const auto n = static_cast<double>(costs_.classes[c].pages);
    if (n == 0 || (level & kLevelZero) == 0) continue;
    const double stored = 1 - static_cast<double>(costs_.classes[c].zero_pages) / n;
    bytes[c] = page * stored;
    variance[c] = page * page * stored * (1 - stored) / n;
  }
  return with_spread(bytes, variance);
}

}  // namespace vmsift
