// SPDX-License-Identifier: GPL-2.0-or-later
// FLATMEM and DISCONTIGMEM: every page frame has the struct page that the kernel's own formula
// gives it, and none where the kernel has none or contradicts itself.
#include "mm-model/range_map.h"

#include <gtest/gtest.h>

#include "tests/unit/mm-model/plain_machine.h"

namespace vmsift {
namespace {

using test::PlainMachine;
using test::PlainNode;
using test::PlainShape;

constexpr std::uint64_t kNode = 0x20000, kMemMapVariable = 0x7008;

// One node from `first` on; mem_map begins at the architecture's first page frame, `offset`.
struct Flat {
  explicit Flat(const PlainShape& shape, Pfn offset, Pfn first)
      : machine(shape), base(shape.pages.begin * shape.page_size) {
    mem_map = machine.direct(base + 0x400000).value;
    const PlainNode node{.at = base + kNode,
                         .mem_map = mem_map + (first - offset) * shape.page_struct_size,
                         .pages = {first, shape.pages.end}};
    node.put(machine);
    PlainNode::describe(machine.note);
    machine.put_word(base + kMemMapVariable, mem_map);
    machine.note.set_hex("SYMBOL(mem_map)", machine.direct(base + kMemMapVariable).value);
    machine.note.set_hex("SYMBOL(contig_page_data)", machine.direct(base + kNode).value);
  }
  PlainMachine machine;
  std::uint64_t base;
  std::uint64_t mem_map;
};

class FlatOfAnyKind : public testing::TestWithParam<PlainShape> {};

TEST_P(FlatOfAnyKind, FindsEveryStructPageAndTheWayBack) {
  const PlainShape shape = GetParam();
  const Pfn offset = shape.pages.begin;
  const Pfn first = offset + 16;
  Flat flat(shape, offset, first);
  const auto map = flat.machine.detect();
  ASSERT_TRUE(map) << map.message();
  EXPECT_EQ((*map)->model(), "FLATMEM");
  AddressSpace memory = flat.machine.space();
  for (Pfn pfn = first; pfn < shape.pages.end; pfn += 4099) {
    const VirtAddr at{flat.mem_map + (pfn - offset) * shape.page_struct_size};
    const MapPart part = (*map)->part(pfn, memory);
    EXPECT_EQ(part.structs, at) << pfn;
    EXPECT_EQ(part.end, shape.pages.end);
    EXPECT_FALSE(part.offline);
    EXPECT_EQ((*map)->pfn_of(at, memory), pfn);
    EXPECT_EQ((*map)->pfn_of(at + 4, memory), std::nullopt);
  }
  EXPECT_FALSE((*map)->part(shape.pages.end, memory).structs);
  EXPECT_FALSE((*map)->part(offset, memory).structs);
  EXPECT_EQ((*map)->part(offset, memory).end, first);
  EXPECT_FALSE((*map)->pfn_of({flat.mem_map}, memory));
  EXPECT_FALSE((*map)->pfn_of({0}, memory));
  EXPECT_FALSE((*map)->pfn_of({~std::uint64_t{0}}, memory));
}

INSTANTIATE_TEST_SUITE_P(All, FlatOfAnyKind,
                         testing::Values(PlainShape{}, PlainShape{.pages = {0x80000, 0x90000}},
                                         PlainShape{.word_bytes = 4, .page_struct_size = 32},
                                         PlainShape{.word_bytes = 4,
                                                    .order = ByteOrder::big,
                                                    .pages = {0x80000, 0x90000},
                                                    .page_struct_size = 36},
                                         PlainShape{.page_size = 16384, .pages = {0x8000, 0xa000}},
                                         PlainShape{.page_size = 65536, .pages = {0x100, 0x2000}}));

TEST(FlatMap, WhatContradictsItIsNamed) {
  struct Case {
    const char* complaint;
    void (*change)(Flat& flat);
  };
  const Case cases[] = {
      {"OFFSET(pglist_data.node_mem_map)",
       [](Flat& f) { f.machine.note.remove("OFFSET(pglist_data.node_mem_map)"); }},
      {"OFFSET(pglist_data.node_start_pfn)",
       [](Flat& f) { f.machine.note.remove("OFFSET(pglist_data.node_start_pfn)"); }},
      {"OFFSET(pglist_data.node_spanned_pages)",
       [](Flat& f) { f.machine.note.remove("OFFSET(pglist_data.node_spanned_pages)"); }},
      {"SYMBOL(contig_page_data)",
       [](Flat& f) { f.machine.note.remove("SYMBOL(contig_page_data)"); }},
      {"SYMBOL(mem_map)", [](Flat& f) { f.machine.note.set_hex("SYMBOL(mem_map)", 0x1000); }},
      {"mem_map", [](Flat& f) { f.machine.put_word(f.base + kMemMapVariable, 0); }},
      {"mem_map",
       [](Flat& f) { f.machine.put_word(f.base + kMemMapVariable, f.mem_map + 64 * 64); }},
      {"mem_map", [](Flat& f) { f.machine.put_word(f.base + kMemMapVariable, f.mem_map + 8); }},
      {"mem_map", [](Flat& f) { f.machine.put_word(f.base + kMemMapVariable, f.mem_map - 64); }},
      {"no node_mem_map",
       [](Flat& f) { f.machine.put_word(f.base + kNode + PlainNode::kMemMap, 0); }},
      {"no node_mem_map",
       [](Flat& f) { f.machine.put_word(f.base + kNode + PlainNode::kSpanned, 0); }},
      {"no room",
       [](Flat& f) { f.machine.put_word(f.base + kNode + PlainNode::kMemMap, ~0xfffULL); }},
  };
  for (const Case& c : cases) {
    Flat flat(PlainShape{}, 0, 16);
    c.change(flat);
    const auto map = flat.machine.detect();
    ASSERT_FALSE(map) << c.complaint;
    EXPECT_NE(map.message().find(c.complaint), std::string::npos) << map.message();
  }
}

// Nodes 0, 1 and 2, whose arrays stand in falling order. Node 2 has no memory.
struct Discontiguous {
  static constexpr std::uint64_t kArray = 0x10000, kOnline = 0x8000;
  static constexpr std::uint64_t kMaps[2] = {0x1000000, 0x400000};

