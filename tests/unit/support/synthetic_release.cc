// SPDX-License-Identifier: GPL-2.0-or-later
// Sources: notes of 5.10.0-32, 6.1.0-50, 6.12.107 and 7.3.4 (tests/unit/data/vmcoreinfo); else
// include/linux/page-flags.h and mm_types.h of the release, configured for x86_64 with
// CONFIG_PAGEFLAGS_EXTENDED, MMU, IA64_UNCACHED's bit and MEMORY_FAILURE.
#include "tests/unit/support/synthetic_release.h"

#include <array>

namespace vmsift::test {
namespace {

constexpr std::uint32_t kNegative = 0xffffffff;             // a count of -1, that is none
constexpr std::uint64_t kTailMapping = 0xdead000000000400;  // 4.5 and later

using Compound = Encoding::Compound;
constexpr unsigned kNoFlag = Encoding::kNoFlag;

// Free blocks by PG_buddy, tails by PG_compound and PG_reclaim together.
constexpr Encoding k2624 = {.release = "2.6.24-test",
                            .lru = 5,
                            .private_ = 11,
                            .swap_cache = 15,
                            .swap_backed = kNoFlag,
                            .hwpoison = kNoFlag,
                            .head = 14,
                            .slab_flag = 7,
                            .buddy = 0,
                            .offline = 0,
                            .slab = 0,
                            .hugetlb = 0,
                            .unaccepted = 0,
                            .table = 0,
                            .other = 0,
                            .compound = Compound::lru_links,
                            .tail_key = nullptr,
                            .unaccepted_is_named = false,
                            .second_mapping = 0,
                            .buddy_flag = 19,
                            .tail_flags = 1U << 14 | 1U << 17,
                            .migrate_types = 5,
                            .section_bytes = 16,
                            .physmem_bits = 40};

constexpr Encoding with_flags_of_2_6_32(Encoding e) {
  e.swap_cache = 16;
  e.swap_backed = 20;
  e.hwpoison = 24;
  e.tail_flags = 1U << 15;
  e.section_bytes = 32;
  e.physmem_bits = 46;
  return e;
}

constexpr Encoding make_2632() {
  Encoding e = with_flags_of_2_6_32(k2624);
  e.release = "2.6.32-test";
  return e;
}
constexpr Encoding k2632 = make_2632();

// PG_buddy gave way to a count of mappings of -2, and for one release that is all there was.
constexpr Encoding make_2638() {
  Encoding e = k2632;
  e.release = "2.6.38-test";
  e.buddy_flag = kNoFlag;
  e.swap_backed = 19;
  e.hwpoison = 23;
  e.buddy = 0xfffffffe;
  return e;
}
constexpr Encoding k2638 = make_2638();

constexpr Encoding make_310() {
  Encoding e = k2638;
  e.release = "3.10.0-test";
  e.buddy = 0xffffff80;
  e.migrate_types = 6;
  return e;
}
constexpr Encoding k310 = make_310();

constexpr Encoding make_317() {
  Encoding e = k310;
  e.release = "3.17.0-test";
  return e;
}
constexpr Encoding k317 = make_317();

// PG_tail is gone, so that what is above moves down.
constexpr Encoding make_44() {
  Encoding e = k317;
  e.release = "4.4.0-test";
  e.swap_cache = 15;
  e.swap_backed = 18;
  e.hwpoison = 22;
  e.tail_flags = 0;
  e.compound = Compound::dtor;
  e.tail_key = "page.compound_head";
  e.section_bytes = 32;
  return e;
}
constexpr Encoding k44 = make_44();

// PG_waiters is 7 (4.10), PG_swapcache is PG_owner_priv_1; cleared bits 7 (buddy), 8 (balloon) and
// 10 (page table) are types, bit 9 is that of memory accounting.
constexpr Encoding make_419() {
  Encoding e = k44;
  e.release = "4.19.0-test";
  e.private_ = 12;
  e.swap_cache = 9;
  e.head = 15;
  e.slab_flag = 8;
  e.buddy = 0xffffff7f;
  e.table = 0xfffffbff;
  e.other = 0xfffffdff;
  e.second_mapping = kTailMapping;
  return e;
}
constexpr Encoding k419 = make_419();

// Types of 4.18 to 6.10 are cleared bits 7 and up of 0xffffffff, those of 6.11 bits 24 to 30, since
// 6.12 the top byte is a number. Second pages: _entire_mapcount in 6.6 and since 6.15, compound_nr
// in 5.10, _nr_pages_mapped between.
constexpr Encoding k510 = {.release = "5.10.0-test",
                           .lru = 4,
                           .private_ = 13,
                           .swap_cache = 10,
                           .swap_backed = 19,
                           .hwpoison = 23,
                           .head = 16,
                           .slab_flag = 9,
                           .buddy = 0xffffff7f,
                           .offline = 0xfffffeff,
                           .slab = 0,
                           .hugetlb = 0,
                           .unaccepted = 0,
                           .table = 0xfffffbff,
                           .other = 0xfffff7ff,
                           .compound = Compound::dtor,
                           .tail_key = "page.compound_head",
                           .unaccepted_is_named = false,
                           .second_mapping = 0};

constexpr Encoding make_54() {
  Encoding e = k510;
  e.release = "5.4.0-test";
  e.second_mapping = kTailMapping;
  return e;
}
constexpr Encoding k54 = make_54();

constexpr Encoding make_61() {
  Encoding e = k510;
  e.release = "6.1.0-test";
  e.table = 0xfffffdff;
  e.other = 0xfffffbff;
  e.second_mapping = 1;
  return e;
}
constexpr Encoding k61 = make_61();

constexpr Encoding make_63() {
  Encoding e = k61;
  e.release = "6.3.0-test";
  e.compound = Compound::folio_dtor;
  return e;
}
constexpr Encoding k63 = make_63();

constexpr Encoding make_66() {
  Encoding e = k63;
  e.release = "6.6.0-test";
  e.lru = 5;
  e.private_ = 15;
  e.swap_cache = 12;
  e.head = 6;
  e.slab_flag = 11;
  e.compound = Compound::hugetlb_flag;
  e.second_mapping = kNegative;
  return e;
}
constexpr Encoding k66 = make_66();

constexpr Encoding make_69() {
  Encoding e = k66;
  e.release = "6.9.0-test";
  e.hugetlb = 0xfffff7ff;
  e.compound = Compound::type;
  e.second_mapping = 1;
  return e;
}
constexpr Encoding k69 = make_69();

constexpr Encoding make_611() {
  Encoding e = k69;
  e.release = "6.11.0-test";
  e.private_ = 14;
  e.swap_cache = 10;
  e.swap_backed = 17;
  e.hwpoison = 20;
  e.slab_flag = -1;
  e.buddy = 0xbfffffff;
  e.offline = 0xdfffffff;
  e.slab = 0xfdffffff;
  e.hugetlb = 0xfbffffff;
  e.table = 0xefffffff;
  e.other = 0xf7ffffff;
  return e;
}
constexpr Encoding k611 = make_611();

constexpr Encoding make_612() {
  Encoding e = k611;
  e.release = "6.12.0-test";
  e.buddy = 0xf0000000;
  e.offline = 0xf1000000;
  e.slab = 0xf5000000;
  e.hugetlb = 0xf4000000;
  e.unaccepted = 0xf7000000;
  e.table = 0xf2000000;
  e.other = 0xf3000000;
  return e;
}
constexpr Encoding k612 = make_612();

constexpr Encoding make_71() {
  Encoding e = k612;
  e.release = "7.3.4-test";
  e.hwpoison = 21;
  e.tail_key = "page.compound_info";
  e.unaccepted_is_named = true;
  e.second_mapping = kNegative;
  return e;
}
constexpr Encoding k71 = make_71();

struct Row {
  const char* name;
  const Encoding* encoding;
};
constexpr std::array<Row, 17> kRows = {{{"v2_6_24", &k2624},
                                        {"v2_6_32", &k2632},
                                        {"v2_6_38", &k2638},
                                        {"v3_10", &k310},
                                        {"v3_17", &k317},
                                        {"v4_4", &k44},
                                        {"v4_19", &k419},
                                        {"v5_4", &k54},
                                        {"v5_10", &k510},
                                        {"v6_1", &k61},
                                        {"v6_3", &k63},
                                        {"v6_6", &k66},
                                        {"v6_9", &k69},
                                        {"v6_11", &k611},
                                        {"v6_12", &k612},
                                        {"v7_1", &k71},
                                        {"v7_1_mask", &k71}}};

}  // namespace

std::string name_of(Era era) {
  return kRows.at(static_cast<std::size_t>(era)).name;
}

const Encoding& encoding_of(Era era) {
  return *kRows.at(static_cast<std::size_t>(era)).encoding;
}

PageFields fields_of(Era era, unsigned word) {
  const std::uint32_t w = word;
  if (era < Era::v3_10) {  // until 3.0: flags, counts, private, mapping, index, lru
    return {.flags = 0,
            .count = w,
            .mapcount = w + 4,
            .mapping = 2 * w + 8,
            .private_ = w + 8,
            .lru = 4 * w + 8,
            .tail = 0,
            .dtor = 0,
            .order = 0,
            .size = 6 * w + 8,
            .dtor_bytes = 0};
  }
  if (era < Era::v4_19) {  // until 4.17: flags, mapping, index, counts, lru, private
    const std::uint32_t bytes = w == 8 ? 4 : 2;
    return {.flags = 0,
            .count = 3 * w + 4,
            .mapcount = 3 * w,
            .mapping = w,
            .private_ = 5 * w + 8,
            .lru = 3 * w + 8,
            .tail = 3 * w + 8,
            .dtor = 4 * w + 8,
            .order = 4 * w + 8 + bytes,
            .size = w == 8 ? 64U : 32U,  // aligned to 16 for SLUB's double words
            .dtor_bytes = bytes};
  }
  return {.flags = 0,
          .count = 6 * w + 4,
          .mapcount = 6 * w,
          .mapping = 3 * w,
          .private_ = 5 * w,
          .lru = w,
          .tail = w,
          .dtor = 2 * w,
          .order = 2 * w + 1,
          .size = w == 8 ? 64U : 32U,
          .dtor_bytes = 1};
}

}  // namespace vmsift::test
