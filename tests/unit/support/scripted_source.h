// SPDX-License-Identifier: GPL-2.0-or-later
// Memory in a map, whose readers fail as a test says: pages that cannot be read, fetches cut short,
// and memory that changes under its reader.
#pragma once

#include "src/input/memory_source.h"
#include "tests/unit/support/test_bytes.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vmsift::test {

class ScriptedSource : public MemorySource {
 public:
  explicit ScriptedSource(std::map<Pfn, Bytes> pages, std::size_t page_size = 4096)
      : pages_(std::move(pages)) {
    info_.path = "scripted";
    info_.format = "ELF core";
    info_.page_size = page_size;
    info_.max_pfn = pages_.empty() ? 0 : pages_.rbegin()->first + 1;
  }

  std::set<Pfn> lost;                // have no bytes; the reason is "lost <pfn>"
  std::size_t most_per_fetch = 128;  // pages of one fetch at most
  // At the first fetch of such a page by each reader that has not failed yet the whole fetch gives
  // other bytes, and intact() says so afterwards.
  std::set<Pfn> torn;
  std::size_t after_tear = 128;  // pages of one fetch at most once a reader gave up mapping

  [[nodiscard]] DumpInfo& edit() { return info_; }
  [[nodiscard]] const DumpInfo& info() const override { return info_; }
  Result<void> set_page_size(std::uint64_t bytes) override {
    info_.page_size = static_cast<std::size_t>(bytes);
    return {};
  }
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const override {
    exists.clear_all();
    stored.clear_all();
    for (auto it = pages_.lower_bound(window.begin); it != pages_.end() && it->first < window.end;
         ++it) {
      exists.set(it->first - window.begin);
      stored.set(it->first - window.begin);
    }
    return {};
  }
  [[nodiscard]] Pfn next_window(Pfn from, std::uint64_t granule) const override {
    const auto it = pages_.lower_bound(from);
    if (it == pages_.end()) return info_.max_pfn;
    return std::max(from, it->first - it->first % granule);
  }
  [[nodiscard]] std::unique_ptr<PageReader> reader() const override {
    return std::make_unique<Reader>(*this);
  }

 private:
  class Reader : public PageReader {
   public:
    explicit Reader(const ScriptedSource& source)
        : source_(source), scrap_(source.info_.page_size) {
      for (std::size_t i = 0; i < scrap_.size(); ++i) scrap_[i] = static_cast<std::byte>(i % 3);
    }

    std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) override {
      const std::size_t n =
          std::min(pfns.size(), gave_up_ ? source_.after_tear : source_.most_per_fetch);
      last_error_.clear();
      for (std::size_t i = 0; i < n; ++i) {
        const bool gone = source_.lost.count(pfns[i]) != 0;
        pages[i] = gone ? nullptr : source_.pages_.at(pfns[i]).data();
        if (gone) last_error_ = "lost " + std::to_string(pfns[i]);
        torn_ = torn_ || (!gave_up_ && source_.torn.count(pfns[i]) != 0);
      }
      if (torn_) {  // zeros in part, as a patched mapping gives, and rubbish
        for (std::size_t i = 0; i < n; ++i) pages[i] = i % 2 != 0 ? scrap_.data() : zeros_.data();
      }
      return n;
    }
    bool intact() override {
      if (!torn_) return true;
      torn_ = false;
      gave_up_ = true;
      return false;
    }
    [[nodiscard]] std::string last_error() const override { return last_error_; }

   private:
    const ScriptedSource& source_;
    Bytes scrap_;
    Bytes zeros_ = zeros(scrap_.size());
    bool torn_ = false;
    bool gave_up_ = false;
    std::string last_error_;
  };

  std::map<Pfn, Bytes> pages_;
  DumpInfo info_;
};

}  // namespace vmsift::test
