// SPDX-License-Identifier: GPL-2.0-or-later
// How this kernel lays out struct page and encodes a page's state in it, derived from which entries
// its note has and from their values, never from its version number.
//
// Every fact that a rule may need is a Feature. A feature whose entries are missing or contradict
// each other is absent, with the reason; rules that need it are then switched off by name.
#pragma once

#include "mm-model/page_traits.h"
#include "mm-model/vmcoreinfo.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vmsift {

enum class Feature : std::uint8_t {
  flags,       // page.flags can be read
  lru,         // PG_lru
  private_,    // PG_private
  swap_cache,  // PG_swapcache
  mapping,     // page.mapping
  types,       // the word that page types are kept in
  buddy,       // the mark of a free block, and its order
  slab,        // the mark of slab pages
  hugetlb,     // the mark of hugetlb pages
  tails,       // the mark of the tails of compound pages
  compound,    // heads and orders of compound pages
  hwpoison,    // PG_hwpoison
  offline,     // the mark of offline pages
  unaccepted,  // the mark of unaccepted memory
  page_count,  // how many users a page has
  online,      // which memory blocks are online
};
constexpr std::size_t kFeatures = 16;

// A page type is a masked comparison of the 32-bit page_type word, whatever era it is from.
struct TypeRule {
  std::uint32_t mask = 0;
  std::uint32_t value = 0;
  PageType type = PageType::none;
};

// Where a compound page keeps its order; always in the second struct page.
enum class OrderPlace : std::uint8_t { none, flags_low_byte, byte_at, half_at };
// How a hugetlb page is told from another compound page.
enum class HugetlbMark : std::uint8_t { none, type, second_flag, second_byte, second_half };

class PageLayout {
 public:
  static PageLayout detect(const Vmcoreinfo& note);

  [[nodiscard]] bool has(Feature f) const { return missing(f).empty(); }
  // Why the feature is absent ("NUMBER(PG_lru)" ...); empty when it is there.
  [[nodiscard]] const std::string& missing(Feature f) const {
    return missing_[static_cast<std::size_t>(f)];
  }
  // For what others than the note say of it.
  void set_missing(Feature f, std::string why) {
    missing_[static_cast<std::size_t>(f)] = std::move(why);
  }

  // Bytes. Offsets are into struct page; `compound` is where bit 0 marks a tail.
  std::uint32_t size = 0;
  std::uint32_t flags = 0;
  std::uint32_t mapcount = 0;
  std::uint32_t refcount = 0;
  std::uint32_t mapping = 0;
  std::uint32_t private_ = 0;
  std::uint32_t compound = 0;

  // Masks of page.flags; 0: the kernel has no such flag or does not name it.
  std::uint64_t lru_mask = 0;
  std::uint64_t private_mask = 0;
  std::uint64_t swap_cache_mask = 0;  // all of these bits together
  std::uint64_t head_mask = 0;
  std::uint64_t tail_mask = 0;  // of the word at `compound`
  std::uint64_t hwpoison_mask = 0;
  std::uint64_t slab_mask = 0;

  bool has_types = false;  // `mapcount` is such a word
  std::vector<TypeRule> types;
  unsigned buddy_orders = 0;  // orders 0 .. buddy_orders - 1 exist

  OrderPlace order_place = OrderPlace::none;
  std::uint32_t order_offset = 0;  // into the second struct page
  HugetlbMark hugetlb_mark = HugetlbMark::none;
  std::uint32_t hugetlb_offset = 0;  // into the second struct page
  std::uint64_t hugetlb_value = 0;   // the flag's mask, or the destructor's number

 private:
  void detect_fields(const Vmcoreinfo& note);
  void detect_flags(const Vmcoreinfo& note);
  void detect_types(const Vmcoreinfo& note);
  void detect_compound(const Vmcoreinfo& note);
  void detect_hugetlb(const Vmcoreinfo& note);
  std::uint32_t require_offset(const Vmcoreinfo& note, Feature f, const char* name,
                               std::uint32_t width);
  std::uint64_t require_flag(const Vmcoreinfo& note, Feature f, const char* name);
  [[nodiscard]] bool in_second_page(std::uint64_t offset) const;

  std::array<std::string, kFeatures> missing_;
};

}  // namespace vmsift
