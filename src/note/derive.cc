// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/note/derive.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace vmsift {
namespace {

// A key that has the value of a page type, and the names of that type.
struct TypeKey {
  std::string_view key;
  std::string_view in_top_byte;  // since 6.12 (4ffca5a96678c)
  std::string_view bit;          // 6.11
  int macro;                     // 4.18 (6e292b9be7f4) to 6.10; 0: not one to go by
};
constexpr std::array<TypeKey, 6> kTypeKeys = {{
    {"PAGE_BUDDY_MAPCOUNT_VALUE", "PGTY_buddy", "PG_buddy", 0x80},
    {"PAGE_OFFLINE_MAPCOUNT_VALUE", "PGTY_offline", "PG_offline", 0x100},
    {"PAGE_HUGETLB_MAPCOUNT_VALUE", "PGTY_hugetlb", "PG_hugetlb", 0x800},  // 6.9, 6.10
    {"PAGE_SLAB_MAPCOUNT_VALUE", "PGTY_slab", "PG_slab", 0x1000},          // 6.10
    {"PAGE_TABLE_MAPCOUNT_VALUE", "PGTY_table", "PG_table",
     0},  // its macro changed from 5.10 to 6.1
    {"PAGE_UNACCEPTED_MAPCOUNT_VALUE", "PGTY_unaccepted", {}, 0},
}};

const TypeKey* type_key(std::string_view name) {
  const auto found = std::find_if(kTypeKeys.begin(), kTypeKeys.end(),
                                  [name](const TypeKey& t) { return t.key == name; });
  return found == kTypeKeys.end() ? nullptr : &*found;
}

// Whether the kernel has another mark for such pages, and the macro not yet its meaning: hugetlb
// pages had a destructor until 6.5 and a flag until 6.8, slab pages a flag until 6.9.
bool marked_otherwise(const TypeKey& type, const KernelFacts& facts) {
  const auto has = [&](std::string_view name) { return facts.enumerator(name).has_value(); };
  if (type.bit == "PG_hugetlb") return has("PG_hugetlb") || has("COMPOUND_PAGE_DTOR");
  return type.bit == "PG_slab" && has("PG_slab");
}

// A page type as the note has it. PGTY_x since 6.12: the top byte. PG_x as an enumerator in 6.11 (a
// bit below 2^31), as a macro since 4.18: that bit cleared in a word of ones. Before 4.18 buddy
// alone was marked, with -128 (2.6.39).
std::optional<std::int64_t> page_type(const TypeKey& type, const KernelFacts& facts) {
  if (const auto value = facts.enumerator(type.in_top_byte)) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(*value) << 24);
  }
  if (facts.enumerator("PGTY_buddy")) return std::nullopt;
  if (facts.enumerator("PG_buddy")) {
    const auto value = facts.enumerator(type.bit);
    return value && *value > 64 ? std::optional(~*value) : std::nullopt;
  }
  if (!facts.has_member("page", "page_type")) {
    return type.bit == "PG_buddy" ? std::optional(std::int64_t{-128}) : std::nullopt;
  }
  if (type.macro == 0 || marked_otherwise(type, facts)) return std::nullopt;
  return ~std::int64_t{type.macro};
}

