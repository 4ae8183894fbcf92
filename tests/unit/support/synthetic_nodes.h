// SPDX-License-Identifier: GPL-2.0-or-later
// Nodes, zones and free lists of a synthetic kernel, as struct pglist_data, zone and free_area say
// them. Their offsets are made up: in every kernel they depend on how it was configured.
#pragma once

#include "src/base/types.h"
#include "tests/unit/support/note.h"

#include <array>
#include <cstdint>
#include <vector>

namespace vmsift::test {

class SyntheticKernel;

class SyntheticNodes {
 public:
  static constexpr unsigned kOrders = 11;
  static constexpr unsigned kZones = 4;  // DMA, DMA32, NORMAL, MOVABLE

  SyntheticNodes(SyntheticKernel& kernel, unsigned word, unsigned migrate_types);

  // Node 0, 1, ... `mem_map`: address of the first struct page, with FLATMEM and DISCONTIGMEM.
  void add_node(const std::vector<PfnRange>& memory, PhysAddr pgdat, VirtAddr mem_map);

  // The struct page of a free block goes on its list, at the front; off again.
  void link(Pfn pfn, unsigned order);
  void unlink(Pfn pfn);
  // Pages that are free and on no list.
  void count(Pfn pfn, std::int64_t pages);

  void describe(Note& note, bool node_mem_map) const;

  // From now on somebody else keeps lists and counters.
  void stop() { nodes_.clear(); }

  [[nodiscard]] PhysAddr pgdat(unsigned node) const { return nodes_.at(node).at; }
  // For tests that spoil something.
  [[nodiscard]] PhysAddr head_of(Pfn pfn, unsigned order) const;  // of the list it would be on
  [[nodiscard]] PhysAddr counter_of(Pfn pfn) const;               // vm_stat[NR_FREE_PAGES]

 private:
  using List = std::vector<Pfn>;
  struct Zone {
    PhysAddr at;
    std::int64_t free = 0;
    std::vector<List> lists;  // by order, then migrate type
    std::array<std::uint64_t, kOrders> nr_free{};
  };
  struct Node {
    PhysAddr at;
    std::vector<PfnRange> memory;
    std::array<Zone, kZones> zones;
  };

  [[nodiscard]] std::size_t list_index(Pfn pfn, unsigned order) const;
  [[nodiscard]] PhysAddr head_at(const Zone& zone, std::size_t index) const;
  Zone& zone_of(Pfn pfn);
  [[nodiscard]] const Zone& zone_of(Pfn pfn) const;
  void write_zone(Zone& zone, PfnRange span);
  void write_count(Zone& zone, unsigned order);
  void tie(PhysAddr before, VirtAddr before_va, PhysAddr after, VirtAddr after_va);

  SyntheticKernel& kernel_;
  std::uint32_t word_;
  unsigned types_;
  std::uint32_t area_bytes_, free_area_, spanned_, vm_stat_, zone_bytes_, nr_zones_;
  std::vector<Node> nodes_;
};

}  // namespace vmsift::test
