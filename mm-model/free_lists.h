// SPDX-License-Identifier: GPL-2.0-or-later
// The buddy allocator's free lists: zone.free_area[order].free_list[migrate type] links the first
// struct page of each free block by page.lru (include/linux/mmzone.h). They are there in every
// kernel, so they tell which pages are free where a kernel's note names no mark of free blocks
// (before about 3.8), and they are a second witness where it does.
//
// Nothing in them is trusted: each element is checked, and a list is given up at the first one that
// fails. What was behind it stays unknown, which is no loss but of room.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/memory_map.h"
#include "mm-model/page_layout.h"
#include "mm-model/vmcoreinfo.h"
#include "mm-model/zones.h"
#include "src/base/result.h"

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace vmsift {

struct FreeListTotals {
  std::uint64_t lists = 0;
  std::uint64_t torn_lists = 0;  // given up at an element that fails a check
  std::uint64_t blocks = 0;
  std::uint64_t pages = 0;    // in these blocks
  std::uint64_t counted = 0;  // by free_area.nr_free, 0 where that cannot be read
};

class FreeLists {
 public:
  // Of these zones, in a dump of `max_pfn` page frames. Errors name the key that is missing, or the
  // two that contradict each other.
  static Result<FreeLists> detect(const Vmcoreinfo& note, const PageLayout& layout, Zones zones,
                                  Pfn max_pfn, unsigned word_bytes);

  // The 2^n page frames of a free block.
  using Sink = std::function<void(PfnRange block)>;

  // All lists of the zones that reach into `pages`; blocks outside are handed out too. The same
  // dump gives the same blocks every time.
  FreeListTotals walk(PfnRange pages, const MemoryMap& map, AddressSpace& memory,
                      const Sink& sink) const;

  [[nodiscard]] std::size_t zones() const { return zones_.all().size(); }

 private:
  struct List {
    VirtAddr head;
    PfnRange within;  // where its zone's pages lie
    unsigned order = 0;
  };
  struct Link {
    VirtAddr from;
    VirtAddr to;
  };
  enum class Step : std::uint8_t { block, end, torn };

  void walk_zone(const Zone& zone, const MemoryMap& map, AddressSpace& memory, const Sink& sink,
                 FreeListTotals& totals) const;
  // `left`: pages that the zone may still have.
  void walk_list(const List& list, const MemoryMap& map, AddressSpace& memory, const Sink& sink,
                 std::uint64_t& left, FreeListTotals& totals) const;
  // Takes the block that `link` leads to and moves on to the link behind it.
  Step take(const List& list, Link& link, PfnRange& block, const MemoryMap& map,
            AddressSpace& memory) const;
  [[nodiscard]] bool is_free(VirtAddr structs, const MemoryMap& map, const PfnRange& block,
                             AddressSpace& memory) const;

  Zones zones_;
  Pfn max_pfn_ = 0;
  unsigned word_ = 8;
  unsigned orders_ = 0;          // LENGTH(zone.free_area)
  unsigned types_ = 1;           // LENGTH(free_area.free_list)
  std::uint32_t free_area_ = 0;  // OFFSET(zone.free_area)
  std::uint32_t free_area_size_ = 0;
  std::uint32_t free_list_ = 0;  // OFFSET(free_area.free_list)
  std::uint32_t list_head_size_ = 0;
  std::uint32_t next_ = 0;  // OFFSET(list_head.next)
  std::uint32_t prev_ = 0;
  std::uint32_t lru_ = 0;    // OFFSET(page.lru)
  std::uint32_t count_ = 0;  // OFFSET(page._refcount), before 4.7 _count
  std::uint32_t flags_ = 0;
  std::uint64_t slab_mask_ = 0;  // 0: not known
};

}  // namespace vmsift