std::optional<std::int64_t> number_of(std::string_view name, const KernelFacts& facts) {
  if (const TypeKey* type = type_key(name)) return page_type(*type, facts);
  if (name == "PG_head_mask") {
    const auto bit = facts.enumerator("PG_head");
    if (!bit || *bit < 0 || *bit > 62) return std::nullopt;
    return std::int64_t{1} << *bit;
  }
  const auto value = facts.enumerator(name);
  // 6.11 has page types whose names are those of older flags.
  if (value && name.starts_with("PG_") && (*value < 0 || *value > 63)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> address_of(std::string_view name, const KernelFacts& facts) {
  if (const auto symbol = facts.symbol(name)) return symbol;
  // A macro since 2.6.24: node_states[N_ONLINE], the second of its masks.
  if (name == "node_online_map") {
    const auto states = facts.symbol("node_states");
    const auto size = facts.size_of("nodemask_t");
    if (states && size) return *states + *size;
  }
  // Names of one table: init_level4_pgt until 4.12, init_top_pgt since.
  if (name == "swapper_pg_dir") {
    for (const std::string_view alias : {"init_top_pgt", "init_level4_pgt"}) {
      if (const auto symbol = facts.symbol(alias)) return symbol;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> length_of(std::string_view name, std::string_view member,
                                       const KernelFacts& facts) {
  if (!member.empty()) return facts.length_of(name, member);
  if (name == "printk_info_subsystem") return facts.length_of("dev_printk_info", "subsystem");
  if (name == "printk_info_device") return facts.length_of("dev_printk_info", "device");
  return facts.length_of(name);
}

bool applies(const KeyRule& rule, const KernelFacts& facts) {
  if (rule.exported_only && !facts.may_export(split_key(rule.key).name)) return false;
  if (rule.when.empty()) return true;
  const bool wanted = !rule.when.starts_with('!');
  const std::string_view what = rule.when.substr(wanted ? 0 : 1);
  const auto dot = what.find('.');
  const bool known = dot != std::string_view::npos
                         ? facts.has_member(what.substr(0, dot), what.substr(dot + 1))
                         : facts.size_of(what) || facts.symbol(what);
  return known == wanted;
}

}  // namespace

KeyParts split_key(std::string_view key) {
  const auto open = key.find('(');
  const std::string_view inside = key.substr(open + 1, key.size() - open - 2);
  const auto dot = inside.find('.');
  return {key.substr(0, open), inside.substr(0, dot),
          dot == std::string_view::npos ? std::string_view() : inside.substr(dot + 1)};
}

std::string derive_value(const KeyRule& rule, const KernelFacts& facts) {
  if (!applies(rule, facts)) return {};
  const auto [kind, name, member] = split_key(rule.key);
  if (kind == "NUMBER") {
    const auto number = number_of(name, facts);
    return number ? fmt::format("{}", *number) : std::string();
  }
  if (kind == "SYMBOL") {
    const auto address = address_of(name, facts);
    return address && *address != 0 ? fmt::format("{:x}", *address) : std::string();
  }
  const auto number = kind == "SIZE"     ? facts.size_of(name)
                      : kind == "OFFSET" ? facts.offset_of(name, member)
                                         : length_of(name, member, facts);
  return number ? fmt::format("{}", *number) : std::string();
}

AskedNames asked_names() {
  AskedNames asked;
  asked.symbols = {"node_states"};
  asked.members = {{"page", "page_type"}};
  asked.enumerators = {"PG_head", "COMPOUND_PAGE_DTOR"};
  for (const KeyRule& rule : kKeys) {
    const auto [kind, name, member] = split_key(rule.key);
    if (kind == "SYMBOL") asked.symbols.push_back(name);
    if (kind == "NUMBER") asked.enumerators.push_back(name);
    if (kind != "SYMBOL" && kind != "NUMBER") asked.types.push_back(name);
    if (kind == "OFFSET") asked.members.emplace_back(name, member);
    if (kind == "LENGTH" && !member.empty()) asked.arrays.emplace_back(name, member);
    if (name == "printk_info_subsystem") asked.arrays.emplace_back("dev_printk_info", "subsystem");
    if (name == "printk_info_device") asked.arrays.emplace_back("dev_printk_info", "device");
  }
  for (const TypeKey& type : kTypeKeys) {
    asked.enumerators.push_back(type.in_top_byte);
    if (!type.bit.empty()) asked.enumerators.push_back(type.bit);
  }
  const auto once = [](auto& names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
  };
  once(asked.symbols);
  once(asked.types);
  once(asked.members);
  once(asked.arrays);
  once(asked.enumerators);
  return asked;
}

}  // namespace vmsift
