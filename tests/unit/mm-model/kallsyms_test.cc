// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's table of symbols in each of its forms, and what is no such table.
#include "mm-model/kallsyms.h"

#include "tests/unit/support/symbol_table.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::SymbolImage;
using Form = SymbolImage::Form;

constexpr std::array<std::string_view, 7> kNames = {
    "_stext", "init_uts_ns", "init_top_pgt", "prb", "__start_BTF", "cpu_number", "node_data"};

std::vector<SymbolImage::Symbol> symbols_of(VirtAddr base) {
  const std::uint64_t at = base.value;
  return {{'A', "cpu_number", 0x1000},
          {'T', "_stext", at},
          {'t', "_stext_not", at + 0x10},
          {'t', "init", at + 0x20},
          {'t', "stext", at + 0x30},
          {'R', "__start_BTF", at + 0x60123},
          {'d', std::string(300, 'x'), at + 0x70000},
          {'d', "prb", at + 0x70100},
          {'D', "init_uts_ns", at + 0x70200},
          {'D', "init_top_pgt", at + 0x71000},
          {'b', "node_data", at + 0x72000}};
}

struct Case {
  Form form;
  ByteOrder order = ByteOrder::little;
  unsigned word_bytes = 8;
};

class KallsymsForms : public testing::TestWithParam<Case> {};

TEST_P(KallsymsForms, EachIsToldByWhatTheNoteHasToo) {
  const Case& c = GetParam();
  SymbolImage image(c.order, c.word_bytes);
  image.write_table(symbols_of(image.base), c.form);
  image.note.set_hex("SYMBOL(_stext)", image.base.value);
  image.note.set_hex("SYMBOL(init_uts_ns)", image.base.value + 0x70200);
  AddressSpace memory(image.layout, image.memory);
  const auto found = Kallsyms::read(Vmcoreinfo(image.note.text()), c.order, memory, kNames);
  ASSERT_TRUE(found) << found.message();
  for (const auto& s : symbols_of(image.base)) {
    if (std::find(kNames.begin(), kNames.end(), s.name) == kNames.end()) continue;
    if (s.name == "cpu_number" && c.form != Form::per_cpu && c.form != Form::addresses) continue;
    ASSERT_TRUE(found->address(s.name)) << s.name;
    EXPECT_EQ(found->address(s.name)->value, s.address) << s.name;
  }
  EXPECT_FALSE(found->address("stext")) << "nobody asked for it";
}

INSTANTIATE_TEST_SUITE_P(All, KallsymsForms,
                         testing::Values(Case{Form::addresses}, Case{Form::above_base},
                                         Case{Form::per_cpu}, Case{Form::from_itself},
                                         Case{Form::addresses, ByteOrder::little, 4},
                                         Case{Form::small, ByteOrder::little, 4},
                                         Case{Form::above_base, ByteOrder::big},
                                         Case{Form::from_itself, ByteOrder::big, 8},
                                         Case{Form::per_cpu, ByteOrder::big, 8}));

class KallsymsTest : public testing::Test {
 protected:
  KallsymsTest() {
    image.write_table(symbols_of(image.base), Form::from_itself);
    image.note.set_hex("SYMBOL(_stext)", image.base.value);
    image.note.set_hex("SYMBOL(init_top_pgt)", image.base.value + 0x71000);
  }
  Result<Kallsyms> read() {
    AddressSpace memory(image.layout, image.memory);
    return Kallsyms::read(Vmcoreinfo(image.note.text()), ByteOrder::little, memory, kNames);
  }
  std::string error() {
    auto found = read();
    return found ? "" : found.message();
  }

  SymbolImage image;
};

TEST_F(KallsymsTest, OneDamagedSymbolOfTheNoteIsOutvoted) {
  image.note.set_hex("SYMBOL(init_uts_ns)", 0xffffffff81000008);
  ASSERT_EQ(error(), "");
  EXPECT_EQ(read()->address("init_uts_ns")->value, image.base.value + 0x70200);
}

TEST_F(KallsymsTest, NoSymbolToCompareWithIsNoReading) {
  image.note.remove("SYMBOL(_stext)");
  image.note.remove("SYMBOL(init_top_pgt)");
  EXPECT_NE(error().find("no reading"), std::string::npos) << error();
}

// On x86 the root of the page tables has one name in the note and another as a symbol.
TEST_F(KallsymsTest, TheRootOfThePageTablesIsWitnessEnough) {
  image.note.remove("SYMBOL(_stext)");
  image.note.remove("SYMBOL(init_top_pgt)");
  image.note.set_hex("SYMBOL(swapper_pg_dir)", image.base.value + 0x71000);
  EXPECT_EQ(error(), "");
}

