// SPDX-License-Identifier: GPL-2.0-or-later
// The unit of the copy stage: some pages that are kept, cut from the windows in pfn order. How a
// batch is cut depends on nothing but the pages, so that any number of threads gives the same
// bytes.
#pragma once

#include "filters/page_class.h"
#include "filters/zero.h"
#include "src/base/bitmap.h"
#include "src/base/result.h"
#include "src/base/types.h"
#include "src/input/memory_source.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vmsift {

constexpr std::size_t kMaxBatchPages = 128;
constexpr std::size_t kMaxBatchBytes = 512U << 10;  // of uncompressed pages

struct Batch {
  std::array<Pfn, kMaxBatchPages> pfns;
  std::array<PageClass, kMaxBatchPages> classes;  // set only where the cutter was given them
  std::size_t size = 0;

  [[nodiscard]] std::span<const Pfn> pages() const { return std::span(pfns).first(size); }
};

// Kept pages of one window; spans stay valid until the next one is asked for.
struct KeptWindow {
  Pfn first = 0;
  std::span<std::byte> kept;           // bitmap from `first` on
  std::span<const PageClass> classes;  // empty: not known any more
};

// The next window with memory, nullopt at the end.
using NextWindow = std::function<Result<std::optional<KeptWindow>>()>;

// Every window of `granule` page frames that has memory, in order; `kept` tells the pages of the
// one that begins at `first`. Pages outside of `range` are not kept. `source` must outlive the
// result.
NextWindow each_window(const MemorySource& source, std::uint64_t granule, PfnRange range,
                       std::function<Result<KeptWindow>(Pfn first)> kept);

class BatchCutter {
 public:
  BatchCutter(NextWindow next_window, std::size_t page_size);

  // False at the end, or when the windows failed: see error().
  bool next(Batch& batch);
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  bool advance();

  NextWindow next_window_;
  std::size_t batch_pages_;
  std::optional<KeptWindow> window_;
  std::size_t bit_ = 0;
  std::optional<Error> error_;
};

// Hands the pages of a batch, read and tested for a single byte that fills them, to `use` group by
// group. A group is small enough to stay in a CPU's cache between the test and the codec.
struct PageGroup {
  static constexpr std::size_t kMaxPages = 16;
  std::size_t first = 0;  // index in the batch
  std::size_t size = 0;
  std::array<const std::byte*, kMaxPages> pages;  // nullptr: could not be read
  std::array<int, kMaxPages> fill;  // the byte value, or kNoFill
};

class BatchReader {
 public:
  explicit BatchReader(const MemorySource& source);

  // `use` may be called again for the same pages of the batch, when memory changed under the first
  // try; what it got before from page group.first on is void then.
  // Returns the reason of the last page that could not be read, or nothing.
  std::string read(const Batch& batch, const std::function<void(const PageGroup&)>& use);

 private:
  std::size_t page_size_;
  std::unique_ptr<PageReader> reader_;
  std::array<const std::byte*, kMaxBatchPages> fetched_;
};

}  // namespace vmsift
