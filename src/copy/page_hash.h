// SPDX-License-Identifier: GPL-2.0-or-later
// A hash that finds pages which are likely to be the same; whoever shares their data compares them.
// Which pages it makes collide decides which are found, so it is the same on every host.
#pragma once

#include "src/base/bytes.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vmsift {

// Not 0, so that 0 can say "none". Eight bytes a step; the odd constant is digits of pi.
inline std::uint64_t page_hash(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kOdd = 0x243f6a8885a308d3;
  std::uint64_t hash = bytes.size();
  const auto add = [&hash](std::uint64_t word) { hash = (std::rotl(hash, 23) ^ word) * kOdd; };
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) add(load<std::uint64_t>(&bytes[i], ByteOrder::little));
  std::array<std::byte, 8> last{};
  if (i < bytes.size()) std::memcpy(last.data(), &bytes[i], bytes.size() - i);
  add(load<std::uint64_t>(last.data(), ByteOrder::little));
  hash ^= hash >> 32;
  return hash == 0 ? 1 : hash;
}

}  // namespace vmsift
