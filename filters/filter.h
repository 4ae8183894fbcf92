// SPDX-License-Identifier: GPL-2.0-or-later
// A filter recognises the pages of one class by their traits and says which dump levels leave that
// class out: one file a class, one line in registry.cc, whose order is the order of precedence.
//
// matches() is asked once for every combination of traits when a run starts and never for a page,
// so it may be written for clarity. It must be a pure function of the traits.
#pragma once

#include "filters/page_class.h"
#include "mm-model/page_layout.h"
#include "mm-model/page_traits.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vmsift {

// What a level bit is named in `-d`, in makedumpfile's sense (makedumpfile(8), "-d").
constexpr unsigned kLevelZero = 1;
constexpr unsigned kLevelCache = 2;
constexpr unsigned kLevelCachePrivate = 4;
constexpr unsigned kLevelUser = 8;
constexpr unsigned kLevelFree = 16;
constexpr unsigned kMaxLevel = 31;

// Features a filter cannot do without.
class Needs {
 public:
  constexpr Needs(std::initializer_list<Feature> features) {
    for (const Feature f : features) bits_ |= 1U << static_cast<unsigned>(f);
  }
  [[nodiscard]] constexpr bool contains(Feature f) const {
    return (bits_ >> static_cast<unsigned>(f) & 1U) != 0;
  }

 private:
  std::uint32_t bits_ = 0;
};

struct Filter {
  std::string_view name;  // for the report; names the pages in plural
  PageClass page_class;
  Needs needs;
  // Since when every kernel has such pages, so that a note that names no mark of them is worth a
  // warning; nullopt: kernels built without the feature have none.
  std::optional<KernelRelease> usually_since;
  bool always_dropped;  // at every level: pages that must not be touched
  unsigned levels;      // dropped when the dump level has any of these bits
  bool (*matches)(Traits traits);
};

// In order of precedence: the first filter that matches decides.
std::span<const Filter* const> all_filters();

// The classes that a dump level (0 to 31) leaves out.
ClassSet dropped_classes(unsigned level);

}  // namespace vmsift
