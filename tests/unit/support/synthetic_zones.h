// SPDX-License-Identifier: GPL-2.0-or-later
// A node with two zones and their free lists for a SyntheticKernel, and the note's entries of them.
#pragma once

#include "tests/unit/support/synthetic_kernel.h"

#include <map>
#include <utility>

namespace vmsift::test {

class SyntheticZones {
 public:
  static constexpr unsigned kOrders = SyntheticKernel::kMaxOrder + 1;
  static constexpr unsigned kTypes = 2;
  // struct zone, struct pglist_data and struct page.
  static constexpr std::uint32_t kSpanned = 0, kFreeArea = 64, kAreaSize = kTypes * 16 + 8,
                                 kVmStat = 512, kZoneSize = 576;
  static constexpr std::uint32_t kNrZones = 1200, kNodeId = 1208, kStart = 1216,
                                 kNodeSpanned = 1224, kNodeSize = 1280;
  static constexpr std::uint32_t kLru = 8, kCount = 52;
  static constexpr unsigned kFreeItem = 1;  // NR_FREE_PAGES
  static constexpr Pfn kPgdat = 0x380;
  static constexpr VirtAddr kAddress{0xffffffffc0000000};

  // The first zone has no pages, the second all.
  explicit SyntheticZones(SyntheticKernel& kernel) : kernel_(kernel) {
    kernel.nodes().stop();  // these take the place of its own
    kernel.map(kAddress, {kPgdat * 4096}, 12);
    const Pfn pages = kernel.memory.info().max_pfn;
    put<std::uint32_t>(kNrZones, 2);
    put<std::uint32_t>(kNodeId, 0);
    put<std::uint64_t>(kStart, 0);
    put<std::uint64_t>(kNodeSpanned, pages);
    put<std::uint64_t>(zone(1) + kSpanned, pages);
    for (unsigned z = 0; z < 2; ++z) {
      for (unsigned order = 0; order < kOrders; ++order) {
        for (unsigned type = 0; type < kTypes; ++type)
          link(head(z, order, type), head(z, order, type));
      }
    }
    write_note(kernel.note, kAddress);
  }

  // At the end of its list. Marked on struct pages too where `marked`.
  void add(Pfn pfn, unsigned order, unsigned type = 0, bool marked = true) {
    const auto list = std::pair(order, type);
    const VirtAddr first = head(1, order, type);
    const VirtAddr last = last_.contains(list) ? last_[list] : first;
    link(last, lru(pfn));
    link(lru(pfn), first);
    last_[list] = lru(pfn);
    if (marked) {
      kernel_.free_block(pfn, order);
    } else {
      kernel_.expect(pfn, Pfn{1} << order, PageClass::free);
    }
    const std::uint32_t nr_free = area(1, order) + kTypes * 16;
    put<std::uint64_t>(nr_free, get(nr_free) + 1);
    set_counter(get(counter()) + (std::uint64_t{1} << order));
  }
  void set_counter(std::uint64_t pages) { put<std::uint64_t>(counter(), pages); }

  // Offsets into the page of the node.
  static constexpr std::uint32_t zone(unsigned z) { return z * kZoneSize; }
  static constexpr std::uint32_t area(unsigned z, unsigned order) {
    return zone(z) + kFreeArea + order * kAreaSize;
  }
  static constexpr std::uint32_t counter() { return zone(1) + kVmStat + 8 * kFreeItem; }
  static VirtAddr head(unsigned z, unsigned order, unsigned type) {
    return kAddress + area(z, order) + std::uint64_t{16} * type;
  }
  [[nodiscard]] VirtAddr lru(Pfn pfn) const { return kernel_.struct_address(pfn) + kLru; }

  template <class T>
  void put(std::uint32_t offset, T value) {
    kernel_.memory.put<T>(PhysAddr{kPgdat * 4096} + offset, value);
  }
  [[nodiscard]] std::uint64_t get(std::uint32_t offset) {
    return kernel_.memory.get<std::uint64_t>(PhysAddr{kPgdat * 4096} + offset);
  }
  // Makes `to` follow `from`.
  void link(VirtAddr from, VirtAddr to) {
    put_word(from, to.value);
    put_word(to + 8, from.value);
  }
  // A word of a list head or of the lru of a struct page.
  void put_word(VirtAddr at, std::uint64_t value) {
    if (at - kAddress < 4096) {
      put<std::uint64_t>(static_cast<std::uint32_t>(at - kAddress), value);
    } else {
      const std::uint64_t offset = at - kernel_.struct_address(0);
      kernel_.memory.put<std::uint64_t>(kernel_.struct_place(0) + offset, value);
    }
  }

  // The entries of all that a node, placed at `pgdat`, has here.
  static void write_note(Note& note, VirtAddr pgdat) {
    note.remove("SYMBOL(node_data)");
    note.set_hex("SYMBOL(contig_page_data)", pgdat.value);
    const std::pair<const char*, std::uint32_t> entries[] = {
        {"SIZE(pglist_data)", kNodeSize},
        {"SIZE(zone)", kZoneSize},
        {"SIZE(free_area)", kAreaSize},
        {"SIZE(list_head)", 16},
        {"OFFSET(pglist_data.node_zones)", 0},
        {"OFFSET(pglist_data.nr_zones)", kNrZones},
        {"OFFSET(pglist_data.node_id)", kNodeId},
        {"OFFSET(pglist_data.node_start_pfn)", kStart},
        {"OFFSET(pglist_data.node_spanned_pages)", kNodeSpanned},
        {"OFFSET(zone.free_area)", kFreeArea},
        {"OFFSET(zone.vm_stat)", kVmStat},
        {"OFFSET(zone.spanned_pages)", kSpanned},
        {"OFFSET(free_area.free_list)", 0},
        {"OFFSET(list_head.next)", 0},
        {"OFFSET(list_head.prev)", 8},
        {"OFFSET(page.lru)", kLru},
        {"LENGTH(free_area.free_list)", kTypes},
        {"NUMBER(NR_FREE_PAGES)", kFreeItem}};
    for (const auto& [key, value] : entries) note.set(key, value);
  }

 private:
  SyntheticKernel& kernel_;
  std::map<std::pair<unsigned, unsigned>, VirtAddr> last_;  // by order and type
};

}  // namespace vmsift::test
