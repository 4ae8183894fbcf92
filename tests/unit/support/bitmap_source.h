// SPDX-License-Identifier: GPL-2.0-or-later
// The layout of a machine's memory without any content: what writers ask a source for.
#pragma once

#include "src/input/memory_source.h"
#include "tests/unit/support/test_bytes.h"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace vmsift::test {

class BitmapSource : public MemorySource {
 public:
  explicit BitmapSource(Pfn max_pfn, std::size_t page_size = 4096) : bits_((max_pfn + 7) / 8) {
    info_.path = "bitmap";
    info_.page_size = page_size;
    info_.max_pfn = max_pfn;
  }
  void add(Pfn begin, Pfn end) { BitSpan(bits_).set_range(begin, end); }
  void add(Pfn pfn) { BitSpan(bits_).set(pfn); }
  [[nodiscard]] bool has(Pfn pfn) const {
    return pfn < info_.max_pfn && BitSpan(const_cast<Bytes&>(bits_)).test(pfn);
  }

  [[nodiscard]] DumpInfo& edit() { return info_; }
  [[nodiscard]] const DumpInfo& info() const override { return info_; }
  Result<void> set_page_size(std::uint64_t bytes) override {
    info_.page_size = static_cast<std::size_t>(bytes);
    return {};
  }
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const override {
    exists.clear_all();
    stored.clear_all();
    const auto from = static_cast<std::size_t>(window.begin / 8);
    const auto n = std::min(static_cast<std::size_t>((window.size() + 7) / 8), bits_.size() - from);
    std::memcpy(exists.bytes().data(), &bits_[from], n);
    std::memcpy(stored.bytes().data(), &bits_[from], n);
    return {};
  }
  [[nodiscard]] Pfn next_window(Pfn from, std::uint64_t granule) const override {
    if (from >= info_.max_pfn) return info_.max_pfn;
    const std::size_t bit = BitSpan(const_cast<Bytes&>(bits_)).find(from, true);
    if (bit >= info_.max_pfn) return info_.max_pfn;
    return std::max(from, bit - bit % granule);
  }
  [[nodiscard]] std::unique_ptr<PageReader> reader() const override { return nullptr; }

 private:
  Bytes bits_;
  DumpInfo info_;
};

}  // namespace vmsift::test
