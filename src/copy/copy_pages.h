// SPDX-License-Identifier: GPL-2.0-or-later
// The copy stage of a dump: kept pages are read, compressed in parallel and handed to the writer in
// pfn order.
#pragma once

#include "compress/codec.h"
#include "compress/frame.h"
#include "src/copy/batch.h"
#include "src/copy/stored_batch.h"
#include "src/copy/stored_pages.h"
#include "src/input/memory_source.h"

#include <cstdint>
#include <functional>
#include <string>

namespace vmsift {

struct CopyOptions {
  const Codec* codec = nullptr;
  Sharing sharing;
  unsigned threads = 1;
  const FrameFormat* frames = nullptr;  // page data are also wanted as a frame of this format
  bool hash = false;                    // hashes of page data are wanted
};

struct CopyResult {
  std::uint64_t pages = 0;       // handed to the sink
  std::uint64_t zero_pages = 0;  // among them, whether shared or not
  std::uint64_t raw_pages = 0;   // that compression did not make smaller
  std::uint64_t lost_pages = 0;  // that could not be read
  std::uint64_t data_bytes = 0;  // of page data, without that which pages share
  std::string lost_reason;       // of the last lost page that had a reason

  void add(const CopyResult& other);
};

// Takes finished pages in pfn order.
using PageSink = std::function<Result<void>(const StoredPages& pages)>;
using CopyProgress = std::function<void(std::uint64_t pages_done)>;

// Pages that the source stores compressed by this very codec are copied as they are.
// Stops at the first error of `sink` or `windows`; `result` says how far it came.
Result<void> copy_pages(const MemorySource& source, NextWindow windows, const CopyOptions& options,
                        const PageSink& sink, const CopyProgress& progress, CopyResult& result);

// Batches that may be in memory at a time with this many threads.
constexpr std::size_t batch_slots(unsigned threads) {
  return threads <= 1 ? 1 : threads + threads / 2 + 1;
}

// Bytes that copy_pages() takes at most, with readers of `reader_memory` bytes each. Of the codec,
// the threads and the frames alone.
std::size_t copy_memory(const CopyOptions& options, std::size_t page_size,
                        std::size_t reader_memory);

}  // namespace vmsift
