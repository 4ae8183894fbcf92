// SPDX-License-Identifier: GPL-2.0-or-later
// What a note gets from the kernel's own types, and what it loses to them.
#include "mm-model/kernel_types.h"

#include "tests/unit/support/btf_builder.h"
#include "tests/unit/support/symbol_table.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vmsift {
namespace {

using test::BtfBuilder;
using test::SymbolImage;
using Kind = btf::Kind;

constexpr std::uint64_t kBtf = 0x40004;

BtfBuilder types(std::uint32_t page_bytes = 64) {
  BtfBuilder b;
  const auto ulong = b.integer("unsigned long", 8);
  b.structure("page", page_bytes,
              {{"flags", ulong, 0}, {"mapping", ulong, 24 * 8}, {"page_type", ulong, 48 * 8}});
  b.structure("pglist_data", 4096, {{"node_zones", b.array(ulong, 5), 0}});
  b.structure("zonelist", 4096, {{"_zonerefs", b.array(ulong, 64 * 5 + 1), 0}});
  b.refer(Kind::typedef_, b.structure("", 8, {{"bits", ulong, 0}}), "nodemask_t");
  b.enumeration("pageflags", {{"PG_lru", 5}, {"PG_head", 6}, {"PG_private", 14}});
  b.enumeration("pagetype", {{"PGTY_buddy", 0xf0}, {"PGTY_slab", 0xf5}, {"PGTY_table", 0xf2}});
  return b;
}

class KernelTypes : public testing::Test {
 protected:
  void build(const BtfBuilder& builder) {
    const auto bytes = builder.bytes();
    const std::uint64_t at = image.base.value;
    image.put(kBtf, bytes);
    image.write_table({{'T', "_stext", at},
                       {'R', "__start_BTF", at + kBtf},
                       {'R', "__stop_BTF", at + kBtf + bytes.size()},
                       {'B', "node_data", at + 0x50000},
                       {'D', "node_states", at + 0x50100},
                       {'D', "vm_node_stat", at + 0x50200},
                       {'B', "mem_section", at + 0x50300}},
                      SymbolImage::Form::above_base);
    image.note.set_hex("SYMBOL(_stext)", at);
  }
  BtfUse supply() {
    note = Vmcoreinfo(image.note.text());
    AddressSpace memory(image.layout, image.memory);
    return supply_from_btf(note, ByteOrder::little, memory);
  }
  [[nodiscard]] std::string get(const char* key) const {
    return std::string(note.text(key).value_or("none"));
  }

