// SPDX-License-Identifier: GPL-2.0-or-later
// The quantities that are easily mixed up. A page frame number (pfn) counts pages of the dumped
// machine, paddr and vaddr are byte addresses there, a file offset is a byte in a file here.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace vmsift {

using Pfn = std::uint64_t;

// A strongly typed address: no implicit conversion, only the arithmetic that has a meaning.
template <class Tag>
struct Address {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(Address, Address) = default;  // NOLINT(modernize-use-nullptr)
  friend constexpr Address operator+(Address a, std::uint64_t n) { return {a.value + n}; }
  friend constexpr std::uint64_t operator-(Address a, Address b) { return a.value - b.value; }
};

using PhysAddr = Address<struct PhysTag>;
using VirtAddr = Address<struct VirtTag>;

// Page frames [begin, end).
struct PfnRange {
  Pfn begin = 0;
  Pfn end = 0;

  [[nodiscard]] constexpr std::uint64_t size() const { return end - begin; }
  [[nodiscard]] constexpr bool empty() const { return begin >= end; }
  friend constexpr bool operator==(PfnRange, PfnRange) = default;
};

template <class T>
constexpr T align_down(T value, T alignment) {
  return value - value % alignment;
}
template <class T>
constexpr T align_up(T value, T alignment) {
  return align_down(static_cast<T>(value + alignment - 1), alignment);
}
template <class T>
constexpr T ceil_div(T value, T divisor) {
  return value / divisor + (value % divisor != 0);
}

}  // namespace vmsift
