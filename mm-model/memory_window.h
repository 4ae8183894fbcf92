// SPDX-License-Identifier: GPL-2.0-or-later
// A part of the kernel's memory, looked at through a buffer of fixed size: for tables of megabytes
// that are read from beginning to end, and for what is scattered in them.
#pragma once

#include "mm-model/address_space.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmsift {

class MemoryWindow {
 public:
  // `size` bytes from `begin` on, seen at most `buffer` at a time. `memory` must outlive it.
  MemoryWindow(AddressSpace& memory, VirtAddr begin, std::uint64_t size, std::size_t buffer)
      : memory_(memory), begin_(begin), size_(size), buffer_(buffer) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }

  // All bytes that the buffer has from `offset` on, at least `n` (up to the buffer's size) of them;
  // empty when these are beyond the end or cannot be read. Valid until the next call.
  [[nodiscard]] std::span<const std::byte> from(std::uint64_t offset, std::size_t n) {
    if (offset >= held_from_ && offset - held_from_ <= held_ &&
        n <= held_ - (offset - held_from_)) {
      const auto skip = static_cast<std::size_t>(offset - held_from_);
      return std::span(buffer_).subspan(skip, held_ - skip);
    }
    return refill(offset, n);
  }

 private:
  std::span<const std::byte> refill(std::uint64_t offset, std::size_t n) {
    held_ = 0;
    if (offset > size_ || n > size_ - offset || n > buffer_.size()) return {};
    const auto all =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), size_ - offset));
    // What lies behind may be missing without harm.
    for (const std::size_t bytes : {all, n}) {
      if (memory_.read(begin_ + offset, std::span(buffer_).first(bytes))) {
        held_from_ = offset;
        held_ = bytes;
        return std::span(buffer_).first(bytes);
      }
    }
    return {};
  }

  AddressSpace& memory_;
  VirtAddr begin_;
  std::uint64_t size_;
  std::vector<std::byte> buffer_;
  std::uint64_t held_from_ = 0;
  std::size_t held_ = 0;
};

}  // namespace vmsift
