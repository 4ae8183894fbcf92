// SPDX-License-Identifier: GPL-2.0-or-later
// A machine of an architecture that does not exist: all of its memory is mapped in one piece, and
// words are 8 or 4 bytes. What the kernel keeps there is put where a test wants it.
#pragma once

#include "mm-model/memory_map.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_memory.h"

#include <memory>
#include <optional>
#include <string>

namespace vmsift::test {

struct PlainShape {
  unsigned word_bytes = 8;
  ByteOrder order = ByteOrder::little;
  std::size_t page_size = 4096;
  PfnRange pages = {0, 0x20000};
  std::uint32_t page_struct_size = 64;
};

class PlainMachine {
 public:
  explicit PlainMachine(const PlainShape& shape = {})
      : memory(shape.pages.end, shape.order), shape_(shape) {
    EXPECT_TRUE(memory.set_page_size(shape.page_size));
    memory.add(shape.pages);
    layout.section_size_bits = 27;
    layout.max_physmem_bits = 46;
    layout.word_bytes = shape.word_bytes;
    const PhysAddr start{shape.pages.begin * shape.page_size};
    layout.linear.push_back({direct(start.value), start, shape.pages.size() * shape.page_size});
  }

  AddressLayout layout;
  Note note;
  SyntheticMemory memory;

  // Where the kernel sees the memory at `paddr`: at 3 GiB where addresses have 32 bits.
  [[nodiscard]] VirtAddr direct(std::uint64_t paddr) const {
    const std::uint64_t base = shape_.word_bytes == 8 ? 0xffff800000000000 : 0xc0000000;
    return {base + paddr - (shape_.word_bytes == 8 ? 0 : shape_.pages.begin * shape_.page_size)};
  }
  void put_word(std::uint64_t paddr, std::uint64_t value) {
    if (shape_.word_bytes == 8) {
      memory.put<std::uint64_t>({paddr}, value);
    } else {
      memory.put<std::uint32_t>({paddr}, static_cast<std::uint32_t>(value));
    }
  }
  [[nodiscard]] AddressSpace space() const { return {layout, memory}; }

  Result<std::unique_ptr<MemoryMap>> detect() const {
    AddressSpace at = space();
    const Vmcoreinfo parsed(note.text());
    return MemoryMap::detect({layout, memory, parsed, shape_.page_struct_size, at});
  }

 private:
  PlainShape shape_;
};

// A struct pglist_data of a made-up layout, at a physical address.
struct PlainNode {
  std::uint64_t at = 0;
  unsigned id = 0;
  std::uint64_t mem_map = 0;
  PfnRange pages;

  static constexpr std::uint32_t kMemMap = 0x40, kStart = 0x50, kSpanned = 0x58, kId = 0x60;
  static void describe(Note& note) {
    note.set("OFFSET(pglist_data.node_mem_map)", kMemMap);
    note.set("OFFSET(pglist_data.node_start_pfn)", kStart);
    note.set("OFFSET(pglist_data.node_spanned_pages)", kSpanned);
    note.set("OFFSET(pglist_data.node_id)", kId);
  }
  void put(PlainMachine& machine) const {
    machine.put_word(at + kMemMap, mem_map);
    machine.put_word(at + kStart, pages.begin);
    machine.put_word(at + kSpanned, pages.size());
    machine.memory.put<std::uint32_t>({at + kId}, id);
  }
};

// The nodes of a NUMA machine: node_data at `array`, node_online_map at `map`.
inline void put_nodes(PlainMachine& machine, std::uint64_t array, std::uint64_t map,
                      unsigned word_bytes, const std::vector<PlainNode>& nodes) {
  std::vector<std::uint64_t> words(1024 / 8 / word_bytes);
  for (const PlainNode& node : nodes) {
    node.put(machine);
    machine.put_word(array + node.id * word_bytes, machine.direct(node.at).value);
    words[node.id / (8 * word_bytes)] |= std::uint64_t{1} << node.id % (8 * word_bytes);
  }
  for (std::size_t i = 0; i < words.size(); ++i) machine.put_word(map + i * word_bytes, words[i]);
  PlainNode::describe(machine.note);
  machine.note.set_hex("SYMBOL(node_data)", machine.direct(array).value);
  machine.note.set("LENGTH(node_data)", 1024);
  machine.note.set_hex("SYMBOL(node_online_map)", machine.direct(map).value);
  machine.note.set("SIZE(nodemask_t)", 128);
}

}  // namespace vmsift::test
