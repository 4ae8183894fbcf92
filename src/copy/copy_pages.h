// SPDX-License-Identifier: GPL-2.0-or-later
// The copy stage of a dump: kept pages are read, compressed in parallel and handed to the writer in
// pfn order.
#pragma once

#include "compress/codec.h"
#include "src/copy/batch.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace vmsift {

struct CopyOptions {
  const Codec* codec = nullptr;
  bool share_zero_page = false;  // zero pages take no data of their own
  unsigned threads = 1;
};

struct CopyResult {
  std::uint64_t pages = 0;       // handed to the sink
  std::uint64_t zero_pages = 0;  // among them, whether shared or not
  std::uint64_t raw_pages = 0;   // that compression did not make smaller
  std::uint64_t lost_pages = 0;  // that could not be read
  std::uint64_t data_bytes = 0;  // of page data
  std::string lost_reason;       // of the last lost page that had a reason
};

// Takes finished pages in pfn order: the data of some of them, and for each its stored size in
// bytes, kStoredZero or kStoredLost.
using PageSink = std::function<Result<void>(std::span<const std::byte> data,
                                            std::span<const std::uint32_t> sizes)>;
using CopyProgress = std::function<void(std::uint64_t pages_done)>;

// Stops at the first error of `sink` or `windows`; `result` says how far it came.
Result<void> copy_pages(const MemorySource& source, NextWindow windows, const CopyOptions& options,
                        const PageSink& sink, const CopyProgress& progress, CopyResult& result);

// Batches that may be in memory at a time with this many threads.
constexpr std::size_t batch_slots(unsigned threads) {
  return threads <= 1 ? 1 : threads + threads / 2 + 1;
}

}  // namespace vmsift
