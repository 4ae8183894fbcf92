// SPDX-License-Identifier: GPL-2.0-or-later
// What one struct page says, freed from how its kernel encodes it. Traits are few enough bits that
// every combination fits a small table: filters are asked once for each combination when a run
// starts, and a page then costs one look-up, however many filters there are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vmsift {

// The owner's mark in page_type (the _mapcount word), or in the flags or second page of older
// kernels. A page has at most one; it stands on the head of a block.
enum class PageType : std::uint8_t {
  none,
  buddy,       // head of a free block
  offline,     // balloon, virtio-mem: must not be touched
  unaccepted,  // head of a block that a confidential guest has not accepted yet
  hugetlb,
  slab,
  table,  // page table
  other,  // a type with no rule of its own: guard, zsmalloc, large kmalloc, ...
};

class Traits {
 public:
  static constexpr std::uint16_t kTail = 1U << 0;       // inside a compound page
  static constexpr std::uint16_t kHead = 1U << 1;       // first of a compound page
  static constexpr std::uint16_t kLru = 1U << 2;        // PG_lru
  static constexpr std::uint16_t kPrivate = 1U << 3;    // PG_private: has buffers or the like
  static constexpr std::uint16_t kSwapCache = 1U << 4;  // PG_swapcache, and it means that here
  static constexpr std::uint16_t kAnon = 1U << 5;       // page.mapping says anonymous (or KSM)
  static constexpr std::uint16_t kHwPoison = 1U << 6;   // PG_hwpoison: must not be touched
  // In a memory block that is offline, and nobody has a reference to it or maps it.
  static constexpr std::uint16_t kIdleOffline = 1U << 7;
  static constexpr unsigned kTypeShift = 8;
  static constexpr std::size_t kCombinations = 1U << 11;

  constexpr Traits() = default;
  constexpr explicit Traits(std::uint16_t bits) : bits_(bits) {}
  constexpr Traits(std::uint16_t flags, PageType type)
      : bits_(static_cast<std::uint16_t>(flags | static_cast<unsigned>(type) << kTypeShift)) {}

  [[nodiscard]] constexpr std::uint16_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool has(std::uint16_t flag) const { return (bits_ & flag) != 0; }
  [[nodiscard]] constexpr PageType type() const {
    return static_cast<PageType>(bits_ >> kTypeShift & 7U);
  }
  [[nodiscard]] constexpr Traits without(std::uint16_t flag) const {
    return Traits(static_cast<std::uint16_t>(bits_ & ~flag));
  }

 private:
  std::uint16_t bits_ = 0;
};

}  // namespace vmsift
