// SPDX-License-Identifier: GPL-2.0-or-later
// One batch on its way through the copy stage: from page frames to stored bytes. What a worker does
// with it depends on where the pages come from: they are read and encoded, or taken as the source
// stores them.
#pragma once

#include "compress/codec.h"
#include "src/copy/batch.h"
#include "src/copy/stored_pages.h"
#include "src/input/memory_source.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace vmsift {

// Which pages are told without data: those of zeros as kStoredZero, those that another byte fills
// (or zeros, where they are not told as such) as kStoredFill.
struct Sharing {
  bool zeros = false;
  bool fills = false;

  // Of a page that `fill` (or kNoFill) fills.
  [[nodiscard]] constexpr bool tells(int fill) const {
    return fill != kNoFill && (fills || (zeros && fill == 0));
  }
  [[nodiscard]] constexpr std::uint32_t stored(int fill) const {
    return zeros && fill == 0 ? kStoredZero : kStoredFill + static_cast<std::uint32_t>(fill);
  }
};

// Stored bytes of a batch, page by page.
struct StoredBatch {
  std::span<std::byte> room;  // holds a whole batch of raw pages and the codec's slack
  std::size_t used = 0;
  std::array<std::uint32_t, kMaxBatchPages> sizes;
  std::uint64_t zero_pages = 0;
  std::string lost_reason;
};

// Fills a StoredBatch; one a worker.
class BatchStorer {
 public:
  virtual ~BatchStorer() = default;
  virtual void store(const Batch& batch, StoredBatch& into) = 0;
};

// Reads pages and encodes them.
std::unique_ptr<BatchStorer> make_encoding_storer(const MemorySource& source, const Codec& codec,
                                                  Sharing sharing);

// Whether pages of the source can be copied without decoding them.
bool can_pass_through(const MemorySource& source, const Codec& codec);
// Takes pages as the source stores them; those that are stored otherwise are encoded anew.
std::unique_ptr<BatchStorer> make_passing_storer(const MemorySource& source, const Codec& codec,
                                                 Sharing sharing);

}  // namespace vmsift
