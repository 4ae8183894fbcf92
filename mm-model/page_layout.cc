// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/page_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>

namespace vmsift {
namespace {

// struct page is 32 bytes at the least and some hundred with every debug option.
constexpr std::uint32_t kMinSize = 24;
constexpr std::uint32_t kMaxSize = 1024;

// Above are the numbers of zone and node, and of the CPU that used the page last.
constexpr unsigned kFlagBits = 32;

// enum pageflags names these in this order, 2.6.24 to 7.3.
constexpr std::array<std::string_view, 3> kOrder = {"PG_lru", "PG_private", "PG_hwpoison"};

bool is_in_order(const Vmcoreinfo& note, std::int64_t bit, std::string_view name) {
  const auto place = std::find(kOrder.begin(), kOrder.end(), name);
  if (place == kOrder.end()) return true;
  const auto below = [&](std::string_view other) { return note.number(other).value_or(0) < bit; };
  const auto above = [&](std::string_view other) { return note.number(other).value_or(64) > bit; };
  return std::all_of(kOrder.begin(), place, below) && std::all_of(place + 1, kOrder.end(), above);
}

// Bit 0 of page.flags is PG_locked in every kernel. Two names for one bit contradict each other,
// and so do flags out of order; nothing says which of them is right.
bool is_own_flag(const Vmcoreinfo& note, std::int64_t bit, std::string_view name, unsigned bits) {
  if (bit < 1 || bit >= std::min(bits, kFlagBits) || !is_in_order(note, bit, name)) return false;
  const auto taken = [&](const char* other) { return other != name && note.number(other) == bit; };
  constexpr std::array<const char*, 6> kFlags = {"PG_lru",        "PG_private",  "PG_swapcache",
                                                 "PG_swapbacked", "PG_hwpoison", "PG_slab"};
  const auto head = static_cast<std::uint64_t>(note.number("PG_head_mask").value_or(0));
  return std::none_of(kFlags.begin(), kFlags.end(), taken) &&
         (name == "PG_head_mask" || head != std::uint64_t{1} << bit);
}

// Since 4.6 the note names the word that marks tails, and HUGETLB_PAGE_DTOR.
bool predates_compound_head(const Vmcoreinfo& note) {
  return note.offset("page._count") && !note.text("OFFSET(page.compound_head)") &&
         !note.text("OFFSET(page.compound_info)") && !note.has_number("HUGETLB_PAGE_DTOR");
}

}  // namespace

PageLayout PageLayout::detect(const Vmcoreinfo& note, unsigned word_bytes) {
  PageLayout layout;
  layout.word_bytes = word_bytes;
  layout.size = note.size("page").value_or(0);
  if (layout.size < kMinSize || layout.size > kMaxSize || layout.size % 4 != 0) {
    for (std::size_t f = 0; f < kFeatures; ++f) layout.missing_[f] = "SIZE(page)";
    layout.size = 0;
    return layout;
  }
  layout.detect_fields(note);
  layout.detect_tails(note);
  layout.detect_flags(note);
  layout.detect_swap_cache(note);
  layout.detect_types(note);
  layout.detect_compound(note);
  layout.detect_hugetlb(note);
  return layout;
}

// Entries of 2.6.24 to 3.8: kernel/kexec.c of these. Since 3.9 there are _mapcount,
// private, PG_slab and the mark of free blocks; every later entry on pages came on top.
bool predates_page_types(const Vmcoreinfo& note) {
  constexpr std::array<const char*, 7> kAlways = {
      "OFFSET(page.flags)", "OFFSET(page._count)", "OFFSET(page.mapping)", "OFFSET(page.lru)",
      "NUMBER(PG_lru)",     "NUMBER(PG_private)",  "NUMBER(PG_swapcache)"};
  constexpr std::array<std::string_view, 15> kLater = {
      "OFFSET(page._mapcount)", "OFFSET(page.private)", "OFFSET(page._refcount)",
      "OFFSET(page.compound_",  "OFFSET(folio.",        "NUMBER(PG_slab)",
      "NUMBER(PG_hwpoison)",    "NUMBER(PG_head_mask)", "NUMBER(PG_swapbacked)",
      "NUMBER(PG_hugetlb)",     "NUMBER(PAGE_",         "NUMBER(HUGETLB_PAGE_DTOR)",
      "SYMBOL(free_huge_page)", "SYMBOL(vmap_area",     "SYMBOL(vmemmap)"};
  const auto is_later = [&](const auto& entry) {
    return std::any_of(kLater.begin(), kLater.end(),
                       [&](std::string_view key) { return entry.first.starts_with(key); });
  };
  return std::all_of(kAlways.begin(), kAlways.end(),
                     [&](const char* key) { return note.text(key).has_value(); }) &&
         std::none_of(note.entries().begin(), note.entries().end(), is_later);
}

std::uint32_t PageLayout::require_offset(const Vmcoreinfo& note, Feature f, const char* name,
                                         std::uint32_t width) {
  const auto offset = note.offset(name);
  if (!offset) {
    set_missing(f, fmt::format("OFFSET({})", name));
  } else if (*offset > size - width) {
    set_missing(f, fmt::format("OFFSET({}) within SIZE(page)", name));
  } else {
    set_evidence(f, fmt::format("OFFSET({})={}", name, *offset));
    return *offset;
  }
  return 0;
}

std::uint64_t PageLayout::require_flag(const Vmcoreinfo& note, Feature f, const char* name) {
  const auto bit = note.number(name);
  if (!has(Feature::flags)) {
    set_missing(f, missing(Feature::flags));
  } else if (!bit) {
    set_missing(f, fmt::format("NUMBER({})", name));
  } else if (!is_own_flag(note, *bit, name, word_bytes * 8)) {
    set_missing(f, fmt::format("NUMBER({}) of a flag of its own", name));
  } else {
    set_evidence(f, fmt::format("{}=bit {}", name, *bit));
    return std::uint64_t{1} << *bit;
  }
  return 0;
}

// Where the words are that rules look at. They stand side by side in every kernel: one that lies
// over another is no offset of this kernel, and would turn flags into a mapping or a count into a
// type.
void PageLayout::detect_fields(const Vmcoreinfo& note) {
  // compound_head until 7.0, compound_info since 7.1: bit 0 marks a tail in both. 4.4 and 4.5
  // marked tails so and did not name the word; it lies over the first of page.lru there, which is
  // the address of a list's link, and even, in every page that is no tail.
  const char* const tail = note.offset("page.compound_info") ? "page.compound_info"
                           : predates_compound_head(note)    ? "page.lru"
                                                             : "page.compound_head";
  // Renamed in 4.6 (0139aa7b7fa1).
  const char* const count = note.offset("page._count") ? "page._count" : "page._refcount";
  struct Field {
    Feature feature;
    const char* name;
    std::uint32_t width;
    std::uint32_t* offset;
  };
  const std::array<Field, 6> fields = {{
      {Feature::flags, "page.flags", word_bytes, &flags},
      {Feature::tails, tail, word_bytes, &compound},
      {Feature::mapping, "page.mapping", word_bytes, &mapping},
      {Feature::types, "page._mapcount", 4, &mapcount},
      {Feature::buddy, "page.private", word_bytes, &private_},
      {Feature::page_count, count, 4, &refcount},
  }};
  for (const Field& f : fields) *f.offset = require_offset(note, f.feature, f.name, f.width);
  for (const Field& a : fields) {
    for (const Field& b : fields) {
      const auto at = note.offset(a.name);
      const auto other = note.offset(b.name);
      const bool is_first = a.feature == Feature::flags && flags == 0;  // as in every kernel so far
      if (&a != &b && !is_first && at && other && *at < std::uint64_t{*other} + b.width &&
          *other < std::uint64_t{*at} + a.width) {
        set_missing(a.feature, fmt::format("OFFSET({}) apart from OFFSET({})", a.name, b.name));
      }
    }
  }
  has_types = has(Feature::types);
  set_evidence(Feature::types, "page types at " + evidence(Feature::types));
  if (predates_page_types(note)) {
    set_missing(Feature::types, {});
    set_evidence(Feature::types, "a kernel without page types");
  }
}

// The second page of a block counts its mappings where others have page.mapping, from -1 up (4.5 to
// 4.17, 6.6, 6.15 on), and so has bit 0 set in kernel memory: it must be known as a tail. Before
// 4.4 tails were marked by flags that the note does not name, and had an empty mapping: seen singly
// they are no user pages.
void PageLayout::detect_tails(const Vmcoreinfo& note) {
  const bool old = predates_compound_head(note);
  head_in_private = old && has(Feature::buddy);
  anon_only_on_lru =
      predates_page_types(note) || (head_in_private && private_ + word_bytes == mapping);
  if (!has(Feature::tails)) return;
  tail_mask = 1;
  set_evidence(Feature::tails,
               old ? "tails without a mapping" : "bit 0 of " + evidence(Feature::tails));
}

void PageLayout::detect_flags(const Vmcoreinfo& note) {
  const auto head = static_cast<std::uint64_t>(note.number("PG_head_mask").value_or(0));
  if (std::has_single_bit(head) &&
      is_own_flag(note, std::countr_zero(head), "PG_head_mask", word_bytes * 8)) {
    head_mask = head;
  }
  lru_mask = require_flag(note, Feature::lru, "PG_lru");
  private_mask = require_flag(note, Feature::private_, "PG_private");
  hwpoison_mask = require_flag(note, Feature::hwpoison, "PG_hwpoison");
  if (!has(Feature::mapping)) return;
  set_evidence(Feature::mapping, fmt::format("bit 0 of {}{}", evidence(Feature::mapping),
                                             anon_only_on_lru ? ", on the LRU" : ""));
  if (anon_only_on_lru && !has(Feature::lru)) set_missing(Feature::mapping, missing(Feature::lru));
}

// Since 4.10 (6326fec1122c) the bit is shared with PG_owner_priv_1 and counts only together with
// PG_swapbacked, which the note names since 4.17. Before, that stood 6 bits above PG_private, as
// long as PG_head stood 3 above (both until 6.5).
void PageLayout::detect_swap_cache(const Vmcoreinfo& note) {
  swap_cache_mask = require_flag(note, Feature::swap_cache, "PG_swapcache");
  if (swap_cache_mask == 0) return;
  if (note.text("NUMBER(PG_swapbacked)")) {
    const std::uint64_t backed = require_flag(note, Feature::swap_cache, "PG_swapbacked");
    swap_cache_mask = backed == 0 ? 0 : swap_cache_mask | backed;
  } else if (private_mask == 0 ||
             (swap_cache_mask < private_mask && head_mask != private_mask << 3)) {
    set_missing(Feature::swap_cache, "NUMBER(PG_swapbacked)");
    swap_cache_mask = 0;
  } else if (swap_cache_mask < private_mask) {
    swap_cache_mask |= private_mask << 6;
  }
}

}  // namespace vmsift
