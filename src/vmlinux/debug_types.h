// SPDX-License-Identifier: GPL-2.0-or-later
// The types of a kernel, out of its DWARF (versions 2 to 5; libdw also unpacks compressed
// sections).
//
// A vmlinux describes the same types in some thousand units, 20 million entries. The units that
// write the note and the log know nearly all that is asked for, so they are looked at first, and
// the others only while something that every kernel has is still missing.
#pragma once

#include "src/base/result.h"

#include <elfutils/libdw.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vmsift {

struct WantedTypes {
  std::span<const std::string_view> names;      // of structures, unions and typedefs
  std::span<const std::string_view> enums;      // of enumerations, all of whose values are kept
  std::span<const std::string_view> variables;  // for their types
};

class DebugTypes {
 public:
  // Units whose file name ends with one of `first` are looked at before the others; these are
  // only looked at until `enough` says so.
  static Result<DebugTypes> read(Elf* elf, const WantedTypes& wanted,
                                 std::span<const std::string_view> first,
                                 bool (*enough)(const DebugTypes&));

  [[nodiscard]] bool has_type(std::string_view name) const { return types_.contains(name); }
  [[nodiscard]] std::optional<std::uint64_t> size_of(std::string_view type) const;
  // Members of unnamed structures and unions inside count as those of the type.
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::string_view type,
                                                       std::string_view member) const;
  [[nodiscard]] bool has_member(std::string_view type, std::string_view member) const {
    return offset_of(type, member).has_value();
  }
  // Elements of a member, or of a variable, that is an array; of its first dimension.
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view type,
                                                       std::string_view member) const;
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view variable) const;
  [[nodiscard]] std::optional<std::int64_t> enumerator(std::string_view name) const;

 private:
  struct EndDwarf {
    void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
  };
  using Dies = std::map<std::string, Dwarf_Die, std::less<>>;

  Result<void> read_unit(Dwarf_Die unit, const WantedTypes& wanted);
  void take(Dwarf_Die& die, const WantedTypes& wanted);
  void take_enumerators(Dwarf_Die& die);

  std::unique_ptr<Dwarf, EndDwarf> dwarf_;
  Dies types_;
  Dies variables_;
  std::map<std::string, std::int64_t, std::less<>> enumerators_;
};

}  // namespace vmsift
