// SPDX-License-Identifier: GPL-2.0-or-later
// Compound pages of a note: where the order of one is, and what makes it a hugetlb page. Both are
// in the second struct page, in a place that moved five times.
#include "mm-model/page_layout.h"

#include <fmt/format.h>

#include <bit>

namespace vmsift {
namespace {

// enum compound_dtor_id had four values at the most, 4.4 to 6.5.
constexpr std::int64_t kDtors = 8;

}  // namespace

// Whether the bytes there are a field of the second page: within it, and none of the words that
// every page has.
bool PageLayout::in_second_page(std::uint64_t offset, std::uint32_t width) const {
  const auto over = [&](std::uint32_t word) {
    return offset + width > word && offset < std::uint64_t{word} + word_bytes;
  };
  return offset + width <= size && !over(flags) && !over(compound);
}

void PageLayout::detect_compound(const Vmcoreinfo& note) {
  detect_order(note);
  if (!has(Feature::flags)) {
    set_missing(Feature::compound, missing(Feature::flags));
  } else if (!note.text("NUMBER(PG_head_mask)")) {
    set_missing(Feature::compound, "NUMBER(PG_head_mask)");  // before 3.17
  } else if (head_mask == 0) {
    set_missing(Feature::compound, "NUMBER(PG_head_mask) of a flag of its own");
  } else if (tail_mask == 0) {
    set_missing(Feature::compound, missing(Feature::tails));
  } else if (has(Feature::compound)) {
    set_evidence(Feature::compound,
                 fmt::format("PG_head=bit {}, order {}", std::countr_zero(head_mask),
                             evidence(Feature::compound)));
  }
}

void PageLayout::detect_order(const Vmcoreinfo& note) {
  const auto order = note.offset("page.compound_order");
  const auto folio_order = note.offset("folio._folio_order");
  const bool since_6_6 = note.offset("page.compound_info") || note.has_number("PG_hugetlb") ||
                         note.has_number("PAGE_HUGETLB_MAPCOUNT_VALUE") ||
                         note.has_number("PAGE_SLAB_MAPCOUNT_VALUE");
  if (order) {
    // One byte since 4.16, more before: the destructor stands in front of it and is as wide.
    const auto dtor = note.offset("page.compound_dtor");
    order_width = dtor ? *order - *dtor : 1;
    order_place = OrderPlace::field;
    order_offset = *order;
  } else if (folio_order && *folio_order >= size) {
    order_place = OrderPlace::field;  // 6.3 to 6.5
    order_offset = *folio_order - size;
  } else if (since_6_6) {
    order_place = OrderPlace::flags_low_byte;  // ebc1baf5c9b4; no entry says so
    set_evidence(Feature::compound, "in the low byte of the second page's flags");
    return;
  } else if (head_in_private) {
    // Until 4.3: the second word of page.lru. What 4.4 and 4.5 have there is no order.
    order_place = OrderPlace::field;
    order_width = word_bytes;
    order_offset = compound + word_bytes;
  }
  if (order_place == OrderPlace::none) {
    set_missing(Feature::compound, "OFFSET(page.compound_order)");
  } else if (order_width > 8 || !std::has_single_bit(order_width)) {
    set_missing(Feature::compound, "OFFSET(page.compound_order) behind page.compound_dtor");
  } else if (!in_second_page(order_offset, order_width)) {
    set_missing(Feature::compound, "OFFSET(page.compound_order) within SIZE(page)");
  }
  set_evidence(Feature::compound,
               fmt::format("of {} bytes at {} of the second page", order_width, order_offset));
}

void PageLayout::detect_hugetlb(const Vmcoreinfo& note) {
  const auto in_field = [&](std::uint32_t offset, std::uint32_t width, std::uint64_t value) {
    hugetlb_mark = HugetlbMark::second_field;
    hugetlb_offset = offset;
    hugetlb_width = width;
    hugetlb_value = value;
    set_evidence(Feature::hugetlb,
                 fmt::format("destructor {:#x} at {} of the second page", value, offset));
  };
  const auto dtor = note.number("HUGETLB_PAGE_DTOR").value_or(0);
  const bool has_dtor = dtor > 0 && dtor < kDtors;
  const auto folio_dtor = note.offset("folio._folio_dtor");
  const auto page_dtor = note.offset("page.compound_dtor");
  if (note.has_number("PAGE_HUGETLB_MAPCOUNT_VALUE")) {
    hugetlb_mark = HugetlbMark::type;  // since 6.9 (d99e3140a4d3)
  } else if (const auto bit = note.number("PG_hugetlb");
             bit && *bit >= 8 && *bit < std::int64_t{word_bytes} * 8) {
    hugetlb_mark = HugetlbMark::second_flag;  // 6.6 to 6.8; bits 0 to 7 are the order there
    hugetlb_value = std::uint64_t{1} << *bit;
    set_evidence(Feature::hugetlb, fmt::format("PG_hugetlb=bit {} of the second page", *bit));
  } else if (has_dtor && folio_dtor && *folio_dtor >= size) {
    in_field(*folio_dtor - size, 1, static_cast<std::uint64_t>(dtor));  // 6.3 to 6.5
  } else if (has_dtor && page_dtor) {
    in_field(*page_dtor, order_width, static_cast<std::uint64_t>(dtor));  // 4.4 to 6.2
  } else if (const auto free = note.symbol("free_huge_page"); free && head_in_private) {
    // Until 4.3: the address of the destructor is the first word of page.lru.
    in_field(compound, word_bytes, free->value);
  }
  const bool is_list_word = head_in_private && hugetlb_offset == compound;
  if (hugetlb_mark == HugetlbMark::none) {
    const bool until_4_3 = note.offset("page._count") && !note.has_number("HUGETLB_PAGE_DTOR");
    set_missing(Feature::hugetlb,
                until_4_3 ? "SYMBOL(free_huge_page)" : "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)");
  } else if (!has(Feature::compound)) {
    set_missing(Feature::hugetlb, missing(Feature::compound));
  } else if (hugetlb_mark == HugetlbMark::second_field && !is_list_word &&
             !in_second_page(hugetlb_offset, hugetlb_width)) {
    set_missing(Feature::hugetlb, "OFFSET(page.compound_dtor) within SIZE(page)");
  }
}

}  // namespace vmsift
