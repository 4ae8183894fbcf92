// SPDX-License-Identifier: GPL-2.0-or-later
// The memory nodes of the crashed kernel (struct pglist_data): those of NUMA by node_data and
// node_online_map, else the only one, contig_page_data. DISCONTIGMEM keeps the struct pages of each
// node there, and zones with their counters and free lists are in it.
#pragma once

#include "mm-model/address_space.h"
#include "mm-model/vmcoreinfo.h"
#include "src/base/result.h"

#include <cstdint>
#include <span>
#include <vector>

namespace vmsift {

struct Node {
  unsigned id = 0;
  VirtAddr pgdat;
  // Page frames from the first to the last of the node, holes and those of other nodes included.
  // 0 where the note has no OFFSET(pglist_data.node_start_pfn) or (.node_spanned_pages).
  Pfn start_pfn = 0;
  std::uint64_t spanned_pages = 0;  // 0 also for a node without memory
};

class Nodes {
 public:
  // NODES_SHIFT is 10 at most in every kernel so far.
  static constexpr unsigned kMost = 1024;

  // Errors name the key that is missing, or the two that contradict each other.
  static Result<Nodes> detect(const Vmcoreinfo& note, AddressSpace& memory);

  // Online nodes whose pgdat can be read, by rising id; at least one.
  [[nodiscard]] std::span<const Node> all() const { return nodes_; }
  // Online nodes whose pgdat cannot: nothing is known of their memory.
  [[nodiscard]] unsigned unreadable() const { return unreadable_; }

 private:
  Result<void> add(const Vmcoreinfo& note, AddressSpace& memory, unsigned id, VirtAddr pgdat);

  std::vector<Node> nodes_;
  unsigned unreadable_ = 0;
};

}  // namespace vmsift
