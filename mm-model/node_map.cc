// SPDX-License-Identifier: GPL-2.0-or-later
// DISCONTIGMEM (until 5.13): each node has an array of struct pages for what it spans, holes and
// interleaved memory of other nodes included.
#include "mm-model/nodes.h"
#include "mm-model/range_map.h"

namespace vmsift {
namespace {

// With one node there is mem_map, and the model is FLATMEM; with SPARSEMEM there is no such member.
bool is_named(const Vmcoreinfo& note) {
  return note.offset("pglist_data.node_mem_map") && !note.symbol("mem_map");
}

Result<std::unique_ptr<MemoryMap>> detect(const MapInput& input) {
  auto nodes = Nodes::detect(input.note, input.memory);
  if (!nodes) return nodes.take_error();
  for (const char* key : {"pglist_data.node_start_pfn", "pglist_data.node_spanned_pages"}) {
    if (!input.note.offset(key)) return error("OFFSET({}) is missing", key);
  }
  std::vector<StructRange> ranges;
  for (const Node& node : nodes->all()) {
    const PfnRange spanned{node.start_pfn, node.start_pfn + node.spanned_pages};
    // A node without an array is one without memory, or its pages are kept.
    if (const auto range = node_mem_map(input, node.pgdat, spanned)) ranges.push_back(*range);
  }
  if (ranges.empty()) return error("no node has a node_mem_map");
  return std::unique_ptr<MemoryMap>(
      std::make_unique<RangeMap>("DISCONTIGMEM", input.page_struct_size, std::move(ranges)));
}

}  // namespace

extern constinit const MemoryModel kDiscontiguous = {.is_named = is_named, .detect = detect};

}  // namespace vmsift
