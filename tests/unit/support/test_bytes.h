// SPDX-License-Identifier: GPL-2.0-or-later
// Page contents that tell where they come from, and edits of single fields of a file image.
#pragma once

#include "src/base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace vmsift::test {

using Bytes = std::vector<std::byte>;

// The same sequence everywhere: tests must not depend on the standard library's engines.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }

 private:
  std::uint64_t state_;
};

// Bytes that no codec makes smaller.
inline Bytes noise(std::size_t size, std::uint64_t seed) {
  Random random(seed);
  Bytes bytes(size);
  for (auto& b : bytes) b = static_cast<std::byte>(random.next() >> 32);
  return bytes;
}

// Bytes that every codec makes smaller; never all zero, and different for each seed.
inline Bytes words(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = 0xffff888000000000U + seed * 0x1000 + i / 64;
    store(&bytes[i], word, ByteOrder::little);
  }
  for (std::size_t i = size - size % 8; i < size; ++i) bytes[i] = std::byte{0x5a};
  return bytes;
}

inline Bytes zeros(std::size_t size) {
  return Bytes(size);
}

inline Bytes text_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void append(Bytes& to, std::span<const std::byte> more) {
  to.insert(to.end(), more.begin(), more.end());
}

template <class T>
void poke(Bytes& image, std::size_t at, T value, ByteOrder order = ByteOrder::little) {
  store(image.data() + at, value, order);
}
template <class T>
T peek(const Bytes& image, std::size_t at, ByteOrder order = ByteOrder::little) {
  return load<T>(image.data() + at, order);
}

}  // namespace vmsift::test
