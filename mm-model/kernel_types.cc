// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/kernel_types.h"

#include "mm-model/btf.h"
#include "mm-model/kallsyms.h"
#include "src/note/derive.h"

#include <algorithm>
#include <array>

namespace vmsift {
namespace {

constexpr std::string_view kBegin = "__start_BTF";
constexpr std::string_view kEnd = "__stop_BTF";

// For the length of node_data, which BTF has no variable of.
constexpr std::pair<std::string_view, std::string_view> kZoneReferences{"zonelist", "_zonerefs"};
constexpr std::pair<std::string_view, std::string_view> kZones{"pglist_data", "node_zones"};

class BtfFacts : public KernelFacts {
 public:
  BtfFacts(Kallsyms symbols, Btf btf) : symbols_(std::move(symbols)), btf_(std::move(btf)) {}

  [[nodiscard]] std::optional<std::uint64_t> symbol(std::string_view name) const override {
    const auto address = symbols_.address(name);
    return address ? std::optional(address->value) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint64_t> size_of(std::string_view type) const override {
    return btf_.size_of(type);
  }
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::string_view type,
                                                       std::string_view member) const override {
    return btf_.offset_of(type, member);
  }
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view type,
                                                       std::string_view member) const override {
    return btf_.length_of(type, member);
  }
  // node_data has an element for each possible node, and a list of zones has room for all zones of
  // all nodes, and the end (MAX_ZONES_PER_ZONELIST + 1).
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view variable) const override {
    if (variable != "node_data" || !symbols_.address(variable)) return std::nullopt;
    const auto all = btf_.length_of(kZoneReferences.first, kZoneReferences.second);
    const auto zones = btf_.length_of(kZones.first, kZones.second);
    if (!all || !zones || *zones == 0 || *all <= 1 || (*all - 1) % *zones != 0) return std::nullopt;
    return (*all - 1) / *zones;
  }
  [[nodiscard]] std::optional<std::int64_t> enumerator(std::string_view name) const override {
    return btf_.enumerator(name);
  }
  // Not known: derive_value() tells by the enumerators there are.
  [[nodiscard]] bool may_export(std::string_view /*name*/) const override { return true; }

 private:
  Kallsyms symbols_;
  Btf btf_;
};

Result<BtfFacts> read_facts(const Vmcoreinfo& note, ByteOrder order, AddressSpace& memory) {
  AskedNames asked = asked_names();
  asked.symbols.insert(asked.symbols.end(), {kBegin, kEnd});
  asked.types.push_back(kZoneReferences.first);
  asked.arrays.insert(asked.arrays.end(), {kZoneReferences, kZones});

  auto symbols = Kallsyms::read(note, order, memory, asked.symbols);
  if (!symbols) return symbols.take_error();
  const auto begin = symbols->address(kBegin);
  const auto end = symbols->address(kEnd);
  if (!begin || !end) return error("the kernel has no BTF");
  auto btf = Btf::read(memory, order, *begin, *end,
                       {asked.types, asked.members, asked.arrays, kNoteEnums, asked.enumerators});
  if (!btf) return btf.take_error();
  return BtfFacts(std::move(*symbols), std::move(*btf));
}

// The note's own keys, and what is of use only without a note.
bool is_for_the_note_alone(std::string_view key) {
  constexpr std::array<std::string_view, 3> kOfTheImage = {"linux_banner", "__start_notes",
                                                           "sme_me_mask"};
  const KeyParts parts = split_key(key);
  return parts.kind == "SYMBOL" &&
         (parts.name.starts_with("kallsyms_") ||
          std::find(kOfTheImage.begin(), kOfTheImage.end(), parts.name) != kOfTheImage.end());
}

// Whether BTF itself says so, and pages are kept or dropped by it: the layout of what leads to
// struct pages and of these, their flags and types. In kernels without enumerations of page types
// their values are conclusions of ours.
bool decides_on_pages(const KeyParts& key, const KernelFacts& facts) {
  constexpr std::array<std::string_view, 6> kStructures = {
      "page", "folio", "mem_section", "free_area", "pglist_data", "zone"};
  if (key.kind == "SYMBOL") return false;
  if (key.kind == "NUMBER") {
    return !key.name.starts_with("PAGE_") || facts.enumerator("PGTY_buddy") ||
           facts.enumerator("PG_buddy");
  }
  return std::find(kStructures.begin(), kStructures.end(), key.name) != kStructures.end();
}

// As a number, whatever the base: a given note may be of another hand than the kernel's.
std::optional<std::int64_t> number_in(const Vmcoreinfo& note, std::string_view key) {
  const KeyParts parts = split_key(key);
  const std::string_view inside = key.substr(parts.kind.size() + 1,  // TYPE.MEMBER
                                             key.size() - parts.kind.size() - 2);
  if (parts.kind == "NUMBER") return note.number(inside);
  if (parts.kind == "SIZE") return note.size(inside);
  return parts.kind == "OFFSET" ? note.offset(inside) : note.length(inside);
}

}  // namespace

BtfUse supply_from_btf(Vmcoreinfo& note, ByteOrder order, AddressSpace& memory) {
  BtfUse use;
  const auto facts = read_facts(note, order, memory);
  if (!facts) {
    use.reason = facts.message();
    return use;
  }
  const auto size = facts->size_of("page");
  const auto known_size = note.size("page");
  if (!size || (known_size && *known_size != *size)) {
    use.reason = size ? fmt::format("SIZE(page) is {} there and {} in the note", *size, *known_size)
                      : "there is not one struct page in it";
    return use;
  }
  use.used = true;
  for (const KeyRule& rule : kKeys) {
    const std::string_view key = rule.key;
    const std::string value = derive_value(rule, *facts);
    if (value.empty() || is_for_the_note_alone(key)) continue;
    if (!note.text(key)) {
      note.add(key, value);
      use.supplied.emplace_back(key);
    } else if (decides_on_pages(split_key(key), *facts) &&
               number_in(note, key) !=
                   number_in(Vmcoreinfo(fmt::format("{}={}", key, value)), key)) {
      note.remove(key);
      use.contradicted.emplace_back(key);
    }
  }
  return use;
}

}  // namespace vmsift
