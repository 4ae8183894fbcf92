// SPDX-License-Identifier: GPL-2.0-or-later
// Kept pages cut into windows, and the copy stage's output as a list of pages.
#pragma once

#include "filters/zero.h"
#include "src/copy/copy_pages.h"
#include "tests/unit/support/scripted_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace vmsift::test {

// Windows over the pages of a list; each time from the first on.
class KeptPages {
 public:
  static constexpr Pfn kWindow = 1024;

  explicit KeptPages(std::map<Pfn, PageClass> pages, bool with_classes = false)
      : pages_(std::move(pages)), with_classes_(with_classes) {}

  NextWindow windows() {
    return [this, next = Pfn{0}]() mutable -> Result<std::optional<KeptWindow>> {
      const auto it = pages_.lower_bound(next);
      if (it == pages_.end()) return std::optional<KeptWindow>();
      const Pfn first = it->first - it->first % kWindow;
      next = first + kWindow;
      bits_.assign(kWindow / 8, std::byte{0});
      classes_.assign(kWindow, PageClass::hole);
      for (auto k = it; k != pages_.end() && k->first < next; ++k) {
        BitSpan(bits_).set(k->first - first);
        classes_[k->first - first] = k->second;
      }
      return std::optional(KeptWindow{
          first, bits_,
          with_classes_ ? std::span<const PageClass>(classes_) : std::span<const PageClass>()});
    };
  }

 private:
  std::map<Pfn, PageClass> pages_;
  bool with_classes_;
  Bytes bits_;
  std::vector<PageClass> classes_;
};

inline std::map<Pfn, PageClass> all_kernel(const std::map<Pfn, Bytes>& pages) {
  std::map<Pfn, PageClass> kept;
  for (const auto& [pfn, bytes] : pages) kept[pfn] = PageClass::kernel;
  return kept;
}

// Pages that shrink, that do not, and zeros, with holes.
inline std::map<Pfn, Bytes> machine(std::size_t count, std::size_t page_size = 4096) {
  std::map<Pfn, Bytes> pages;
  Random random(31);
  for (Pfn pfn = 3; pages.size() < count;
       pfn += random.below(10) == 0 ? 1 + random.below(3000) : 1) {
    const auto kind = random.below(5);
    pages[pfn] = kind == 0   ? zeros(page_size)
                 : kind == 1 ? noise(page_size, pfn)
                             : words(page_size, pfn);
  }
  return pages;
}

struct Copied {
  Bytes data;
  std::vector<std::uint32_t> sizes;
  std::vector<std::size_t> batches;  // pages of each call of the sink
  CopyResult result;
  std::string error;

  // The pages in order, as a reader would make them of the stored ones.
  [[nodiscard]] std::vector<std::optional<Bytes>> unpack(const Codec& codec,
                                                         std::size_t page_size) const {
    std::vector<std::optional<Bytes>> pages;
    const auto decoder = codec.decoder();
    std::size_t at = 0;
    for (const std::uint32_t size : sizes) {
      if (size == kStoredLost) {
        pages.emplace_back();
        continue;
      }
      Bytes page(page_size);
      if (size != kStoredZero) {
        const auto stored = std::span(data).subspan(at, size);
        if (size == page_size) {
          std::copy(stored.begin(), stored.end(), page.begin());
        } else if (!decoder || !decoder->decode(stored, page)) {
          ADD_FAILURE() << "undecodable page";
        }
        at += size;
      }
      pages.emplace_back(std::move(page));
    }
    EXPECT_EQ(at, data.size());
    return pages;
  }
};

inline Copied copy_all(const MemorySource& source, NextWindow windows, const CopyOptions& options) {
  Copied copied;
  std::uint64_t last = 0;
  auto done = copy_pages(
      source, std::move(windows), options,
      [&](const StoredPages& pages) -> Result<void> {
        append(copied.data, pages.data);
        copied.sizes.insert(copied.sizes.end(), pages.sizes.begin(), pages.sizes.end());
        copied.batches.push_back(pages.sizes.size());
        return {};
      },
      [&](std::uint64_t pages) {
        EXPECT_GT(pages, last);
        last = pages;
      },
      copied.result);
  if (!done) copied.error = done.message();
  return copied;
}

}  // namespace vmsift::test