  SymbolImage image;
  Vmcoreinfo note;
};

TEST_F(KernelTypes, AnEmptyNoteGetsEverything) {
  build(types());
  const BtfUse use = supply();
  EXPECT_TRUE(use.used);
  EXPECT_EQ(use.reason, "");
  EXPECT_EQ(use.contradicted, std::vector<std::string>());
  EXPECT_EQ(get("SIZE(page)"), "64");
  EXPECT_EQ(get("OFFSET(page.mapping)"), "24");
  EXPECT_EQ(get("OFFSET(page.lru)"), "none");
  EXPECT_EQ(get("NUMBER(PG_lru)"), "5");
  EXPECT_EQ(get("NUMBER(PG_head_mask)"), "64");
  EXPECT_EQ(get("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"), "-268435456");
  EXPECT_EQ(get("NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)"), "-184549376");
  EXPECT_EQ(get("NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)"), "-234881024");
  EXPECT_EQ(get("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)"), "none");
  EXPECT_EQ(get("SYMBOL(vm_node_stat)"), "ffffffff81050200");
  EXPECT_EQ(get("SYMBOL(node_online_map)"), "ffffffff81050108") << "the second of node_states";
  EXPECT_EQ(get("LENGTH(node_data)"), "64") << "out of the length of a list of all zones";
  EXPECT_EQ(get("SYMBOL(kallsyms_relative_base)"), "ffffffff8103f010") << "its own";
  for (const std::string& key : use.supplied) {
    EXPECT_EQ(image.note.get(key), std::nullopt) << key;
    EXPECT_NE(get(key.c_str()), "none") << key;
  }
  EXPECT_NE(std::find(use.supplied.begin(), use.supplied.end(), "SIZE(page)"), use.supplied.end());
}

TEST_F(KernelTypes, TheNoteWins) {
  build(types());
  image.note.set_hex("SYMBOL(mem_section)", 0xffff888000000000);
  image.note.set_hex("SYMBOL(node_data)", 0xffffffff81050008);
  image.note.set_hex("SYMBOL(vm_node_stat)", 0xffffffff81050200);
  image.note.set("NUMBER(PG_lru)", "0x5");  // the same
  image.note.set("SIZE(page)", "64");
  const BtfUse use = supply();
  EXPECT_TRUE(use.used);
  EXPECT_EQ(use.contradicted, std::vector<std::string>());
  EXPECT_EQ(get("SYMBOL(mem_section)"), "ffff888000000000");
  EXPECT_EQ(get("SYMBOL(node_data)"), "ffffffff81050008");
  EXPECT_EQ(get("NUMBER(PG_lru)"), "0x5");
  EXPECT_EQ(std::count(use.supplied.begin(), use.supplied.end(), "NUMBER(PG_lru)"), 0);
}

// Which of the two is damaged nobody knows.
TEST_F(KernelTypes, WhatContradictsIsBelievedNowhere) {
  build(types());
  image.note.set("NUMBER(PG_lru)", "4");
  image.note.set("OFFSET(page.mapping)", "zz");
  image.note.set("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", "-129");
  image.note.set("SIZE(nodemask_t)", "16");  // decides on no page
  const BtfUse use = supply();
  EXPECT_TRUE(use.used);
  EXPECT_EQ(use.contradicted, (std::vector<std::string>{"OFFSET(page.mapping)", "NUMBER(PG_lru)",
                                                        "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"}));
  EXPECT_EQ(get("NUMBER(PG_lru)"), "none");
  EXPECT_EQ(get("OFFSET(page.mapping)"), "none");
  EXPECT_EQ(get("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"), "none");
  EXPECT_EQ(get("SIZE(nodemask_t)"), "16");
}

TEST_F(KernelTypes, BtfOfAnotherKernelIsNotUsed) {
  build(types());
  image.note.set("SIZE(page)", "56");
  const std::string before = image.note.text();
  const BtfUse use = supply();
  EXPECT_FALSE(use.used);
  EXPECT_EQ(use.reason, "SIZE(page) is 64 there and 56 in the note");
  EXPECT_EQ(use.supplied, std::vector<std::string>());
  EXPECT_EQ(note.entries(), Vmcoreinfo(before).entries());
}

TEST_F(KernelTypes, TwoOrNoStructPages) {
  BtfBuilder b = types();
  b.structure("page", 32, {});
  build(b);
  EXPECT_EQ(supply().reason, "there is not one struct page in it");
}

TEST_F(KernelTypes, AKernelWithoutBtf) {
  image.write_table({{'T', "_stext", image.base.value}}, SymbolImage::Form::above_base);
  image.note.set_hex("SYMBOL(_stext)", image.base.value);
  EXPECT_EQ(supply().reason, "the kernel has no BTF");
}

TEST_F(KernelTypes, ANoteWithoutSymbols) {
  EXPECT_EQ(supply().reason, "SYMBOL(kallsyms_names) is missing");
}

// Before 6.11 page types were macros, of which BTF knows nothing: what other marks there are tells.
TEST_F(KernelTypes, PageTypesThatWereMacros) {
  struct Era {
    std::string mark;  // an enumerator that goes with it
    std::string slab, hugetlb;
  };
  for (const Era& era : {Era{"PG_slab", "none", "-2049"}, Era{"PG_hugetlb", "-4097", "none"},
                         Era{"PG_private", "-4097", "-2049"}}) {
    image.note = test::Note();
    BtfBuilder b;
    const auto ulong = b.integer("unsigned long", 8);
    b.structure("page", 64, {{"flags", ulong, 0}, {"page_type", ulong, 48 * 8}});
    b.enumeration("pageflags", {{"PG_lru", 5}, {era.mark, 9}});
    build(b);
    image.note.set("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", "-300");  // a conclusion is no objection
    const BtfUse use = supply();
    ASSERT_TRUE(use.used) << use.reason;
    EXPECT_EQ(get("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"), "-129");
    EXPECT_EQ(get("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)"), "-300");
    EXPECT_EQ(get("NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)"), era.slab) << era.mark;
    EXPECT_EQ(get("NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)"), era.hugetlb) << era.mark;
    EXPECT_EQ(get("NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)"), "none");
  }
}

}  // namespace
}  // namespace vmsift
