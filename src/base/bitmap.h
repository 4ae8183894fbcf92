// SPDX-License-Identifier: GPL-2.0-or-later
// Bits over page frames as dump files store them: bit i is bit i % 8 of byte i / 8. A BitSpan is a
// view; who owns the bytes also says which pfn bit 0 stands for.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vmsift {

class BitSpan {
 public:
  explicit BitSpan(std::span<std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t size() const { return bytes_.size() * 8; }
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  [[nodiscard]] bool test(std::size_t i) const {
    return (std::to_integer<unsigned>(bytes_[i / 8]) >> (i % 8) & 1U) != 0;
  }
  void set(std::size_t i) const { bytes_[i / 8] |= bit(i); }
  void clear(std::size_t i) const { bytes_[i / 8] &= ~bit(i); }

  void set_range(std::size_t begin, std::size_t end) const {
    while (begin < end && begin % 8 != 0) set(begin++);
    if (const std::size_t whole = begin < end ? (end - begin) / 8 : 0; whole != 0) {
      std::memset(&bytes_[begin / 8], 0xff, whole);
      begin += whole * 8;
    }
    while (begin < end) set(begin++);
  }
  void clear_range(std::size_t begin, std::size_t end) const {
    while (begin < end && begin % 8 != 0) clear(begin++);
    if (const std::size_t whole = begin < end ? (end - begin) / 8 : 0; whole != 0) {
      std::memset(&bytes_[begin / 8], 0, whole);
      begin += whole * 8;
    }
    while (begin < end) clear(begin++);
  }
  void clear_all() const {
    if (!bytes_.empty()) std::memset(bytes_.data(), 0, bytes_.size());
  }

  // Index of the first bit at or after `from` whose value is `value`; size() when there is none.
  [[nodiscard]] std::size_t find(std::size_t from, bool value) const {
    const auto skip = value ? std::byte{0} : std::byte{0xff};
    while (from < size()) {
      if (from % 8 == 0 && bytes_[from / 8] == skip) {
        from += 8;
      } else if (test(from) == value) {
        return from;
      } else {
        ++from;
      }
    }
    return size();
  }

  [[nodiscard]] std::uint64_t count() const {
    std::uint64_t n = 0;
    std::size_t i = 0;
    for (; i + 8 <= bytes_.size(); i += 8) {
      std::uint64_t word;
      std::memcpy(&word, &bytes_[i], 8);
      n += static_cast<std::uint64_t>(std::popcount(word));
    }
    for (; i < bytes_.size(); ++i) {
      n += static_cast<std::uint64_t>(std::popcount(std::to_integer<unsigned>(bytes_[i])));
    }
    return n;
  }

 private:
  static std::byte bit(std::size_t i) { return std::byte{1} << (i % 8); }

  std::span<std::byte> bytes_;
};

}  // namespace vmsift
