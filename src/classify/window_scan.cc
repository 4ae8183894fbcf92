// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/window_scan.h"

#include "src/classify/unused_vmemmap.h"

#include <algorithm>
#include <cstring>

namespace vmsift {
namespace {

Anomalies difference(const Anomalies& after, const Anomalies& before) {
  return {after.unreadable - before.unreadable, after.no_memory_map - before.no_memory_map,
          after.torn_blocks - before.torn_blocks, after.orphan_tails - before.orphan_tails};
}

// Pages that are memory of the machine, and of which the dump has nothing.
template <class Use>
void for_each_absent(PfnRange pages, BitSpan exists, BitSpan stored, const Use& use) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (exists.test(i) && !stored.test(i)) use(i);
  }
}

}  // namespace

Result<void> WindowScanner::scan(Pfn first, WindowResult& result) {
  result.pages = {first, std::min(first + kWindowPages, source_.info().max_pfn)};
  const BitSpan exists(result.exists);
  const BitSpan stored(stored_);
  if (auto known = source_.presence(result.pages, exists, stored); !known) {
    return known.take_error();
  }
  const Anomalies before = classifier_->anomalies();
  const std::span<PageClass> classes(result.classes);
  classify(result.pages, exists, classes);
  std::fill(classes.begin() + static_cast<std::ptrdiff_t>(result.pages.size()), classes.end(),
            PageClass::hole);
  result.absent_counts = {};
  if (result.exists != stored_) {
    for_each_absent(result.pages, exists, stored, [&](std::size_t i) {
      ++result.absent_counts[static_cast<std::size_t>(classes[i])];
      classes[i] = PageClass::absent;
    });
  }
  if (unused_vmemmap_ != nullptr) {
    mark_unused_vmemmap(*unused_vmemmap_, result.pages, result.classes);
  }
  result.anomalies = difference(classifier_->anomalies(), before);
  select(result);
  return {};
}

Result<void> WindowScanner::classify(PfnRange pages, std::span<PageClass> classes) {
  const auto bytes = static_cast<std::size_t>(ceil_div<std::uint64_t>(pages.size(), 8));
  const BitSpan exists(std::span<std::byte>(exists_).first(bytes));
  const BitSpan stored(std::span<std::byte>(stored_).first(bytes));
  if (auto known = source_.presence(pages, exists, stored); !known) return known.take_error();
  classify(pages, exists, classes);
  for_each_absent(pages, exists, stored, [&](std::size_t i) { classes[i] = PageClass::absent; });
  return {};
}

void WindowScanner::classify(PfnRange pages, BitSpan exists, std::span<PageClass> classes) {
  const auto size = static_cast<std::size_t>(pages.size());
  std::size_t at = 0;
  while (at < size) {
    const std::size_t begin = std::min(size, exists.find(at, true));
    const std::size_t end = std::min(size, exists.find(begin, false));
    std::fill(classes.begin() + static_cast<std::ptrdiff_t>(at),
              classes.begin() + static_cast<std::ptrdiff_t>(begin), PageClass::hole);
    if (begin < end) {
      classifier_->classify({pages.begin + begin, pages.begin + end}, dropped_,
                            classes.subspan(begin, end - begin));
    }
    at = end;
  }
  if (model_.free_list_pages() != nullptr) mark_free_lists(pages, classes);
}

void WindowScanner::mark_free_lists(PfnRange pages, std::span<PageClass> classes) {
  const Pfn first = pages.begin;
  if (!free_lists_ || first < free_lists_->pages.begin || first >= free_lists_->pages.end) {
    if (!memory_) memory_.emplace(model_.addresses(), source_);
    free_lists_ = model_.free_list_pages()->stride_of(first, *model_.memory_map(), *memory_);
  }
  mark_free_list_pages(*free_lists_, pages, classes);
}

void WindowScanner::select(WindowResult& result) const {
  std::array<std::uint8_t, 256> keep{};
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    keep[c] = page_class != PageClass::hole && page_class != PageClass::absent &&
              !dropped_.contains(page_class);
  }
  // Eight pages at a time: neighbours mostly are of one class, and then cost one comparison. Two
  // tables of counts otherwise, since equal neighbours would wait for each other's increment.
  std::array<std::array<std::uint32_t, 16>, 2> counts{};
  for (std::size_t byte = 0; byte < kWindowBytes; ++byte) {
    const PageClass* classes = &result.classes[byte * 8];
    std::uint64_t eight;
    std::memcpy(&eight, classes, sizeof eight);
    const auto first = static_cast<std::uint8_t>(classes[0]);
    if (eight == first * 0x0101010101010101U) {
      counts[0][first] += 8;
      result.kept[byte] = std::byte{keep[first] != 0 ? std::uint8_t{0xff} : std::uint8_t{0}};
      continue;
    }
    unsigned bits = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const auto c = static_cast<std::uint8_t>(classes[i]);
      bits |= static_cast<unsigned>(keep[c]) << i;
      ++counts[i % 2][c];
    }
    result.kept[byte] = static_cast<std::byte>(bits);
  }
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    result.counts[c] = counts[0][c] + counts[1][c];
  }
  // Page frames beyond the end of the dump were counted as holes.
  result.counts[static_cast<std::size_t>(PageClass::hole)] -= kWindowPages - result.pages.size();
  result.kept_pages = BitSpan(result.kept).count();
}

}  // namespace vmsift
