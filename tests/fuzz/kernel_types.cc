// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's own types. fuzz_btf takes its input for BTF; fuzz_kernel_types takes it for the
// kernel's memory, in which a table of symbols leads to BTF.
#include "mm-model/kernel_types.h"

#include "mm-model/btf.h"
#include "src/note/derive.h"
#include "tests/fuzz/input_memory.h"
#include "tests/unit/support/btf_builder.h"
#include "tests/unit/support/symbol_table.h"

#include <algorithm>
#include <cstdlib>

namespace vmsift::fuzz {
namespace {

using test::BtfBuilder;
using test::SymbolImage;
using Kind = btf::Kind;

constexpr std::uint64_t kBtfAt = 0x40004;
constexpr std::uint64_t kImageEnd = 0x42000;
constexpr Pfn kMostPages = 256;

AddressLayout layout_of(const test::ScriptedSource& source, VirtAddr base) {
  AddressLayout layout;
  layout.linear.push_back({base, {0}, source.info().max_pfn * kMemoryPage});
  return layout;
}

BtfBuilder types(ByteOrder order) {
  BtfBuilder b(order);
  const auto ulong = b.integer("unsigned long", 8);
  const auto list = b.structure("list_head", 16, {{"next", ulong, 0}, {"prev", ulong, 64}});
  const auto alias = b.refer(Kind::typedef_, b.refer(Kind::const_, list), "atomic_long_t");
  const auto inner = b.structure("", 16, {{"lru", alias, 0}, {"private", ulong, 64}}, Kind::union_);
  b.structure("page", 64, {{"flags", ulong, 0}, {"", inner, 64}, {"_mapcount", ulong, 48 * 8}});
  b.structure("zone", 512, {{"free_area", b.array(list, 11), 0}, {"vm_stat", ulong, 3U << 24 | 8}},
              Kind::structure, true);
  b.structure("zonelist", 512, {{"_zonerefs", b.array(ulong, 321), 0}});
  b.structure("pglist_data", 512, {{"node_zones", b.array(ulong, 5), 0}});
  b.enumeration("pageflags", {{"PG_lru", 5}, {"PG_head", 6}});
  b.enumeration("pagetype", {{"PGTY_buddy", 0xf0}, {"PGTY_slab", 0xf5}}, true);
  b.add(Kind::prototype, "", 0, 2, {0, 1, 0, 2});
  return b;
}

struct Image : SymbolImage {
  explicit Image(Form form) {
    const auto bytes = types(ByteOrder::little).bytes();
    const std::uint64_t at = base.value;
    put(kBtfAt, bytes);
    write_table({{'T', "_stext", at},
                 {'R', "__start_BTF", at + kBtfAt},
                 {'R', "__stop_BTF", at + kBtfAt + bytes.size()},
                 {'d', std::string(200, 'x'), at + 0x41000},
                 {'B', "node_data", at + 0x41000},
                 {'D', "init_top_pgt", at + 0x41100}},
                form);
    note.set_hex("SYMBOL(_stext)", at);
    note.set_hex("SYMBOL(init_top_pgt)", at + 0x41100);
  }
};

}  // namespace

void fuzz_btf(Input input) {
  const test::ScriptedSource source = memory_of(input, 0, kMostPages);
  constexpr VirtAddr kBase{0xffffffff81000000};
  const AddressLayout layout = layout_of(source, kBase);
  const AskedNames asked = asked_names();
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    AddressSpace memory(layout, source);
    const auto btf =
        Btf::read(memory, order, kBase, kBase + input.size(),
                  {asked.types, asked.members, asked.arrays, kNoteEnums, asked.enumerators});
    if (!btf && btf.message().empty()) std::abort();
  }
}

void fuzz_kernel_types(Input input) {
  const test::ScriptedSource source = memory_of(input, 0, kMostPages);
  static const Image kAboveBase(SymbolImage::Form::above_base);
  static const Image kFromItself(SymbolImage::Form::from_itself);
  for (const Image* made : {&kAboveBase, &kFromItself}) {
    const AddressLayout layout = layout_of(source, made->base);
    AddressSpace memory(layout, source);
    Vmcoreinfo note(made->note.text());
    const auto before = note.entries();
    const BtfUse use = supply_from_btf(note, ByteOrder::little, memory);
    if (use.used != use.reason.empty()) std::abort();
    if (note.entries().size() != before.size() + use.supplied.size() - use.contradicted.size()) {
      std::abort();
    }
  }
}

std::vector<std::vector<std::byte>> btf_seeds() {
  BtfBuilder future = types(ByteOrder::little);
  future.lay_out({{0, 0}, {4, 0}, {0, 0}, {12, 0}});
  return {types(ByteOrder::little).bytes(), types(ByteOrder::big).bytes(), future.bytes()};
}

std::vector<std::vector<std::byte>> kernel_types_seeds() {
  std::vector<std::vector<std::byte>> seeds;
  for (const auto form : {SymbolImage::Form::above_base, SymbolImage::Form::from_itself}) {
    Image made(form);
    auto& seed = seeds.emplace_back();
    for (std::uint64_t at = 0; at < kImageEnd; ++at) {
      seed.push_back(std::byte{made.memory.get<std::uint8_t>({at})});
    }
  }
  return seeds;
}

}  // namespace vmsift::fuzz
