// SPDX-License-Identifier: GPL-2.0-or-later
// The nodes that a kernel names, in words of either size, and what is not to be believed of them.
#include "mm-model/nodes.h"

#include <gtest/gtest.h>

#include "tests/unit/mm-model/plain_machine.h"

namespace vmsift {
namespace {

using test::PlainMachine;
using test::PlainNode;
using test::PlainShape;

constexpr std::uint64_t kArray = 0x10000, kMap = 0x8000;

Result<Nodes> detect(const PlainMachine& machine) {
  AddressSpace memory = machine.space();
  return Nodes::detect(Vmcoreinfo(machine.note.text()), memory);
}

const std::vector<PlainNode> kThree = {
    {.at = 0x20000, .id = 0, .pages = {0x10, 0x1000}},
    {.at = 0x21000, .id = 3, .pages = {0x800, 0x3000}},
    {.at = 0x22000, .id = 70, .pages = {0, 0}},
};

class NodesOfAnyWord : public testing::TestWithParam<PlainShape> {};

TEST_P(NodesOfAnyWord, OnlineOnesByRisingId) {
  PlainMachine machine(GetParam());
  put_nodes(machine, kArray, kMap, GetParam().word_bytes, kThree);
  // A node that is offline has a pgdat too (5.18).
  machine.put_word(kArray + 5 * GetParam().word_bytes, machine.direct(0x23000).value);
  const auto nodes = detect(machine);
  ASSERT_TRUE(nodes) << nodes.message();
  ASSERT_EQ(nodes->all().size(), 3U);
  EXPECT_EQ(nodes->unreadable(), 0U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(nodes->all()[i].id, kThree[i].id);
    EXPECT_EQ(nodes->all()[i].pgdat, machine.direct(kThree[i].at));
    EXPECT_EQ(nodes->all()[i].start_pfn, kThree[i].pages.begin);
    EXPECT_EQ(nodes->all()[i].spanned_pages, kThree[i].pages.size());
  }
}

INSTANTIATE_TEST_SUITE_P(All, NodesOfAnyWord,
                         testing::Values(PlainShape{}, PlainShape{.word_bytes = 4},
                                         PlainShape{.order = ByteOrder::big},
                                         PlainShape{.word_bytes = 4, .order = ByteOrder::big}));

TEST(Nodes, TheOnlyOneHasNoArray) {
  PlainMachine machine;
  PlainNode{.at = 0x20000, .id = 0, .pages = {0x80, 0x1000}}.put(machine);
  PlainNode::describe(machine.note);
  machine.note.set_hex("SYMBOL(contig_page_data)", machine.direct(0x20000).value);
  const auto nodes = detect(machine);
  ASSERT_TRUE(nodes) << nodes.message();
  ASSERT_EQ(nodes->all().size(), 1U);
  EXPECT_EQ(nodes->all()[0].start_pfn, 0x80U);
}

TEST(Nodes, WithoutOffsetsTheyAreThereAndNothingIsKnownOfThem) {
  PlainMachine machine;
  put_nodes(machine, kArray, kMap, 8, kThree);
  for (const char* key : {"node_start_pfn", "node_spanned_pages", "node_id", "node_mem_map"}) {
    machine.note.remove(fmt::format("OFFSET(pglist_data.{})", key));
  }
  const auto nodes = detect(machine);
  ASSERT_TRUE(nodes) << nodes.message();
  EXPECT_EQ(nodes->all().size(), 3U);
  EXPECT_EQ(nodes->all()[1].spanned_pages, 0U);
}

TEST(Nodes, ThoseThatCannotBeReadAreCounted) {
  PlainMachine machine;
  put_nodes(machine, kArray, kMap, 8, kThree);
  machine.put_word(kArray + 3 * 8, 0);
  machine.memory.set_unreadable(0x22);
  const auto nodes = detect(machine);
  ASSERT_TRUE(nodes) << nodes.message();
  EXPECT_EQ(nodes->all().size(), 1U);
  EXPECT_EQ(nodes->unreadable(), 2U);
}

struct Damage {
  const char* name;
  void (*inflict)(PlainMachine& machine);
  const char* complaint;
};

class DamagedNodes : public testing::TestWithParam<Damage> {};

TEST_P(DamagedNodes, AreAnErrorThatSaysWhat) {
  PlainMachine machine;
  put_nodes(machine, kArray, kMap, 8, kThree);
  GetParam().inflict(machine);
  const auto nodes = detect(machine);
  ASSERT_FALSE(nodes);
  EXPECT_NE(nodes.message().find(GetParam().complaint), std::string::npos) << nodes.message();
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedNodes,
    testing::Values(
        Damage{"no_array", [](PlainMachine& m) { m.note.remove("SYMBOL(node_data)"); },
               "SYMBOL(node_data)"},
        Damage{"no_map", [](PlainMachine& m) { m.note.remove("SYMBOL(node_online_map)"); },
               "SYMBOL(node_online_map)"},
        Damage{"no_size", [](PlainMachine& m) { m.note.remove("SIZE(nodemask_t)"); },
               "SIZE(nodemask_t)"},
        Damage{"odd_size", [](PlainMachine& m) { m.note.set("SIZE(nodemask_t)", 12); },
               "SIZE(nodemask_t)"},
        Damage{"large_size", [](PlainMachine& m) { m.note.set("SIZE(nodemask_t)", 1 << 20); },
               "SIZE(nodemask_t)"},
        Damage{"map_elsewhere",
               [](PlainMachine& m) { m.note.set_hex("SYMBOL(node_online_map)", 0x1000); },
               "SYMBOL(node_online_map)"},
        Damage{"none_online",
               [](PlainMachine& m) {
                 m.note.set("SIZE(nodemask_t)", 8);
                 m.put_word(kMap, 0);
               },
               "SYMBOL(node_online_map)"},
        Damage{"beyond_array", [](PlainMachine& m) { m.note.set("LENGTH(node_data)", 64); },
               "LENGTH(node_data)"},
        Damage{"array_elsewhere",
               [](PlainMachine& m) { m.note.set_hex("SYMBOL(node_data)", 0x1000); },
               "no struct pglist_data"},
        Damage{"all_the_same",
               [](PlainMachine& m) { m.put_word(kArray + 3 * 8, m.direct(0x20000).value); },
               "OFFSET(pglist_data.node_id)"},
        Damage{"in_circles",
               [](PlainMachine& m) { m.put_word(kArray + 3 * 8, m.direct(kArray).value); },
               "OFFSET(pglist_data.node_id)"},
        Damage{"absurd_start",
               [](PlainMachine& m) { m.put_word(0x20000 + PlainNode::kStart, ~0ULL); },
               "cannot begin"},
        Damage{"absurd_span",
               [](PlainMachine& m) { m.put_word(0x20000 + PlainNode::kSpanned, 1ULL << 60); },
               "cannot begin"}),
    [](const auto& damage) { return damage.param.name; });

}  // namespace
}  // namespace vmsift
