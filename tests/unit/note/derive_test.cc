// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/note/derive.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace vmsift {
namespace {

// Knows what a test says, and remembers what it was asked.
class Facts : public KernelFacts {
 public:
  std::map<std::string, std::uint64_t, std::less<>> symbols, sizes, offsets, lengths;
  std::map<std::string, std::int64_t, std::less<>> enumerators;
  bool knows_all = false;  // whatever is asked: 40
  bool exports = true;
  mutable std::set<std::string> asked;

  [[nodiscard]] std::optional<std::uint64_t> symbol(std::string_view name) const override {
    return look_up("symbol", symbols, name);
  }
  [[nodiscard]] std::optional<std::uint64_t> size_of(std::string_view type) const override {
    return look_up("type", sizes, type);
  }
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::string_view type,
                                                       std::string_view member) const override {
    return look_up("member", offsets, both(type, member));
  }
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view type,
                                                       std::string_view member) const override {
    return look_up("array", lengths, both(type, member));
  }
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view variable) const override {
    return look_up("type", lengths, variable);
  }
  [[nodiscard]] std::optional<std::int64_t> enumerator(std::string_view name) const override {
    return look_up("enumerator", enumerators, name);
  }
  [[nodiscard]] bool may_export(std::string_view /*name*/) const override { return exports; }

 private:
  static std::string both(std::string_view type, std::string_view member) {
    return std::string(type) + '.' + std::string(member);
  }
  template <class Map>
  std::optional<typename Map::mapped_type> look_up(const char* kind, const Map& map,
                                                   std::string_view name) const {
    if (!name.empty()) asked.insert(std::string(kind) + ' ' + std::string(name));
    const auto it = map.find(name);
    if (it != map.end()) return it->second;
    return knows_all ? std::optional(typename Map::mapped_type{40}) : std::nullopt;
  }
};

std::string value(std::string_view key, const Facts& facts) {
  return derive_value(KeyRule{key}, facts);
}

// Who answers questions prepares for those.
TEST(Derive, AsksForNothingThatItDoesNotAnnounce) {
  std::set<std::string> announced;
  const AskedNames names = asked_names();
  for (const auto name : names.symbols) announced.insert("symbol " + std::string(name));
  for (const auto name : names.types) announced.insert("type " + std::string(name));
  for (const auto name : names.enumerators) announced.insert("enumerator " + std::string(name));
  for (const auto& [type, member] : names.members) {
    announced.insert("member " + std::string(type) + '.' + std::string(member));
  }
  for (const auto& [type, member] : names.arrays) {
    announced.insert("array " + std::string(type) + '.' + std::string(member));
  }
  Facts none, all, new_types, old_types;
  all.knows_all = true;
  new_types.enumerators = {{"PGTY_buddy", 0xf0}};
  old_types.enumerators = {{"PG_buddy", 0x40000000}};
  Facts macros;
  macros.offsets = {{"page.page_type", 48}};
  for (const Facts* facts : {&none, &all, &new_types, &old_types, &macros}) {
    for (const KeyRule& rule : kKeys) derive_value(rule, *facts);
    for (const std::string& question : facts->asked) {
      // Conditions may be symbols as well as types.
      const std::string name = question.substr(question.find(' ') + 1);
      EXPECT_TRUE(announced.contains(question) || announced.contains("type " + name) ||
                  announced.contains("symbol " + name))
          << question;
    }
  }
}

TEST(Derive, EachKindOfKey) {
  Facts f;
  f.symbols = {{"_stext", 0xffffffff81000000}, {"nothing", 0}};
  f.sizes = {{"page", 64}};
  f.offsets = {{"page.flags", 0}};
  f.lengths = {{"zone.free_area", 11}, {"dev_printk_info.subsystem", 16}, {"mem_section", 2048}};
  f.enumerators = {{"PG_lru", 5}, {"PG_head", 16}, {"PG_private", 64}};
  EXPECT_EQ(value("SYMBOL(_stext)", f), "ffffffff81000000");
  EXPECT_EQ(value("SYMBOL(nothing)", f), "") << "no address";
  EXPECT_EQ(value("SIZE(page)", f), "64");
  EXPECT_EQ(value("OFFSET(page.flags)", f), "0");
  EXPECT_EQ(value("OFFSET(page.mapping)", f), "");
  EXPECT_EQ(value("LENGTH(zone.free_area)", f), "11");
  EXPECT_EQ(value("LENGTH(mem_section)", f), "2048");
  EXPECT_EQ(value("LENGTH(printk_info_subsystem)", f), "16");
  EXPECT_EQ(value("NUMBER(PG_lru)", f), "5");
  EXPECT_EQ(value("NUMBER(PG_head_mask)", f), "65536");
  EXPECT_EQ(value("NUMBER(PG_private)", f), "") << "no bit of a word";
}

TEST(Derive, ConditionsOfKeys) {
  Facts f;
  f.sizes = {{"printk_ringbuffer", 80}};
  f.symbols = {{"prb", 1}, {"log_buf", 2}, {"vmap_area_list", 3}};
  f.offsets = {{"folio._folio_order", 81}, {"vmap_area.list", 40}};
  EXPECT_EQ(derive_value({"SYMBOL(prb)", "printk_ringbuffer"}, f), "1");
  EXPECT_EQ(derive_value({"SYMBOL(log_buf)", "!printk_ringbuffer"}, f), "");
  EXPECT_EQ(derive_value({"OFFSET(vmap_area.list)", "vmap_area_list"}, f), "40") << "a symbol";
  EXPECT_EQ(derive_value({"OFFSET(folio._folio_order)", "!page.compound_order"}, f), "81");
  f.offsets["page.compound_order"] = 17;
  EXPECT_EQ(derive_value({"OFFSET(folio._folio_order)", "!page.compound_order"}, f), "");
  f.exports = false;
  EXPECT_EQ(derive_value({"SYMBOL(prb)", {}, true}, f), "") << "not written by this kernel";
}

TEST(Derive, PageTypesBeforeThereWasAWordForThem) {
  const Facts f;
  EXPECT_EQ(value("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", f), "-128");
  EXPECT_EQ(value("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", f), "");
  EXPECT_EQ(value("NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)", f), "");
}

}  // namespace
}  // namespace vmsift
