// SPDX-License-Identifier: GPL-2.0-or-later
// A dump that exists in memory only: sparse pages, of which some can be absent or unreadable, and
// one fetch can be made to show garbage that the reader takes back afterwards.
#pragma once

#include "src/input/memory_source.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <span>
#include <vector>

namespace vmsift::test {

class SyntheticMemory : public MemorySource {
 public:
  explicit SyntheticMemory(Pfn max_pfn, ByteOrder order = ByteOrder::little);

  // Memory that the dump holds; zeros until written.
  void add(PfnRange pages) { stored_.push_back(pages); }
  // Memory of the machine that the dump does not hold.
  void add_absent(PfnRange pages) { absent_.push_back(pages); }
  // No memory at all; what was written stays.
  void clear_ranges() {
    stored_.clear();
    absent_.clear();
  }
  // Memory of the dump that cannot be read.
  void set_unreadable(Pfn pfn) { unreadable_.insert(pfn); }
  // fetch() makes at most `pages` pages readable at a time.
  void limit_fetch(std::size_t pages) { fetch_limit_ = pages; }
  // The first fetch of `pfn` shows bytes of `value` there, and its intact() is false.
  void disturb_once(Pfn pfn, std::byte value);
  [[nodiscard]] bool was_disturbed() const { return !disturb_.load(); }

  // An integer in the dump's byte order; it must not cross a page.
  template <class T>
  void put(PhysAddr at, T value) {
    store(&page(at.value / info_.page_size)[at.value % info_.page_size], value, info_.order);
  }
  template <class T>
  [[nodiscard]] T get(PhysAddr at) {
    return load<T>(&page(at.value / info_.page_size)[at.value % info_.page_size], info_.order);
  }
  DumpInfo& edit_info() { return info_; }
  [[nodiscard]] const std::vector<PfnRange>& stored() const { return stored_; }
  [[nodiscard]] const std::set<Pfn>& unreadable() const { return unreadable_; }
  [[nodiscard]] const std::map<Pfn, std::vector<std::byte>>& written() const { return pages_; }

  [[nodiscard]] const DumpInfo& info() const override { return info_; }
  Result<void> set_page_size(std::uint64_t bytes) override;
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const override;
  [[nodiscard]] Pfn next_window(Pfn from, std::uint64_t granule) const override;
  [[nodiscard]] std::unique_ptr<PageReader> reader() const override;

 private:
  friend class SyntheticReader;
  std::vector<std::byte>& page(Pfn pfn);
  [[nodiscard]] const std::byte* find(Pfn pfn) const;

  DumpInfo info_;
  std::vector<PfnRange> stored_;
  std::vector<PfnRange> absent_;
  std::set<Pfn> unreadable_;
  std::map<Pfn, std::vector<std::byte>> pages_;
  std::vector<std::byte> zeros_;
  std::size_t fetch_limit_ = ~std::size_t{0};
  Pfn disturbed_ = 0;
  std::vector<std::byte> garbage_;
  mutable std::atomic<bool> disturb_ = false;
};

}  // namespace vmsift::test
