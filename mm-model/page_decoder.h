// SPDX-License-Identifier: GPL-2.0-or-later
// The hot end of PageLayout: struct page bytes to Traits. Everything that can be decided once for a
// dump (offsets, masks, encodings) is a member; a page costs four loads from one cache line and no
// call. Copy the decoder to a local variable before a loop, so that its members stay in registers.
#pragma once

#include "mm-model/page_layout.h"
#include "src/base/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vmsift {

// `Word` is the kernel's unsigned long.
template <bool kSwap, class Word = std::uint64_t>
class PageDecoder {
 public:
  explicit PageDecoder(const PageLayout& layout);

  // The traits of the struct page at `p`. The head of a compound page tells half of its story in
  // the next struct page: without `has_second` that one is not read, and the page is no head.
  [[nodiscard]] Traits decode(const std::byte* p, bool has_second) const;

  // log2 of the block that a page with these traits heads; 0 for a single page. What the dump says,
  // checked against nothing.
  [[nodiscard]] std::uint64_t order(const std::byte* p, Traits traits) const;

  [[nodiscard]] bool is_poisoned(const std::byte* p) const {
    return (word(p + flags_) & hwpoison_mask_) != 0;
  }
  [[nodiscard]] bool knows_poison() const { return hwpoison_mask_ != 0; }
  // Nobody has a reference to the page or maps it, and it has no type.
  [[nodiscard]] bool is_idle(const std::byte* p) const {
    return load_raw<std::uint32_t>(p + refcount_) == 0 &&
           load_raw<std::uint32_t>(p + mapcount_) == 0xffffffff;
  }
  // All ones, as CONFIG_DEBUG_VM has them in struct pages that are not initialised
  // (page_init_poison(), 4.19).
  [[nodiscard]] bool is_blank(const std::byte* p) const {
    return load_raw<std::uint32_t>(p + flags_) == 0xffffffff &&
           load_raw<std::uint32_t>(p + refcount_) == 0xffffffff;
  }
  // Where a page that may be a tail has its head: the address of its struct page, or (since 7.1) a
  // mask that takes the address of any tail there. nullopt: the page is no tail. Checked against
  // nothing; before 4.4 it may be anything that a page has in page.private.
  [[nodiscard]] std::optional<std::uint64_t> head_word(const std::byte* p, Traits traits) const {
    if (traits.has(Traits::kTail)) return word(p + compound_) & ~std::uint64_t{1};
    return head_in_private_ ? std::optional(word(p + private_)) : std::nullopt;
  }

 private:
  static std::uint64_t word(const std::byte* p) { return load_raw<Word, kSwap>(p); }
  static std::uint64_t field(const std::byte* p, std::uint32_t width) {
    switch (width) {
      case 1:
        return load_raw<std::uint8_t>(p);
      case 2:
        return load_raw<std::uint16_t, kSwap>(p);
      case 4:
        return load_raw<std::uint32_t, kSwap>(p);
      default:
        return load_raw<std::uint64_t, kSwap>(p);
    }
  }
  [[nodiscard]] PageType typed(std::uint32_t page_type) const;
  [[nodiscard]] bool is_hugetlb(const std::byte* second) const;

  std::uint32_t size_;
  std::uint32_t flags_;
  std::uint32_t mapcount_;
  std::uint32_t refcount_;
  std::uint32_t mapping_;
  std::uint32_t private_;
  std::uint32_t compound_;
  std::uint64_t lru_mask_;
  std::uint64_t private_mask_;
  std::uint64_t swap_cache_mask_;
  std::uint64_t swap_cache_want_;  // the mask, or what no masked word equals
  std::uint64_t head_mask_;
  std::uint64_t hwpoison_mask_;
  std::uint64_t slab_mask_;
  std::uint64_t anon_mask_;  // bit 0 of page.mapping, or nothing
  std::uint64_t tail_mask_;  // bit 0 of the compound word, or nothing
  bool head_in_private_;
  bool has_types_;
  std::array<TypeRule, 8> types_{};
  OrderPlace order_place_;
  std::uint32_t order_offset_;
  std::uint32_t order_width_;
  HugetlbMark hugetlb_mark_;
  std::uint32_t hugetlb_offset_;
  std::uint32_t hugetlb_width_;
  std::uint64_t hugetlb_value_;
  unsigned buddy_orders_;
};

