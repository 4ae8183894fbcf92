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
  first_pfn_ = header.first_pfn;
  bits_ = header.max_pfn - header.first_pfn;
  pages_per_checkpoint_ = kMinPagesPerCheckpoint;
  while (ceil_div(bits_, pages_per_checkpoint_) > kMaxCheckpoints) pages_per_checkpoint_ *= 2;

  std::vector<std::byte> bits(kMinPagesPerCheckpoint / 8);
  const auto reach = [&](std::uint64_t bit) {  // checkpoints up to the one that starts there
    while (checkpoints_.size() * pages_per_checkpoint_ <= bit) {
      checkpoints_.push_back(descriptors_);
    }
  };
  for (std::uint64_t bit = 0; bit < bits_;) {
    reach(bit);
    // Holes of a sparse file are pages without descriptor; they cost nothing to pass over.
    const std::uint64_t next =
        align_down((file.next_data(bitmap2_ + bit / 8) - bitmap2_) * 8, kMinPagesPerCheckpoint);
    if (next > bit) {
      bit = next;
      continue;
    }
    if (auto read = read_bits(bitmap2_, bit, bits); !read) return read.take_error();
    descriptors_ += BitSpan(bits).count();
    bit += kMinPagesPerCheckpoint;
  }
  reach(bits_);
  return {};
}

Result<void> KdumpIndex::read_bits(std::uint64_t bitmap_offset, std::uint64_t from,
                                   std::span<std::byte> into) const {
  std::memset(into.data(), 0, into.size());
  const std::uint64_t bytes = ceil_div<std::uint64_t>(bits_, 8);
  if (from / 8 >= bytes) return {};
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), bytes - from / 8));
  if (auto read = file_->read_exactly(bitmap_offset + from / 8, into.first(n)); !read) {
    return read.take_error();
  }
  if (from / 8 + n == bytes && bits_ % 8 != 0) {
    into[n - 1] &= static_cast<std::byte>((1U << bits_ % 8) - 1);
  }
  return {};
}

Result<void> KdumpIndex::read_frames(std::uint64_t bitmap_offset, Pfn from,
                                     std::span<std::byte> into) const {
  if (first_pfn_ == 0) return read_bits(bitmap_offset, from, into);
  // first_pfn_ may be any number, so that bits of one byte are of two.
  std::memset(into.data(), 0, into.size());
  const Pfn begin = std::max(from, first_pfn_);
  const Pfn end = from + into.size() * 8;
  if (begin >= end) return {};
  const std::uint64_t first_bit = align_down<std::uint64_t>(begin - first_pfn_, 8);
  std::vector<std::byte> bits(into.size() + 1);
  if (auto read = read_bits(bitmap_offset, first_bit, bits); !read) return read;
  for (Pfn pfn = begin; pfn < end; ++pfn) {
    const auto bit = static_cast<std::size_t>(pfn - first_pfn_ - first_bit);
    if (BitSpan(bits).test(bit)) BitSpan(into).set(static_cast<std::size_t>(pfn - from));
  }
  return {};
}

Result<void> KdumpIndex::presence(PfnRange window, BitSpan exists, BitSpan stored) const {
  if (auto read = read_frames(bitmap1_, window.begin, exists.bytes()); !read) return read;
  if (auto read = read_frames(bitmap2_, window.begin, stored.bytes()); !read) return read;
  // A page with data is memory, whatever bitmap 1 says.
  for (std::size_t i = 0; i < exists.bytes().size(); ++i) exists.bytes()[i] |= stored.bytes()[i];
  return {};
}

Pfn KdumpIndex::next_window(Pfn from, std::uint64_t granule) const {
  const Pfn max_pfn = first_pfn_ + bits_;
  if (from >= max_pfn) return max_pfn;
  const std::uint64_t from_bit = from - std::min(from, first_pfn_);
  const std::uint64_t end = (bits_ + 7) / 8;
  Pfn first = max_pfn;
  for (const std::uint64_t bitmap : {bitmap1_, bitmap2_}) {
    const std::uint64_t data = file_->next_data(bitmap + from_bit / 8) - bitmap;
    if (data < end) first = std::min(first, first_pfn_ + data * 8);
  }
  return first == max_pfn ? first : std::max(from, align_down<Pfn>(first, granule));
}

KdumpIndex::Cursor::Cursor(const KdumpIndex& index)
    : index_(index), bits_(static_cast<std::size_t>(index.pages_per_checkpoint_ / 8)) {}

bool KdumpIndex::Cursor::enter(std::uint64_t checkpoint) {
  checkpoint_ = ~std::uint64_t{0};
  const std::uint64_t first = checkpoint * index_.pages_per_checkpoint_;
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
  if (pfn < index_.first_pfn_) return Rank{};
  const std::uint64_t at = pfn - index_.first_pfn_;
  const std::uint64_t checkpoint = at / index_.pages_per_checkpoint_;
  if (checkpoint != checkpoint_ && !enter(checkpoint)) return std::nullopt;
  const auto bit = static_cast<std::size_t>(at - checkpoint * index_.pages_per_checkpoint_);
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
