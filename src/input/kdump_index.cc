// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_index.h"

#include "src/base/bytes.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vmsift {
namespace {

// Counts are kept for at most this many places, however large the bitmap is.
constexpr std::uint64_t kMaxCheckpoints = 1U << 16;
constexpr std::uint64_t kMinPagesPerCheckpoint = 1U << 15;

}  // namespace

Result<void> KdumpIndex::load(const ByteStore& file, const kdump::Header& header) {
  file_ = &file;
  bitmap1_ = header.bitmap1_offset();
  bitmap2_ = header.bitmap2_offset();
  max_pfn_ = header.max_pfn;
  pages_per_checkpoint_ = kMinPagesPerCheckpoint;
  while (ceil_div(max_pfn_, pages_per_checkpoint_) > kMaxCheckpoints) pages_per_checkpoint_ *= 2;

  std::vector<std::byte> bits(kMinPagesPerCheckpoint / 8);
  const auto reach = [&](Pfn pfn) {  // checkpoints up to the one that starts at pfn
    while (checkpoints_.size() * pages_per_checkpoint_ <= pfn) {
      checkpoints_.push_back(descriptors_);
    }
  };
  for (Pfn pfn = 0; pfn < max_pfn_;) {
    reach(pfn);
    // Holes of a sparse file are pages without descriptor; they cost nothing to pass over.
    const Pfn next =
        align_down((file.next_data(bitmap2_ + pfn / 8) - bitmap2_) * 8, kMinPagesPerCheckpoint);
    if (next > pfn) {
      pfn = next;
      continue;
    }
    if (auto read = read_bits(bitmap2_, pfn, bits); !read) return read.take_error();
    descriptors_ += BitSpan(bits).count();
    pfn += kMinPagesPerCheckpoint;
  }
  reach(max_pfn_);
  return {};
}

Result<void> KdumpIndex::read_bits(std::uint64_t bitmap_offset, Pfn from,
                                   std::span<std::byte> into) const {
  std::memset(into.data(), 0, into.size());
  const std::uint64_t bytes = ceil_div<std::uint64_t>(max_pfn_, 8);
  if (from / 8 >= bytes) return {};
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), bytes - from / 8));
  if (auto read = file_->read_exactly(bitmap_offset + from / 8, into.first(n)); !read) {
    return read.take_error();
  }
  if (from / 8 + n == bytes && max_pfn_ % 8 != 0) {
    into[n - 1] &= static_cast<std::byte>((1U << max_pfn_ % 8) - 1);
  }
  return {};
}

Result<void> KdumpIndex::presence(PfnRange window, BitSpan exists, BitSpan stored) const {
  if (auto read = read_bits(bitmap1_, window.begin, exists.bytes()); !read) return read;
  if (auto read = read_bits(bitmap2_, window.begin, stored.bytes()); !read) return read;
  // A page with data is memory, whatever bitmap 1 says.
  for (std::size_t i = 0; i < exists.bytes().size(); ++i) exists.bytes()[i] |= stored.bytes()[i];
  return {};
}

Pfn KdumpIndex::next_window(Pfn from, std::uint64_t granule) const {
  if (from >= max_pfn_) return max_pfn_;
  const std::uint64_t end = (max_pfn_ + 7) / 8;
  Pfn first = max_pfn_;
  for (const std::uint64_t bitmap : {bitmap1_, bitmap2_}) {
    const std::uint64_t data = file_->next_data(bitmap + from / 8) - bitmap;
    if (data < end) first = std::min(first, data * 8);
  }
  return first == max_pfn_ ? first : std::max(from, align_down<Pfn>(first, granule));
}

KdumpIndex::Cursor::Cursor(const KdumpIndex& index)
    : index_(index), bits_(static_cast<std::size_t>(index.pages_per_checkpoint_ / 8)) {}

bool KdumpIndex::Cursor::enter(std::uint64_t checkpoint) {
  checkpoint_ = ~std::uint64_t{0};
  const Pfn first = checkpoint * index_.pages_per_checkpoint_;
  if (auto read = index_.read_bits(index_.bitmap2_, first, bits_); !read) {
    error_ = read.message();
    return false;
  }
  checkpoint_ = checkpoint;
  begin();
  return true;
}

void KdumpIndex::Cursor::begin() {
  word_ = 0;
  counted_ = index_.checkpoints_[static_cast<std::size_t>(checkpoint_)];
}

auto KdumpIndex::Cursor::rank(Pfn pfn) -> std::optional<Rank> {
  const std::uint64_t checkpoint = pfn / index_.pages_per_checkpoint_;
  if (checkpoint != checkpoint_ && !enter(checkpoint)) return std::nullopt;
  const auto bit = static_cast<std::size_t>(pfn - checkpoint * index_.pages_per_checkpoint_);
  const auto word_at = [this](std::size_t i) {
    return vmsift::load<std::uint64_t>(&bits_[i * 8], ByteOrder::little);
  };
  if (bit / 64 < word_) begin();
  for (; word_ < bit / 64; ++word_) {
    counted_ += static_cast<std::uint64_t>(std::popcount(word_at(word_)));
  }
  const std::uint64_t word = word_at(word_);
  const std::uint64_t below = word & ((std::uint64_t{1} << bit % 64) - 1);
  return Rank{counted_ + static_cast<std::uint64_t>(std::popcount(below)),
              (word >> bit % 64 & 1U) != 0};
}

}  // namespace vmsift
