// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/vmlinux/debug_types.h"

#include <dwarf.h>

#include <algorithm>
#include <vector>

namespace vmsift {
namespace {

// Kernels use a handful of each. A damaged file may make circles of references.
constexpr int kMaxTypedefs = 32;
constexpr int kMaxNesting = 16;
constexpr int kMaxMembers = 1 << 16;

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view name_of(Dwarf_Die& die) {
  const char* name = dwarf_diename(&die);
  return name != nullptr ? name : "";
}

// Calls visit(child) for each child until it returns true. Children stand one behind the other in
// the section: one that does not is a circle.
template <class Visit>
Result<bool> each_child(Dwarf_Die& parent, Visit visit) {
  Dwarf_Die child;
  int got = dwarf_child(&parent, &child);
  while (got == 0) {
    if (visit(child)) return true;
    Dwarf_Die next;
    const Dwarf_Off here = dwarf_dieoffset(&child);
    got = dwarf_siblingof(&child, &next);
    if (got == 0 && dwarf_dieoffset(&next) <= here) {
      return error(".debug_info: the entry at {:#x} leads back", here);
    }
    child = next;
  }
  if (got < 0) {
    return error(".debug_info, behind {:#x}: {}", dwarf_dieoffset(&parent), dwarf_errmsg(-1));
  }
  return false;
}

// The type of a member or variable behind its typedefs and qualifiers.
std::optional<Dwarf_Die> type_of(Dwarf_Die die) {
  for (int i = 0; i < kMaxTypedefs; ++i) {
    Dwarf_Attribute attribute;
    Dwarf_Die type;
    if (dwarf_attr_integrate(&die, DW_AT_type, &attribute) == nullptr ||
        dwarf_formref_die(&attribute, &type) == nullptr) {
      return std::nullopt;
    }
    const int tag = dwarf_tag(&type);
    if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type) {
      return type;
    }
    die = type;
  }
  return std::nullopt;
}

bool is_aggregate(Dwarf_Die& die) {
  const int tag = dwarf_tag(&die);
  return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

// A number since DWARF 3; compilers of DWARF 2 wrote an expression that adds it. Members of a union
// have none.
std::optional<std::uint64_t> member_offset(Dwarf_Die& member) {
  Dwarf_Attribute attribute;
  if (dwarf_attr(&member, DW_AT_data_member_location, &attribute) == nullptr) return 0;
  Dwarf_Word value = 0;
  if (dwarf_formudata(&attribute, &value) == 0) return value;
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (dwarf_getlocation(&attribute, &ops, &count) != 0 || count != 1 ||
      ops[0].atom != DW_OP_plus_uconst) {
    return std::nullopt;
  }
  return ops[0].number;
}

struct Member {
  Dwarf_Die die;
  std::uint64_t offset = 0;
};

std::optional<Member> find_member(Dwarf_Die aggregate, std::string_view name, int depth,
                                  int& budget) {
  std::optional<Member> found;
  if (depth == 0) return found;
  auto walked = each_child(aggregate, [&](Dwarf_Die& child) {
    if (--budget < 0) return true;
    if (dwarf_tag(&child) != DW_TAG_member) return false;
    const std::string_view own = name_of(child);
    if (own == name) {
      if (const auto offset = member_offset(child)) found = Member{child, *offset};
      return true;
    }
    if (!own.empty()) return false;
    auto type = type_of(child);
    const auto offset = member_offset(child);
    if (!type || !offset || !is_aggregate(*type)) return false;
    found = find_member(*type, name, depth - 1, budget);
    if (found) found->offset += *offset;
    return found.has_value();
  });
  return walked ? found : std::nullopt;
}

std::optional<Member> find_member(const Dwarf_Die& type, std::string_view name) {
  int budget = kMaxMembers;
  return find_member(type, name, kMaxNesting, budget);
}

std::optional<std::uint64_t> array_length(const Dwarf_Die& holder) {
  auto type = type_of(holder);
  if (!type || dwarf_tag(&*type) != DW_TAG_array_type) return std::nullopt;
  std::optional<std::uint64_t> length;
  auto walked = each_child(*type, [&](Dwarf_Die& child) {
    if (dwarf_tag(&child) != DW_TAG_subrange_type) return false;
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_attr(&child, DW_AT_count, &attribute) != nullptr &&
        dwarf_formudata(&attribute, &value) == 0) {
      length = value;
    } else if (dwarf_attr(&child, DW_AT_upper_bound, &attribute) != nullptr &&
               dwarf_formudata(&attribute, &value) == 0) {
      length = value + 1;
    }
    return true;
  });
  // One of unknown length ("[]") is said to have -1 or no elements by some compilers.
  if (!walked || !length || *length == 0 || *length > 1U << 30) return std::nullopt;
  return length;
}

}  // namespace

