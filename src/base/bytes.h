// SPDX-License-Identifier: GPL-2.0-or-later
// Integers of the crashed kernel's byte order in unaligned memory. Everything that is read from or
// written to a dump goes through these; host structs are never laid over dump bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vmsift {

enum class ByteOrder : std::uint8_t { little, big };

constexpr ByteOrder kHostOrder =
    std::endian::native == std::endian::little ? ByteOrder::little : ByteOrder::big;

constexpr std::uint8_t byte_swap(std::uint8_t v) {
  return v;
}
constexpr std::uint16_t byte_swap(std::uint16_t v) {
  return __builtin_bswap16(v);
}
constexpr std::uint32_t byte_swap(std::uint32_t v) {
  return __builtin_bswap32(v);
}
constexpr std::uint64_t byte_swap(std::uint64_t v) {
  return __builtin_bswap64(v);
}

template <class T, bool kSwap = false>
inline T load_raw(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return kSwap ? byte_swap(value) : value;
}

template <class T>
inline T load(const std::byte* from, ByteOrder order) {
  return order == kHostOrder ? load_raw<T, false>(from) : load_raw<T, true>(from);
}

template <class T>
inline void store(std::byte* to, T value, ByteOrder order) {
  if (order != kHostOrder) value = byte_swap(value);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace vmsift
