// SPDX-License-Identifier: GPL-2.0-or-later
// How the releases of Linux encode the state of a page, as data: a second account, written down
// from the kernel's sources and from real notes, that shares nothing with the program's own.
#pragma once

#include <cstdint>
#include <string>

namespace vmsift::test {

// In the order of the releases, each the first one (or a long-lived one) of an encoding; v7_1_mask:
// CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP.
enum class Era {
  v2_6_24,
  v2_6_32,
  v2_6_38,
  v3_10,
  v3_17,
  v4_4,
  v4_19,
  v5_4,
  v5_10,
  v6_1,
  v6_3,
  v6_6,
  v6_9,
  v6_11,
  v6_12,
  v7_1,
  v7_1_mask
};
// With struct page as it is since 4.18, and notes that name all of it.
constexpr Era kEras[] = {Era::v5_10, Era::v6_1,  Era::v6_3, Era::v6_6,     Era::v6_9,
                         Era::v6_11, Era::v6_12, Era::v7_1, Era::v7_1_mask};
constexpr Era kOldEras[] = {Era::v2_6_24, Era::v2_6_32, Era::v2_6_38, Era::v3_10,
                            Era::v3_17,   Era::v4_4,    Era::v4_19,   Era::v5_4};
std::string name_of(Era era);

// Where struct page has what: offsets in bytes. mapcount is page_type too; the tail word,
// destructor and order are those of compound pages since 4.4, in the second page but for the tail
// word.
struct PageFields {
  std::uint32_t flags, count, mapcount, mapping, private_, lru, tail, dtor, order, size;
  unsigned dtor_bytes;  // of destructor and order: 4, 2 or 1
};

struct Encoding {
  static constexpr unsigned kNoFlag = 64;

  const char* release;
  unsigned lru, private_, swap_cache, swap_backed, hwpoison, head;  // numbers of flags
  int slab_flag;                                                    // -1: a type
  // Values of page_type; 0: not a type.
  std::uint32_t buddy, offline, slab, hugetlb, unaccepted, table, other;
  // Where a compound page has order and owner: links of the second page's lru, fields of their own,
  // fields that struct folio names, the second page's flags, the head's type.
  enum class Compound { lru_links, dtor, folio_dtor, hugetlb_flag, type } compound;
  const char* tail_key;  // nullptr: tails are marked by flags
  bool unaccepted_is_named;
  // Second page of a block, the word at page.mapping: bit 0 is no sign of anything there.
  std::uint64_t second_mapping;
  unsigned buddy_flag = kNoFlag;     // until 2.6.37
  std::uint64_t tail_flags = 0;      // until 4.3
  unsigned migrate_types = 6;        // LENGTH(free_area.free_list)
  std::uint32_t section_bytes = 32;  // SIZE(mem_section): 32 with page_ext or page_cgroup
  unsigned physmem_bits = 46;        // MAX_PHYSMEM_BITS of x86_64 with 4 levels

  // Offsets in kernels with 8-byte words since 4.18.
  static constexpr std::uint32_t kFlags = 0, kCompound = 8, kDtor = 16, kOrder = 17, kMapping = 24,
                                 kPrivate = 40, kMapcount = 48;
  static constexpr std::uint64_t kDtorHugetlb = 2;
  static constexpr unsigned kHugetlbFlag = 8;  // PG_hugetlb of 6.6 is PG_active
};
const Encoding& encoding_of(Era era);

// `word`: bytes of a long.
PageFields fields_of(Era era, unsigned word);

}  // namespace vmsift::test
