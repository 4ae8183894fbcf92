// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/synthetic_memory.h"

#include <elf.h>

namespace vmsift::test {

class SyntheticReader : public PageReader {
 public:
  explicit SyntheticReader(const SyntheticMemory& memory) : memory_(memory) {}

  std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) override {
    const std::size_t n = std::min(pfns.size(), memory_.fetch_limit_);
    error_.clear();
    intact_ = true;
    for (std::size_t i = 0; i < n; ++i) {
      pages[i] = memory_.find(pfns[i]);
      if (memory_.unreadable_.count(pfns[i]) != 0) error_ = "made unreadable";
      if (pfns[i] == memory_.disturbed_ && memory_.disturb_.exchange(false)) {
        pages[i] = memory_.garbage_.data();
        intact_ = false;
      }
    }
    return n;
  }
  bool intact() override { return intact_; }
  [[nodiscard]] std::string last_error() const override { return error_; }

 private:
  const SyntheticMemory& memory_;
  bool intact_ = true;
  std::string error_;
};

SyntheticMemory::SyntheticMemory(Pfn max_pfn, ByteOrder order) : zeros_(4096) {
  info_.path = "synthetic";
  info_.format = "memory";
  info_.machine = EM_X86_64;
  info_.order = order;
  info_.max_pfn = max_pfn;
}

void SyntheticMemory::disturb_once(Pfn pfn, std::byte value) {
  disturbed_ = pfn;
  garbage_.assign(info_.page_size, value);
  disturb_ = true;
}

std::vector<std::byte>& SyntheticMemory::page(Pfn pfn) {
  std::vector<std::byte>& bytes = pages_[pfn];
  bytes.resize(info_.page_size);
  return bytes;
}

const std::byte* SyntheticMemory::find(Pfn pfn) const {
  const bool there = std::any_of(stored_.begin(), stored_.end(),
                                 [pfn](PfnRange r) { return pfn >= r.begin && pfn < r.end; });
  if (!there || unreadable_.count(pfn) != 0) return nullptr;
  const auto it = pages_.find(pfn);
  return it == pages_.end() ? zeros_.data() : it->second.data();
}

Result<void> SyntheticMemory::set_page_size(std::uint64_t bytes) {
  info_.page_size = static_cast<std::size_t>(bytes);
  zeros_.resize(info_.page_size);
  return {};
}

Result<void> SyntheticMemory::presence(PfnRange window, BitSpan exists, BitSpan stored) const {
  exists.clear_all();
  stored.clear_all();
  const auto mark = [window](PfnRange r, BitSpan bits) {
    const Pfn begin = std::max(r.begin, window.begin);
    const Pfn end = std::min(r.end, window.end);
    if (begin < end) bits.set_range(begin - window.begin, end - window.begin);
  };
  for (const PfnRange r : stored_) {
    mark(r, exists);
    mark(r, stored);
  }
  for (const PfnRange r : absent_) mark(r, exists);
  return {};
}

Pfn SyntheticMemory::next_window(Pfn from, std::uint64_t granule) const {
  Pfn next = info_.max_pfn;
  for (const auto* ranges : {&stored_, &absent_}) {
    for (const PfnRange r : *ranges) {
      const Pfn end = align_up<Pfn>(r.end, granule);
      if (from < end) next = std::min(next, std::max(from, align_down<Pfn>(r.begin, granule)));
    }
  }
  return next;
}

std::unique_ptr<PageReader> SyntheticMemory::reader() const {
  return std::make_unique<SyntheticReader>(*this);
}

}  // namespace vmsift::test