TEST_F(KallsymsTest, AddressesThatDisagreeAreNone) {
  image.note.set_hex("SYMBOL(_stext)", image.base.value + 1);
  image.note.set_hex("SYMBOL(init_top_pgt)", image.base.value + 2);
  EXPECT_NE(error().find("no reading"), std::string::npos) << error();
}

// The address in the note is that of the array, the symbol that of the pointer to it.
TEST_F(KallsymsTest, MemSectionIsNoWitness) {
  constexpr std::array<std::string_view, 2> kAsked = {"mem_section", "prb"};
  auto symbols = symbols_of(image.base);
  symbols.push_back({'B', "mem_section", image.base.value + 0x73000});
  image.write_table(symbols, Form::from_itself);
  image.note = test::Note(image.note.text());
  image.note.set_hex("SYMBOL(mem_section)", 0xffff888000001000);
  image.note.set_hex("SYMBOL(prb)", image.base.value + 0x70100);
  AddressSpace memory(image.layout, image.memory);
  auto found = Kallsyms::read(Vmcoreinfo(image.note.text()), ByteOrder::little, memory, kAsked);
  ASSERT_TRUE(found) << found.message();
  EXPECT_EQ(found->address("mem_section")->value, image.base.value + 0x73000);
}

TEST_F(KallsymsTest, ANameOfSeveralSymbolsIsUnknown) {
  auto symbols = symbols_of(image.base);
  symbols.push_back({'d', "prb", image.base.value + 0x74000});
  symbols.push_back({'b', "node_data", image.base.value + 0x72000});  // the same twice
  image.write_table(symbols, Form::from_itself);
  ASSERT_EQ(error(), "");
  EXPECT_FALSE(read()->address("prb"));
  EXPECT_TRUE(read()->address("node_data"));
}

TEST_F(KallsymsTest, EachMissingKeyIsNamed) {
  for (const char* key :
       {"SYMBOL(kallsyms_names)", "SYMBOL(kallsyms_num_syms)", "SYMBOL(kallsyms_token_table)",
        "SYMBOL(kallsyms_token_index)", "SYMBOL(kallsyms_offsets)"}) {
    const test::Note whole = image.note;
    image.note.remove(key);
    EXPECT_EQ(error(), std::string(key) + " is missing");
    image.note = whole;
  }
}

TEST_F(KallsymsTest, WhatCannotBeReadIsNamed) {
  for (const std::uint64_t at :
       {SymbolImage::kNames, SymbolImage::kCount, SymbolImage::kTokens, SymbolImage::kIndex}) {
    SymbolImage other;
    other.write_table(symbols_of(other.base), Form::from_itself);
    other.memory.set_unreadable(at / 4096);
    AddressSpace memory(other.layout, other.memory);
    auto found = Kallsyms::read(Vmcoreinfo(other.note.text()), ByteOrder::little, memory, kNames);
    ASSERT_FALSE(found);
    EXPECT_NE(found.message().find("cannot be read"), std::string::npos) << found.message();
  }
}

TEST_F(KallsymsTest, CountsAndLengthsHaveBounds) {
  image.memory.put({SymbolImage::kCount}, Kallsyms::kMostSymbols + 1);
  EXPECT_NE(error().find("kallsyms_num_syms is"), std::string::npos) << error();
  image.memory.put({SymbolImage::kCount}, std::uint32_t{0});
  EXPECT_NE(error().find("kallsyms_num_syms is 0"), std::string::npos) << error();
  // More symbols than there are names: what follows is zeros.
  image.memory.put({SymbolImage::kCount}, std::uint32_t{1000});
  EXPECT_NE(error().find("a name of 0 bytes"), std::string::npos) << error();
  image.memory.put({SymbolImage::kCount}, std::uint32_t{1});
  image.memory.put({SymbolImage::kNames}, std::uint16_t{0xffff});
  EXPECT_NE(error().find("a name of 32767 bytes"), std::string::npos) << error();
}

TEST_F(KallsymsTest, ANameThatIsThereTooOftenIsAnError) {
  std::vector<SymbolImage::Symbol> symbols(5000, {'d', "prb", image.base.value});
  image.write_table(symbols, Form::from_itself);
  EXPECT_NE(error().find("too often"), std::string::npos) << error();
}

TEST_F(KallsymsTest, TokensWithoutAnEnd) {
  for (std::uint64_t at = 0; at < 0x800; ++at) {
    image.memory.put({SymbolImage::kTokens + at}, std::uint8_t{'a'});
  }
  EXPECT_NE(error().find("without an end"), std::string::npos) << error();
}

}  // namespace
}  // namespace vmsift
