// SPDX-License-Identifier: GPL-2.0-or-later
// A format of dumps, written in two stages: first every window of page frames, which tells what is
// there and what is kept; then the pages that are kept. Both come in the order of page frames.
#pragma once

#include "src/base/result.h"
#include "src/base/types.h"
#include "src/copy/stored_pages.h"
#include "src/output/byte_sink.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace vmsift {

class DumpWriter {
 public:
  virtual ~DumpWriter() = default;

  // Bitmaps of page frames from `first` (a multiple of 8) on: memory of the machine, and what of it
  // is going to be given to put_pages(). Windows without memory may be left out.
  virtual Result<void> put_window(Pfn first, std::span<const std::byte> exists,
                                  std::span<const std::byte> kept) = 0;
  // What put_window() was told as kept, zeros where nothing. Only where the sink can be read back
  // and the format holds it.
  [[nodiscard]] virtual bool remembers_kept() const { return false; }
  virtual Result<void> read_kept(Pfn /*first*/, std::span<std::byte> /*kept*/) const {
    return error("the format does not hold which pages are kept");
  }

  // This is a member of a split dump and gets these page frames, `pages` of which are kept. Before
  // begin_pages().
  virtual Result<void> set_range(PfnRange /*range*/, std::uint64_t /*pages*/) {
    return error("the format cannot be split");
  }
  // Between the stages.
  virtual Result<void> begin_pages() = 0;

  // The next pages that are kept. After an error nothing but finish(false) makes sense; pages whose
  // data were written before it are in the dump.
  virtual Result<void> put_pages(const StoredPages& pages) = 0;

  // Writes what is still in memory. `complete` takes the mark "incomplete" off once everything is
  // on disk.
  virtual Result<void> finish(bool complete) = 0;

  [[nodiscard]] virtual ByteSink& sink() = 0;
};

}  // namespace vmsift