Result<DebugTypes> DebugTypes::read(Elf* elf, const WantedTypes& wanted,
                                    std::span<const std::string_view> first,
                                    bool (*enough)(const DebugTypes&)) {
  DebugTypes types;
  types.dwarf_.reset(dwarf_begin_elf(elf, DWARF_C_READ, nullptr));
  if (!types.dwarf_) {
    return error("no debug information (DWARF) that can be read: {}", dwarf_errmsg(-1));
  }
  std::vector<Dwarf_Die> others;
  Dwarf_CU* unit = nullptr;
  for (;;) {
    Dwarf_Die die;
    const int got =
        dwarf_get_units(types.dwarf_.get(), unit, &unit, nullptr, nullptr, &die, nullptr);
    if (got < 0) return error(".debug_info: {}", dwarf_errmsg(-1));
    if (got > 0) break;
    const std::string_view name = name_of(die);
    const bool is_first = std::any_of(first.begin(), first.end(), [&](std::string_view file) {
      return name.ends_with(file) &&
             (name.size() == file.size() || name[name.size() - file.size() - 1] == '/');
    });
    if (!is_first) {
      others.push_back(die);
    } else if (auto read = types.read_unit(die, wanted); !read) {
      return read.take_error();
    }
  }
  for (const Dwarf_Die& die : others) {
    if (enough(types)) break;
    if (auto read = types.read_unit(die, wanted); !read) return read.take_error();
  }
  return types;
}

Result<void> DebugTypes::read_unit(Dwarf_Die unit, const WantedTypes& wanted) {
  auto walked = each_child(unit, [&](Dwarf_Die& die) {
    take(die, wanted);
    return false;
  });
  return walked ? Result<void>() : walked.take_error();
}

void DebugTypes::take(Dwarf_Die& die, const WantedTypes& wanted) {
  switch (dwarf_tag(&die)) {
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_class_type:
    case DW_TAG_typedef: {
      const std::string_view name = name_of(die);
      if (!name.empty() && contains(wanted.names, name) &&
          dwarf_hasattr(&die, DW_AT_declaration) == 0) {
        types_.try_emplace(std::string(name), die);
      }
      return;
    }
    case DW_TAG_enumeration_type: {
      const std::string_view name = name_of(die);
      if (!name.empty() && contains(wanted.enums, name)) take_enumerators(die);
      return;
    }
    case DW_TAG_variable: {
      const std::string_view name = name_of(die);
      if (!name.empty() && contains(wanted.variables, name)) {
        variables_.try_emplace(std::string(name), die);
      }
      return;
    }
    default:
      return;
  }
}

void DebugTypes::take_enumerators(Dwarf_Die& die) {
  int budget = kMaxMembers;
  auto walked = each_child(die, [&](Dwarf_Die& child) {
    Dwarf_Attribute attribute;
    Dwarf_Sword value = 0;
    if (dwarf_tag(&child) == DW_TAG_enumerator &&
        dwarf_attr(&child, DW_AT_const_value, &attribute) != nullptr) {
      // A value of one unsigned byte, 0xf0, reads as a negative number where it is taken as signed.
      Dwarf_Word bits = 0;
      if (dwarf_whatform(&attribute) != DW_FORM_sdata && dwarf_formudata(&attribute, &bits) == 0) {
        enumerators_.try_emplace(std::string(name_of(child)), static_cast<std::int64_t>(bits));
      } else if (dwarf_formsdata(&attribute, &value) == 0) {
        enumerators_.try_emplace(std::string(name_of(child)), value);
      }
    }
    return --budget < 0;
  });
  static_cast<void>(walked);  // what is damaged is not found
}

std::optional<std::uint64_t> DebugTypes::size_of(std::string_view type) const {
  const auto it = types_.find(type);
  if (it == types_.end()) return std::nullopt;
  Dwarf_Die die = it->second;
  if (dwarf_tag(&die) == DW_TAG_typedef) {
    const auto behind = type_of(die);
    if (!behind) return std::nullopt;
    die = *behind;
  }
  Dwarf_Word size = 0;
  if (dwarf_aggregate_size(&die, &size) != 0) return std::nullopt;
  return size;
}

std::optional<std::uint64_t> DebugTypes::offset_of(std::string_view type,
                                                   std::string_view member) const {
  const auto it = types_.find(type);
  if (it == types_.end()) return std::nullopt;
  Dwarf_Die die = it->second;
  if (dwarf_tag(&die) == DW_TAG_typedef) {
    const auto behind = type_of(die);
    if (!behind) return std::nullopt;
    die = *behind;
  }
  const auto found = find_member(die, member);
  return found ? std::optional(found->offset) : std::nullopt;
}

std::optional<std::uint64_t> DebugTypes::length_of(std::string_view type,
                                                   std::string_view member) const {
  const auto it = types_.find(type);
  if (it == types_.end()) return std::nullopt;
  const auto found = find_member(it->second, member);
  return found ? array_length(found->die) : std::nullopt;
}

std::optional<std::uint64_t> DebugTypes::length_of(std::string_view variable) const {
  const auto it = variables_.find(variable);
  return it == variables_.end() ? std::nullopt : array_length(it->second);
}

std::optional<std::int64_t> DebugTypes::enumerator(std::string_view name) const {
  const auto it = enumerators_.find(name);
  return it == enumerators_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace vmsift
