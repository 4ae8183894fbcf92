// SPDX-License-Identifier: GPL-2.0-or-later
// FLATMEM: one array, mem_map, for all memory from the first page frame of the architecture
// (ARCH_PFN_OFFSET) on, holes included. That number is in no note, but the only node says where the
// struct page of its first page frame is, and the rest follows.
#include "mm-model/nodes.h"
#include "mm-model/range_map.h"

namespace vmsift {
namespace {

bool is_named(const Vmcoreinfo& note) {
  return note.symbol("mem_map").has_value();
}

Result<std::unique_ptr<MemoryMap>> detect(const MapInput& input) {
  auto nodes = Nodes::detect(input.note, input.memory);
  if (!nodes) return nodes.take_error();
  if (nodes->all().size() != 1) {
    return error("SYMBOL(mem_map) is one array, and there are {} nodes", nodes->all().size());
  }
  const Node& node = nodes->all().front();
  for (const char* key : {"pglist_data.node_start_pfn", "pglist_data.node_spanned_pages"}) {
    if (!input.note.offset(key)) return error("OFFSET({}) is missing", key);
  }
  const PfnRange spanned{node.start_pfn, node.start_pfn + node.spanned_pages};
  auto range = node_mem_map(input, node.pgdat, spanned);
  if (!range) return range.take_error();

  // mem_map is the struct page of the architecture's first page frame: at or below the node's.
  const VirtAddr variable = *input.note.symbol("mem_map");
  const auto mem_map = input.memory.read_word(variable);
  if (!mem_map) return error("SYMBOL(mem_map) {:#x} cannot be read", variable.value);
  const std::uint64_t distance = range->structs.value - *mem_map;
  if (distance % input.page_struct_size != 0 ||
      distance / input.page_struct_size > node.start_pfn) {
    return error("mem_map {:#x} and node_mem_map {:#x} of page frame {:#x} contradict each other",
                 *mem_map, range->structs.value, node.start_pfn);
  }
  return std::unique_ptr<MemoryMap>(
      std::make_unique<RangeMap>("FLATMEM", input.page_struct_size, std::vector{*range}));
}

}  // namespace

extern constinit const MemoryModel kFlat = {.is_named = is_named, .detect = detect};

}  // namespace vmsift