  Discontiguous(PfnRange first, PfnRange second, unsigned word_bytes = 8)
      : machine({.word_bytes = word_bytes}) {
    put_nodes(machine, kArray, kOnline, word_bytes,
              {{.at = 0x20000, .id = 0, .mem_map = at(0, 0).value, .pages = first},
               {.at = 0x21000, .id = 1, .mem_map = at(1, 0).value, .pages = second},
               {.at = 0x22000, .id = 2, .pages = {}}});
  }
  [[nodiscard]] VirtAddr at(unsigned node, std::uint64_t page) const {
    return machine.direct(kMaps[node] + page * 64);
  }
  // As the kernel initialises the struct pages of memory that the node has.
  void initialise(unsigned node, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t page = begin; page < end; ++page) {
      machine.memory.put<std::uint32_t>({kMaps[node] + page * 64 + 48}, 0xffffffff);
    }
  }
  PlainMachine machine;
};

TEST(NodeMap, EachNodeHasItsArrayAndHolesHaveNone) {
  for (const unsigned word_bytes : {8U, 4U}) {
    Discontiguous kernel({0x10, 0x4000}, {0x8000, 0xc000}, word_bytes);
    const auto map = kernel.machine.detect();
    ASSERT_TRUE(map) << map.message();
    EXPECT_EQ((*map)->model(), "DISCONTIGMEM");
    AddressSpace memory = kernel.machine.space();
    EXPECT_EQ((*map)->part(0x10, memory).structs, kernel.at(0, 0));
    EXPECT_EQ((*map)->part(0x3fff, memory).structs, kernel.at(0, 0x3fef));
    EXPECT_EQ((*map)->part(0x3fff, memory).end, 0x4000U);
    EXPECT_FALSE((*map)->part(0x4000, memory).structs);
    EXPECT_EQ((*map)->part(0x4000, memory).end, 0x8000U);
    EXPECT_EQ((*map)->part(0x8123, memory).structs, kernel.at(1, 0x123));
    EXPECT_FALSE((*map)->part(0xc000, memory).structs);
    EXPECT_FALSE((*map)->part(0, memory).structs);
    EXPECT_EQ((*map)->pfn_of(kernel.at(0, 5), memory), 0x15U);
    EXPECT_EQ((*map)->pfn_of(kernel.at(1, 0x3fff), memory), 0xbfffU);
    EXPECT_EQ((*map)->pfn_of(kernel.at(1, 0x4000), memory), std::nullopt);
  }
}

// Node 0 has the first and the last quarter, node 1 the middle and, as far as its span goes, all.
TEST(NodeMap, InterleavedMemoryBelongsToTheNodeThatInitialisedIt) {
  Discontiguous kernel({0, 0x8000}, {0x2000, 0x6000});
  kernel.initialise(0, 0, 0x2000);
  kernel.initialise(1, 0, 0x2000);       // page frames 0x2000 to 0x3fff
  kernel.initialise(0, 0x4000, 0x8000);  // the rest; node 1 spans it up to 0x5fff
  const auto map = kernel.machine.detect();
  ASSERT_TRUE(map) << map.message();
  AddressSpace memory = kernel.machine.space();
  for (Pfn pfn = 0; pfn < 0x8000; pfn += 0x333) {
    const bool second = pfn >= 0x2000 && pfn < 0x4000;
    const VirtAddr at = second ? kernel.at(1, pfn - 0x2000) : kernel.at(0, pfn);
    EXPECT_EQ((*map)->part(pfn, memory).structs, at) << pfn;
    EXPECT_EQ((*map)->pfn_of(at, memory), pfn);
    if (pfn >= 0x2000 && pfn < 0x6000) {
      // The array of the other node says nothing of that page.
      EXPECT_EQ((*map)->pfn_of(second ? kernel.at(0, pfn) : kernel.at(1, pfn - 0x2000), memory),
                std::nullopt);
    }
  }
}

TEST(NodeMap, WhereBothOrNeitherInitialisedItNothingIsKnown) {
  Discontiguous kernel({0, 0x8000}, {0x2000, 0x6000});
  kernel.initialise(0, 0, 0x8000);
  kernel.initialise(1, 0, 0x2000);
  const auto map = kernel.machine.detect();
  ASSERT_TRUE(map) << map.message();
  AddressSpace memory = kernel.machine.space();
  EXPECT_FALSE((*map)->part(0x2000, memory).structs);
  EXPECT_TRUE((*map)->part(0x4000, memory).structs);
  Discontiguous blank({0, 0x8000}, {0x2000, 0x6000});
  AddressSpace its_memory = blank.machine.space();
  const auto its_map = blank.machine.detect();
  ASSERT_TRUE(its_map);
  EXPECT_FALSE((*its_map)->part(0x2000, its_memory).structs);
  EXPECT_EQ((*its_map)->part(0x2000, its_memory).end, 0x4000U);
}

TEST(NodeMap, ANodeWithAnAbsurdArrayLosesItsPagesOnly) {
  for (const std::uint64_t absurd : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1}}) {
    Discontiguous kernel({0, 0x4000}, {0x8000, 0xc000});
    kernel.machine.put_word(0x21000 + PlainNode::kMemMap, absurd);
    const auto map = kernel.machine.detect();
    ASSERT_TRUE(map) << map.message();
    AddressSpace memory = kernel.machine.space();
    EXPECT_TRUE((*map)->part(0, memory).structs);
    EXPECT_FALSE((*map)->part(0x8000, memory).structs);
  }
}

TEST(NodeMap, ErrorsOfNodesAreItsErrors) {
  Discontiguous kernel({0, 0x4000}, {0x8000, 0xc000});
  kernel.machine.memory.put<std::uint32_t>({0x21000 + PlainNode::kId}, 7);
  const auto map = kernel.machine.detect();
  ASSERT_FALSE(map);
  EXPECT_NE(map.message().find("node_id"), std::string::npos);
}

TEST(MemoryMapOf, ANoteThatNamesNoModel) {
  const PlainMachine machine;
  const auto map = machine.detect();
  ASSERT_FALSE(map);
  for (const char* key : {"mem_section", "node_mem_map", "mem_map"}) {
    EXPECT_NE(map.message().find(key), std::string::npos);
  }
}

}  // namespace
}  // namespace vmsift