template <bool kSwap, class Word>
PageDecoder<kSwap, Word>::PageDecoder(const PageLayout& l)
    : size_(l.size),
      flags_(l.flags),
      mapcount_(l.mapcount),
      refcount_(l.refcount),
      mapping_(l.mapping),
      private_(l.private_),
      compound_(l.compound),
      lru_mask_(l.lru_mask),
      private_mask_(l.private_mask),
      swap_cache_mask_(l.swap_cache_mask),
      swap_cache_want_(l.swap_cache_mask != 0 ? l.swap_cache_mask : 1),
      head_mask_(l.has(Feature::compound) ? l.head_mask : 0),
      hwpoison_mask_(l.hwpoison_mask),
      slab_mask_(l.slab_mask),
      anon_mask_(l.has(Feature::mapping) ? 1 : 0),
      tail_mask_(l.tail_mask),
      head_in_private_(l.head_in_private),
      has_types_(l.has_types),
      order_place_(l.order_place),
      order_offset_(l.order_offset),
      order_width_(l.order_width),
      hugetlb_mark_(l.has(Feature::hugetlb) ? l.hugetlb_mark : HugetlbMark::none),
      hugetlb_offset_(l.hugetlb_offset),
      hugetlb_width_(l.hugetlb_width),
      hugetlb_value_(l.hugetlb_value),
      buddy_orders_(l.buddy_orders) {
  for (std::size_t i = 0; i < types_.size() && i < l.types.size(); ++i) types_[i] = l.types[i];
}

template <bool kSwap, class Word>
PageType PageDecoder<kSwap, Word>::typed(std::uint32_t page_type) const {
  for (const TypeRule& rule : types_) {
    if (rule.mask == 0) break;
    if ((page_type & rule.mask) == rule.value) return rule.type;
  }
  return PageType::other;
}

template <bool kSwap, class Word>
bool PageDecoder<kSwap, Word>::is_hugetlb(const std::byte* second) const {
  switch (hugetlb_mark_) {
    case HugetlbMark::second_flag:
      return (word(second + flags_) & hugetlb_value_) != 0;
    case HugetlbMark::second_field:
      return field(second + hugetlb_offset_, hugetlb_width_) == hugetlb_value_;
    case HugetlbMark::none:
    case HugetlbMark::type:
      return false;
  }
  return false;
}

template <bool kSwap, class Word>
[[gnu::always_inline]] inline Traits PageDecoder<kSwap, Word>::decode(const std::byte* p,
                                                                      bool has_second) const {
  const std::uint64_t flags = word(p + flags_);
  const std::uint64_t mapping = word(p + mapping_) & anon_mask_;
  const std::uint64_t tail = word(p + compound_) & tail_mask_;
  unsigned bits = (flags & lru_mask_) != 0 ? Traits::kLru : 0U;
  bits |= (flags & private_mask_) != 0 ? Traits::kPrivate : 0U;
  bits |= (flags & swap_cache_mask_) == swap_cache_want_ ? Traits::kSwapCache : 0U;
  bits |= (flags & hwpoison_mask_) != 0 ? Traits::kHwPoison : 0U;
  bits |= mapping != 0 ? Traits::kAnon : 0U;
  bits |= tail != 0 ? Traits::kTail : 0U;
  // Page types are negative numbers below -1, which is the count of a page that nobody maps.
  PageType type = PageType::none;
  if (has_types_) {
    const auto page_type = load_raw<std::uint32_t, kSwap>(p + mapcount_);
    if (static_cast<std::int32_t>(page_type) < -1) type = typed(page_type);
  }
  if ((flags & slab_mask_) != 0) type = PageType::slab;
  if ((flags & head_mask_) != 0 && tail == 0 && has_second) {
    bits |= Traits::kHead;
    if (type == PageType::none && is_hugetlb(p + size_)) type = PageType::hugetlb;
  }
  return {static_cast<std::uint16_t>(bits), type};
}

template <bool kSwap, class Word>
std::uint64_t PageDecoder<kSwap, Word>::order(const std::byte* p, Traits traits) const {
  if (traits.type() == PageType::buddy) return word(p + private_);
  if (traits.type() == PageType::unaccepted) return buddy_orders_ - 1;
  if (!traits.has(Traits::kHead)) return 0;
  const std::byte* second = p + size_;
  switch (order_place_) {
    case OrderPlace::flags_low_byte:
      return word(second + flags_) & 0xff;
    case OrderPlace::field:
      return field(second + order_offset_, order_width_);
    case OrderPlace::none:
      break;
  }
  return 0;
}

}  // namespace vmsift
