// SPDX-License-Identifier: GPL-2.0-or-later
// How this kernel lays out struct page and encodes a page's state in it, derived from which entries
// its note has and from their values, never from its version number.
//
// Every fact that a rule may need is a Feature. A feature whose entries are missing or contradict
// each other is absent, with the reason; rules that need it are then switched off by name.
#pragma once

#include "mm-model/page_types.h"
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
  tables,      // the mark of page tables
  page_count,  // how many users a page has
  online,      // which memory blocks are online
};
constexpr std::size_t kFeatures = 17;

// Where a compound page keeps its order; always in the second struct page.
enum class OrderPlace : std::uint8_t { none, flags_low_byte, field };
// How a hugetlb page is told from another compound page: by a page type, or in the second struct
// page by a flag or by a field.
enum class HugetlbMark : std::uint8_t { none, type, second_flag, second_field };

class PageLayout {
 public:
  // `word_bytes` is the size of the kernel's long, 8 or 4.
  static PageLayout detect(const Vmcoreinfo& note, unsigned word_bytes = 8);

  [[nodiscard]] bool has(Feature f) const { return missing(f).empty(); }
  // Why the feature is absent ("NUMBER(PG_lru)" ...); empty when it is there.
  [[nodiscard]] const std::string& missing(Feature f) const {
    return missing_[static_cast<std::size_t>(f)];
  }
  // What a feature that is there goes by ("PG_lru=bit 5"), for the report.
  [[nodiscard]] const std::string& evidence(Feature f) const {
    return evidence_[static_cast<std::size_t>(f)];
  }
  // For what others than the note say of it.
  void set_missing(Feature f, std::string why) {
    missing_[static_cast<std::size_t>(f)] = std::move(why);
  }
  void set_evidence(Feature f, std::string what) {
    evidence_[static_cast<std::size_t>(f)] = std::move(what);
  }

  // Bytes. Offsets are into struct page; `compound` is where bit 0 marks a tail.
  unsigned word_bytes = 8;
  std::uint32_t size = 0;
  std::uint32_t flags = 0;
  std::uint32_t mapcount = 0;
  std::uint32_t refcount = 0;
  std::uint32_t mapping = 0;
  std::uint32_t private_ = 0;
  std::uint32_t compound = 0;
  // Before 4.4 (1d798ca3f164) a tail has no mark that the note names, and keeps the address of its
  // head in page.private.
  bool head_in_private = false;
  // Until 3.0 the lock of a page table may reach from page.private into page.mapping: only a page
  // on an LRU list is sure to have a mapping there.
  bool anon_only_on_lru = false;

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
  std::uint32_t order_width = 1;   // 1, 2, 4 or 8
  HugetlbMark hugetlb_mark = HugetlbMark::none;
  std::uint32_t hugetlb_offset = 0;  // into the second struct page
  std::uint32_t hugetlb_width = 1;
  std::uint64_t hugetlb_value = 0;  // the flag's mask; the destructor's number or address

 private:
  // In page_layout.cc:
  void detect_fields(const Vmcoreinfo& note);
  void detect_tails(const Vmcoreinfo& note);
  void detect_flags(const Vmcoreinfo& note);
  void detect_swap_cache(const Vmcoreinfo& note);
  std::uint32_t require_offset(const Vmcoreinfo& note, Feature f, const char* name,
                               std::uint32_t width);
  std::uint64_t require_flag(const Vmcoreinfo& note, Feature f, const char* name);
  // In type_layout.cc:
  void detect_types(const Vmcoreinfo& note);
  void add_unnamed_types(const Vmcoreinfo& note);
  // In compound_layout.cc:
  void detect_compound(const Vmcoreinfo& note);
  void detect_order(const Vmcoreinfo& note);
  void detect_hugetlb(const Vmcoreinfo& note);
  [[nodiscard]] bool in_second_page(std::uint64_t offset, std::uint32_t width) const;

  std::array<std::string, kFeatures> missing_;
  std::array<std::string, kFeatures> evidence_;
};

// Whether the note is from before 3.9 (2.6.24 on), which says nothing of _mapcount, page types,
// slab pages and compound pages. Told by what all of those notes have and by the absence of every
// entry that came later, so that no entry that got lost makes a newer note look like one of them.
bool predates_page_types(const Vmcoreinfo& note);

}  // namespace vmsift
