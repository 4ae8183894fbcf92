// SPDX-License-Identifier: GPL-2.0-or-later
// What a page of the dump is. Every page has exactly one class; a dump level is a set of classes to
// leave out. Whether a page holds only zeros is a question of its content and is asked besides.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmsift {

enum class PageClass : std::uint8_t {
  hole,    // not memory of the machine
  absent,  // memory, but the input does not hold it (filtered before, or cut off)
  hwpoison,
  offline,
  unaccepted,
  free,
  cache,          // file pages without private data, and swap cache without
  cache_private,  // file pages with private data (buffers, dirty file system state)
  user,           // anonymous
  hugetlb,
  slab,
  page_table,
  kernel,          // everything else that a struct page describes
  unknown,         // memory whose struct page is missing or unreadable
  unused_vmemmap,  // struct pages that describe nothing but pages left out, where that was asked
                   // for
};
constexpr std::size_t kPageClasses = 15;

// For tables and JSON; in the order of the enumeration.
constexpr std::array<std::string_view, kPageClasses> kPageClassNames = {
    "hole", "absent",     "hwpoison",      "offline", "unaccepted",
    "free", "cache",      "cache_private", "user",    "hugetlb",
    "slab", "page_table", "kernel",        "unknown", "unused_vmemmap"};

constexpr std::string_view name_of(PageClass c) {
  return kPageClassNames[static_cast<std::size_t>(c)];
}

// A set of classes.
class ClassSet {
 public:
  constexpr ClassSet() = default;
  constexpr void add(PageClass c) { bits_ |= 1U << static_cast<unsigned>(c); }
  [[nodiscard]] constexpr bool contains(PageClass c) const {
    return (bits_ >> static_cast<unsigned>(c) & 1U) != 0;
  }
  friend constexpr bool operator==(ClassSet, ClassSet) = default;

 private:
  std::uint32_t bits_ = 0;
};

using ClassCounts = std::array<std::uint64_t, kPageClasses>;

}  // namespace vmsift
