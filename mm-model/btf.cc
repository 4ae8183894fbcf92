// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/btf.h"

#include "mm-model/btf_names.h"

#include <algorithm>

namespace vmsift {

using btf::Kind;
using btf::Type;

// One reading: from questions to numbers.
class BtfReading {
 public:
  BtfReading(AddressSpace& memory, ByteOrder order, const btf::Sections& sections, btf::Names names,
             const BtfQuestions& questions)
      : types_(memory, order, sections), names_(std::move(names)), questions_(questions) {}

  Result<Btf> run();

 private:
  // A type with a name that is asked for.
  struct Definition {
    Type type;
    bool several = false;
  };
  using Definitions = std::map<std::string_view, Definition>;

  void note_down(const Type& type);
  void answer_type(std::string_view name, const Type& type);
  void take_members(std::string_view of, const Type& type, std::uint64_t base, unsigned depth);
  void take_member(std::string_view of, std::string_view name, std::uint64_t offset,
                   std::uint32_t type);
  void take_enumerators(const Type& type);

  btf::Types types_;
  btf::Names names_;
  BtfQuestions questions_;
  Definitions aggregates_;  // structures and unions
  Definitions typedefs_;
  Definitions enums_;
  Btf answers_;
};

namespace {

constexpr unsigned kDeepest = 16;  // struct page nests unnamed members 4 deep

bool is_aggregate(const Type& type) {
  return type.kind == Kind::structure || type.kind == Kind::union_;
}

template <class Names, class Name>
bool contains(const Names& names, const Name& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string_view> all_names(const BtfQuestions& q) {
  std::vector<std::string_view> names;
  for (const auto list : {q.types, q.enums, q.enumerators}) {
    names.insert(names.end(), list.begin(), list.end());
  }
  for (const auto members : {q.members, q.arrays}) {
    for (const auto& [type, member] : members) names.insert(names.end(), {type, member});
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

Result<Btf> BtfReading::run() {
  auto read = types_.read_all([this](const Type& type) { note_down(type); });
  if (!read) return read.take_error();
  for (const std::string_view name : questions_.types) {
    const auto aggregate = aggregates_.find(name);
    const auto alias = typedefs_.find(name);
    if (aggregate != aggregates_.end()) {
      if (!aggregate->second.several) answer_type(name, aggregate->second.type);
    } else if (alias != typedefs_.end() && !alias->second.several) {
      const auto type = types_.resolve(alias->second.type.size_or_type);
      if (type && is_aggregate(*type)) answer_type(name, *type);
    }
  }
  for (const auto& [name, definition] : enums_) {
    if (!definition.several) take_enumerators(definition.type);
  }
  if (types_.exhausted()) return error("BTF's types refer to each other without end");
  return std::move(answers_);
}

void BtfReading::note_down(const Type& type) {
  Definitions* kept = nullptr;
  switch (type.kind) {
    case Kind::structure:
    case Kind::union_:
      kept = &aggregates_;
      break;
    case Kind::typedef_:
      kept = &typedefs_;
      break;
    case Kind::enumeration:
    case Kind::enumeration64:
      kept = &enums_;
      break;
    default:
      return;
  }
  const std::string_view name = names_.at(type.name);
  if (name.empty() || !contains(kept == &enums_ ? questions_.enums : questions_.types, name)) {
    return;
  }
  // Drivers may have types of the same name. Which one is meant nobody says.
  const auto [it, added] = kept->try_emplace(name, Definition{type});
  it->second.several = !added;
}

void BtfReading::answer_type(std::string_view name, const Type& type) {
  answers_.sizes_.emplace(name, type.size_or_type);
  take_members(name, type, 0, 0);
}

void BtfReading::take_members(std::string_view of, const Type& type, std::uint64_t base,
                              unsigned depth) {
  for (std::uint32_t i = 0; i < type.elements; ++i) {
    const auto name = types_.word(type, i, 0);
    const auto number = types_.word(type, i, 1);
    const auto place = types_.word(type, i, 2);
    if (!name || !number || !place) return;
    // In bits. With the flag the upper byte is the width of a bit field.
    const bool bit_field = type.flag && *place >> 24 != 0;
    const std::uint32_t bits = type.flag ? *place & 0xffffff : *place;
    if (bit_field || bits % 8 != 0) continue;
    const std::uint64_t offset = base + bits / 8;
    if (*name == 0) {
      const auto inner = types_.resolve(*number);
      if (inner && is_aggregate(*inner) && depth < kDeepest) {
        take_members(of, *inner, offset, depth + 1);
      }
    } else if (const std::string_view member = names_.at(*name); !member.empty()) {
      take_member(of, member, offset, *number);
    }
  }
}

void BtfReading::take_member(std::string_view of, std::string_view name, std::uint64_t offset,
                             std::uint32_t type) {
  const std::pair key(of, name);
  if (contains(questions_.members, key)) answers_.offsets_.try_emplace(key, offset);
  if (!contains(questions_.arrays, key)) return;
  const auto resolved = types_.resolve(type);
  if (!resolved || resolved->kind != Kind::array) return;
  if (const auto length = types_.word(*resolved, 0, 2)) answers_.lengths_.try_emplace(key, *length);
}

void BtfReading::take_enumerators(const Type& type) {
  for (std::uint32_t i = 0; i < type.elements; ++i) {
    const auto name = types_.word(type, i, 0);
    const auto low = types_.word(type, i, 1);
    if (!name || !low) return;
    const std::string_view known = names_.at(*name);
    if (known.empty() || !contains(questions_.enumerators, known)) continue;
    // The flag says that the values have a sign.
    std::uint64_t value = *low;
    if (type.kind == Kind::enumeration64) {
      const auto high = types_.word(type, i, 2);
      if (!high) return;
      value |= std::uint64_t{*high} << 32;
    } else if (type.flag) {
      value = static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(*low)});
    }
    answers_.enumerators_.try_emplace(known, static_cast<std::int64_t>(value));
  }
}

Result<Btf> Btf::read(AddressSpace& memory, ByteOrder order, VirtAddr begin, VirtAddr end,
                      const BtfQuestions& questions) {
  if (end < begin) return error("BTF ends at {:#x}, before {:#x}", end.value, begin.value);
  auto sections = btf::read_sections(memory, order, begin, end - begin);
  if (!sections) return sections.take_error();
  auto names = btf::Names::find(memory, *sections, all_names(questions));
  if (!names) return names.take_error();
  return BtfReading(memory, order, *sections, std::move(*names), questions).run();
}

namespace {

template <class Map, class Key>
std::optional<typename Map::mapped_type> find_in(const Map& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace

std::optional<std::uint64_t> Btf::size_of(std::string_view type) const {
  return find_in(sizes_, type);
}

std::optional<std::uint64_t> Btf::offset_of(std::string_view type, std::string_view member) const {
  return find_in(offsets_, MemberName(type, member));
}

std::optional<std::uint64_t> Btf::length_of(std::string_view type, std::string_view member) const {
  return find_in(lengths_, MemberName(type, member));
}

std::optional<std::int64_t> Btf::enumerator(std::string_view name) const {
  return find_in(enumerators_, name);
}

}  // namespace vmsift
