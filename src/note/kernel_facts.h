// SPDX-License-Identifier: GPL-2.0-or-later
// Types and symbols of one kernel, wherever they come from: debug information of a vmlinux, or what
// the kernel has of them in its own memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vmsift {

class KernelFacts {
 public:
  virtual ~KernelFacts() = default;

  // The address of a variable or function.
  [[nodiscard]] virtual std::optional<std::uint64_t> symbol(std::string_view name) const = 0;
  // Of structures, unions and typedefs; sizes and offsets are in bytes. Members of unnamed
  // structures and unions inside count as those of the type.
  [[nodiscard]] virtual std::optional<std::uint64_t> size_of(std::string_view type) const = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> offset_of(std::string_view type,
                                                               std::string_view member) const = 0;
  // Elements of a member, or of a variable, that is an array.
  [[nodiscard]] virtual std::optional<std::uint64_t> length_of(std::string_view type,
                                                               std::string_view member) const = 0;
  [[nodiscard]] virtual std::optional<std::uint64_t> length_of(std::string_view variable) const = 0;
  // The value of an enumerator of one of kNoteEnums.
  [[nodiscard]] virtual std::optional<std::int64_t> enumerator(std::string_view name) const = 0;
  // False where it is known that this kernel does not write a key of that name into its note.
  [[nodiscard]] virtual bool may_export(std::string_view name) const = 0;

  [[nodiscard]] bool has_member(std::string_view type, std::string_view member) const {
    return offset_of(type, member).has_value();
  }
};

}  // namespace vmsift
