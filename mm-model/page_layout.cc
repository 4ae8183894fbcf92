// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/page_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

namespace vmsift {
namespace {

// struct page is 32 bytes at the least and some hundred with every debug option.
constexpr std::uint32_t kMinSize = 24;
constexpr std::uint32_t kMaxSize = 1024;

// Since 6.12 (4ffca5a96678c) page_type holds one type in its top byte and leaves the rest to the
// owner; in 6.11 types are single cleared bits below bit 31 and the low 16 bits are the owner's;
// before, a value is compared as a whole. The value itself tells which.
TypeRule rule_for(std::int64_t exported, PageType type) {
  const auto value = static_cast<std::uint32_t>(exported);
  const std::uint32_t top = value >> 24;
  if (top >= 0xf0 && top <= 0xfe && (value & 0x00ffffffU) == 0) return {0xff000000U, value, type};
  const std::uint32_t cleared = ~value;
  if (std::has_single_bit(cleared) && cleared >= 1U << 16) {
    return {0xffff0000U, value & 0xffff0000U, type};  // one type alone: several are none
  }
  return {0xffffffffU, value, type};
}

// Page type values in the order of 6.12's enum pagetype, for what the note does not name.
constexpr std::uint32_t kBuddyType = 0xf0000000U;
constexpr std::uint32_t kTableType = 0xf2000000U;
constexpr std::uint32_t kUnacceptedType = 0xf7000000U;

// 6.12 to 6.15 mark unaccepted memory and do not export the value (NUMBER(PAGE_UNACCEPTED_...) came
// with 6.16). Nothing else in the note distinguishes these four releases.
bool marks_unaccepted_silently(const Vmcoreinfo& note) {
  const auto release = note.text("OSRELEASE");
  unsigned minor = 0;
  if (!release || !release->starts_with("6.")) return false;
  std::from_chars(release->data() + 2, release->data() + release->size(), minor);
  return minor >= 12 && minor <= 15;
}

// Bit 0 of page.flags is PG_locked in every kernel. Two names for one bit contradict each other,
// and nothing says which of them is right.
bool is_own_flag(const Vmcoreinfo& note, std::int64_t bit, std::string_view name) {
  if (bit < 1 || bit > 63) return false;
  const auto taken = [&](const char* other) { return other != name && note.number(other) == bit; };
  constexpr std::array<const char*, 6> kFlags = {"PG_lru",        "PG_private",  "PG_swapcache",
                                                 "PG_swapbacked", "PG_hwpoison", "PG_slab"};
  const auto head = static_cast<std::uint64_t>(note.number("PG_head_mask").value_or(0));
  return std::none_of(kFlags.begin(), kFlags.end(), taken) &&
         (name == "PG_head_mask" || head != std::uint64_t{1} << bit);
}

}  // namespace

PageLayout PageLayout::detect(const Vmcoreinfo& note) {
  PageLayout layout;
  layout.size = note.size("page").value_or(0);
  if (layout.size < kMinSize || layout.size > kMaxSize || layout.size % 4 != 0) {
    for (std::size_t f = 0; f < kFeatures; ++f) layout.missing_[f] = "SIZE(page)";
    layout.size = 0;
    return layout;
  }
  layout.detect_fields(note);
  layout.detect_flags(note);
  layout.detect_types(note);
  layout.detect_compound(note);
  layout.detect_hugetlb(note);
  return layout;
}

std::uint32_t PageLayout::require_offset(const Vmcoreinfo& note, Feature f, const char* name,
                                         std::uint32_t width) {
  const auto offset = note.offset(name);
  if (!offset) {
    set_missing(f, fmt::format("OFFSET({})", name));
  } else if (*offset > size - width) {
    set_missing(f, fmt::format("OFFSET({}) within SIZE(page)", name));
  } else {
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
  } else if (!is_own_flag(note, *bit, name)) {
    set_missing(f, fmt::format("NUMBER({}) of a flag of its own", name));
  } else {
    return std::uint64_t{1} << *bit;
  }
  return 0;
}

// Where the words are that rules look at. They stand side by side in every kernel: one that lies
// over another is no offset of this kernel, and would turn flags into a mapping or a count into a
// type.
void PageLayout::detect_fields(const Vmcoreinfo& note) {
  // compound_head until 7.0, compound_info since 7.1: bit 0 marks a tail in both.
  const bool renamed = note.offset("page.compound_info").has_value();
  struct Field {
    Feature feature;
    const char* name;
    std::uint32_t width;
    std::uint32_t* offset;
  };
  const std::array<Field, 5> fields = {{
      {Feature::flags, "page.flags", 8, &flags},
      {Feature::tails, renamed ? "page.compound_info" : "page.compound_head", 8, &compound},
      {Feature::mapping, "page.mapping", 8, &mapping},
      {Feature::types, "page._mapcount", 4, &mapcount},
      {Feature::buddy, "page.private", 8, &private_},
  }};
  for (const Field& f : fields) *f.offset = require_offset(note, f.feature, f.name, f.width);
  // Renamed in 4.6 (0139aa7b7fa1).
  const char* const count = note.offset("page._count") ? "page._count" : "page._refcount";
  refcount = require_offset(note, Feature::page_count, count, 4);
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
  // Kernels that do not name the word (before 3.10) have no types but that of free blocks (2.6.38).
  has_types = has(Feature::types);
  if (!note.offset("page._mapcount") && !note.offset("page._refcount") &&
      !note.text("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)")) {
    set_missing(Feature::types, {});
  }
  // Before 4.5 tails were marked by flags that the note does not name, and had an empty mapping:
  // seen singly they are no user pages. Since then the second page of a block counts its mappings
  // in that word, from -1 up (4.5 to 4.17, 6.6, 6.15 on), and so has bit 0 set in kernel memory.
  if (!note.offset("page.compound_head") && !renamed && !note.offset("page._refcount") &&
      !note.has_number("HUGETLB_PAGE_DTOR")) {
    set_missing(Feature::tails, {});
  } else if (has(Feature::tails)) {
    tail_mask = 1;
  }
}

void PageLayout::detect_flags(const Vmcoreinfo& note) {
  const auto head = static_cast<std::uint64_t>(note.number("PG_head_mask").value_or(0));
  if (std::has_single_bit(head) && is_own_flag(note, std::countr_zero(head), "PG_head_mask")) {
    head_mask = head;
  }
  lru_mask = require_flag(note, Feature::lru, "PG_lru");
  private_mask = require_flag(note, Feature::private_, "PG_private");
  hwpoison_mask = require_flag(note, Feature::hwpoison, "PG_hwpoison");

  swap_cache_mask = require_flag(note, Feature::swap_cache, "PG_swapcache");
  if (swap_cache_mask == 0) return;
  // Since 4.10 (6326fec1122c) the bit is shared with PG_owner_priv_1 and counts only together with
  // PG_swapbacked, which the note names since 4.17. Before, that stood 6 bits above PG_private, as
  // long as PG_head stood 3 above (both until 6.5).
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

void PageLayout::detect_types(const Vmcoreinfo& note) {
  const auto add = [&](Feature f, const char* name, PageType type) {
    const auto value = note.number(name);
    if (!has_types) {
      set_missing(f, "OFFSET(page._mapcount)");
    } else if (!value) {
      set_missing(f, fmt::format("NUMBER({})", name));
    } else if (*value < std::numeric_limits<std::int32_t>::min() ||
               *value > std::numeric_limits<std::uint32_t>::max() ||
               static_cast<std::int32_t>(*value) >= -1) {
      // A count of mappings is -1 at the least, so this would be any page.
      set_missing(f, fmt::format("NUMBER({}) below -1", name));
    } else {
      types.push_back(rule_for(*value, type));
    }
  };

  buddy_orders = note.length("zone.free_area").value_or(0);
  if (buddy_orders > 32) buddy_orders = 0;
  if (buddy_orders == 0) set_missing(Feature::buddy, "LENGTH(zone.free_area)");
  add(Feature::buddy, "PAGE_BUDDY_MAPCOUNT_VALUE", PageType::buddy);
  add(Feature::offline, "PAGE_OFFLINE_MAPCOUNT_VALUE", PageType::offline);
  add(Feature::unaccepted, "PAGE_UNACCEPTED_MAPCOUNT_VALUE", PageType::unaccepted);
  // PG_slab until 6.9, a page type since 6.10 (46df8e73a4a3).
  if (note.has_number("PG_slab")) {
    slab_mask = require_flag(note, Feature::slab, "PG_slab");
  } else {
    add(Feature::slab, "PAGE_SLAB_MAPCOUNT_VALUE", PageType::slab);
  }
  if (note.has_number("PAGE_HUGETLB_MAPCOUNT_VALUE")) {
    add(Feature::hugetlb, "PAGE_HUGETLB_MAPCOUNT_VALUE", PageType::hugetlb);
  }

  const bool top_byte_era =
      note.number("PAGE_BUDDY_MAPCOUNT_VALUE").value_or(0) == static_cast<std::int32_t>(kBuddyType);
  if (has_types && top_byte_era) {
    types.push_back({0xff000000U, kTableType, PageType::table});  // kept with or without this rule
    if (!has(Feature::unaccepted) && marks_unaccepted_silently(note)) {
      types.push_back({0xff000000U, kUnacceptedType, PageType::unaccepted});
      set_missing(Feature::unaccepted, {});
    }
  }
  if (has(Feature::unaccepted) && buddy_orders == 0) {
    set_missing(Feature::unaccepted, "LENGTH(zone.free_area)");
  }
}

// Whether the two bytes there are a field of the second page: within it, and none of the words that
// every page has.
bool PageLayout::in_second_page(std::uint64_t offset) const {
  const auto over = [offset](std::uint32_t word) { return offset + 2 > word && offset < word + 8; };
  return offset + 2 <= size && !over(flags) && !over(compound);
}

void PageLayout::detect_compound(const Vmcoreinfo& note) {
  if (!has(Feature::flags)) {
    set_missing(Feature::compound, missing(Feature::flags));
  } else if (tail_mask == 0) {
    set_missing(Feature::compound, note.offset("page.compound_head")
                                       ? missing(Feature::tails)
                                       : "OFFSET(page.compound_head)");
  } else if (head_mask == 0) {
    set_missing(Feature::compound, "NUMBER(PG_head_mask) of a flag of its own");
  }

  const auto order = note.offset("page.compound_order");
  const auto folio_order = note.offset("folio._folio_order");
  if (order) {
    // Wider than a byte until 4.15; the destructor in front of it shows how wide.
    const auto dtor = note.offset("page.compound_dtor");
    order_place = dtor && *order == *dtor + 2 ? OrderPlace::half_at : OrderPlace::byte_at;
    order_offset = *order;
  } else if (folio_order && *folio_order >= size) {
    order_place = OrderPlace::byte_at;  // 6.3 to 6.5
    order_offset = *folio_order - size;
  } else if (note.offset("page.compound_info") || note.has_number("PG_hugetlb") ||
             note.has_number("PAGE_HUGETLB_MAPCOUNT_VALUE") ||
             note.has_number("PAGE_SLAB_MAPCOUNT_VALUE")) {
    order_place = OrderPlace::flags_low_byte;  // since 6.6 (ebc1baf5c9b4); no entry says so
  }
  if (order_place == OrderPlace::none) {
    set_missing(Feature::compound, "OFFSET(page.compound_order)");
  } else if (order_place != OrderPlace::flags_low_byte && !in_second_page(order_offset)) {
    set_missing(Feature::compound, "OFFSET(page.compound_order) within SIZE(page)");
  }
}

void PageLayout::detect_hugetlb(const Vmcoreinfo& note) {
  if (note.has_number("PAGE_HUGETLB_MAPCOUNT_VALUE")) {
    hugetlb_mark = HugetlbMark::type;  // since 6.9 (d99e3140a4d3)
  } else if (const auto bit = note.number("PG_hugetlb"); bit && *bit >= 8 && *bit < 64) {
    hugetlb_mark = HugetlbMark::second_flag;  // 6.6 to 6.8; bits 0 to 7 are the order there
    hugetlb_value = std::uint64_t{1} << *bit;
  } else if (const auto dtor = note.number("HUGETLB_PAGE_DTOR"); dtor && *dtor > 0) {
    const auto folio_dtor = note.offset("folio._folio_dtor");
    const auto page_dtor = note.offset("page.compound_dtor");
    if (folio_dtor && *folio_dtor >= size) {
      hugetlb_mark = HugetlbMark::second_byte;  // 6.3 to 6.5
      hugetlb_offset = *folio_dtor - size;
    } else if (page_dtor) {
      hugetlb_mark =
          order_place == OrderPlace::half_at ? HugetlbMark::second_half : HugetlbMark::second_byte;
      hugetlb_offset = *page_dtor;
    }
    hugetlb_value = static_cast<std::uint64_t>(*dtor);
    if (!in_second_page(hugetlb_offset)) hugetlb_mark = HugetlbMark::none;
  }
  if (hugetlb_mark == HugetlbMark::none) {
    set_missing(Feature::hugetlb, "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)");
  } else if (!has(Feature::compound)) {
    set_missing(Feature::hugetlb, missing(Feature::compound));
  }
}

}  // namespace vmsift
