// SPDX-License-Identifier: GPL-2.0-or-later
// The bitmaps of a kdump-compressed file, and from page frames to descriptors: the descriptor of a
// page is found by counting the bits of bitmap 2 in front of it.
#pragma once

#include "src/base/bitmap.h"
#include "src/base/types.h"
#include "src/input/byte_store.h"
#include "src/kdump/format.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmsift {

class KdumpIndex {
 public:
  // Reads bitmap 2 once. `file` must outlive the index; its headers were checked.
  Result<void> load(const ByteStore& file, const kdump::Header& header);

  // Bytes that it holds.
  [[nodiscard]] std::size_t memory() const { return checkpoints_.size() * sizeof(checkpoints_[0]); }

  [[nodiscard]] std::uint64_t descriptors() const { return descriptors_; }  // of the whole machine

  // As MemorySource has them.
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const;
  [[nodiscard]] Pfn next_window(Pfn from, std::uint64_t granule) const;

  // Where one reader is in bitmap 2; going forward costs next to nothing.
  class Cursor {
   public:
    explicit Cursor(const KdumpIndex& index);

    // Bits of bitmap 2 in front of `pfn`, which is at most max_pfn; and whether its own is set.
    struct Rank {
      std::uint64_t before = 0;
      bool set = false;
    };
    // nullopt when the bitmap cannot be read: see error().
    std::optional<Rank> rank(Pfn pfn);
    [[nodiscard]] const std::string& error() const { return error_; }

   private:
    bool enter(std::uint64_t checkpoint);
    void begin();

    const KdumpIndex& index_;
    std::vector<std::byte> bits_;  // of bitmap 2, of one checkpoint
    std::uint64_t checkpoint_ = ~std::uint64_t{0};
    std::size_t word_ = 0;       // of bits_, 64 bits each
    std::uint64_t counted_ = 0;  // bits in front of that word
    std::string error_;
  };

 private:
  // Bytes of a bitmap from a bit on (a multiple of 8); what is beyond its end reads as 0.
  Result<void> read_bits(std::uint64_t bitmap_offset, std::uint64_t from,
                         std::span<std::byte> into) const;
  // The same from a page frame on.
  Result<void> read_frames(std::uint64_t bitmap_offset, Pfn from, std::span<std::byte> into) const;

  const ByteStore* file_ = nullptr;
  std::uint64_t bitmap1_ = 0;
  std::uint64_t bitmap2_ = 0;
  Pfn first_pfn_ = 0;       // of the first bit
  std::uint64_t bits_ = 0;  // of each bitmap
  std::uint64_t pages_per_checkpoint_ = 0;
  std::vector<std::uint64_t> checkpoints_;  // descriptors in front of each checkpoint
  std::uint64_t descriptors_ = 0;
};

}  // namespace vmsift
