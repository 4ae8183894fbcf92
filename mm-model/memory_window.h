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
  // `size` bytes from `begin` on, seen at most `buffer` at a time, a power of two. `memory` must
  // outlive it.
  MemoryWindow(AddressSpace& memory, VirtAddr begin, std::uint64_t size, std::size_t buffer)
      : memory_(memory), begin_(begin), size_(size), buffer_(buffer) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }

  // All bytes that the buffer has from `offset` on, at least `n` of them (up to half of the
  // buffer); empty when these are beyond the end or cannot be read. Valid until the next call.
  [[nodiscard]] std::span<const std::byte> from(std::uint64_t offset, std::size_t n) {
    if (n > size_ || offset > size_ - n || n > buffer_.size() / 2) return {};
    if (!holds(offset, n)) refill(offset, n);
    return holds(offset, n) ? held().subspan(static_cast<std::size_t>(offset - held_from_))
                            : std::span<const std::byte>();
  }

 private:
  [[nodiscard]] std::span<const std::byte> held() const { return std::span(buffer_).first(held_); }
  [[nodiscard]] bool holds(std::uint64_t offset, std::size_t n) const {
    return offset >= held_from_ && offset + n <= held_from_ + held_;
  }

  void refill(std::uint64_t offset, std::size_t n) {
    // Aligned, so that whole pages are read where the buffer is large. What lies around may be
    // missing without harm.
    const std::uint64_t back = (begin_.value + offset) % (buffer_.size() / 16);
    const std::uint64_t from = offset - std::min(back, offset);
    const std::uint64_t all = std::min<std::uint64_t>(buffer_.size(), size_ - from);
    if (!hold(from, all) && !hold(offset, n)) held_ = 0;
  }
  bool hold(std::uint64_t from, std::uint64_t bytes) {
    held_from_ = from;
    held_ = static_cast<std::size_t>(bytes);
    return memory_.read(begin_ + from, std::span(buffer_).first(held_));
  }

  AddressSpace& memory_;
  VirtAddr begin_;
  std::uint64_t size_;
  std::vector<std::byte> buffer_;
  std::uint64_t held_from_ = 0;
  std::size_t held_ = 0;
};

}  // namespace vmsift
