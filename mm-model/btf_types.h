// SPDX-License-Identifier: GPL-2.0-or-later
// The format of BTF, the BPF Type Format (include/uapi/linux/btf.h): a header, a row of types that
// refer to each other by number, and their names. A kernel since 5.2 with CONFIG_DEBUG_INFO_BTF has
// one of all its types in its read-only data, of 4 to 6 MB.
//
// Nothing of it is held: types are read where they lie, through small windows.
#pragma once

#include "mm-model/memory_window.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace vmsift::btf {

enum class Kind : std::uint8_t {
  integer = 1,
  pointer = 2,
  array = 3,
  structure = 4,
  union_ = 5,
  enumeration = 6,
  forward = 7,
  typedef_ = 8,
  volatile_ = 9,
  const_ = 10,
  restrict_ = 11,
  function = 12,
  prototype = 13,
  variable = 14,
  section = 15,
  floating = 16,
  declaration_tag = 17,  // 5.16
  type_tag = 18,         // 5.17
  enumeration64 = 19,    // 6.0
};

// The three words that every type begins with.
struct Type {
  std::uint32_t name = 0;  // into the strings; 0: none
  Kind kind{};
  std::uint32_t elements = 0;
  bool flag = false;               // structures: members may be bit fields
  std::uint32_t size_or_type = 0;  // bytes, or the type that it refers to
  std::uint64_t at = 0;            // where it lies in the section
};
constexpr std::size_t kTypeBytes = 12;

// Bytes behind the three words: `fixed`, and `each` for every element.
struct Extent {
  std::uint8_t fixed = 0;
  std::uint8_t each = 0;
  bool known = false;
};
constexpr std::size_t kKinds = 128;  // 7 bits since 7.2, 5 bits of them before

struct Sections {
  VirtAddr types;
  std::uint64_t types_size = 0;
  VirtAddr strings;
  std::uint64_t strings_size = 0;
  std::array<Extent, kKinds> extents;
};

// Fails when there is no BTF of version 1 in `size` bytes from `begin` on, or a section leaves
// them.
Result<Sections> read_sections(AddressSpace& memory, ByteOrder order, VirtAddr begin,
                               std::uint64_t size);

constexpr std::uint32_t kMostTypes = 1U << 20;                 // BTF_MAX_TYPE
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;  // of the whole

// The types by number, 1 and up.
class Types {
 public:
  Types(AddressSpace& memory, ByteOrder order, const Sections& sections);

  // Shows every type, in their order. Fails at the first one that makes no sense, and after as many
  // as there may be. To be called first: it also notes where types are.
  template <class Visit>
  Result<void> read_all(const Visit& visit);

  // All of these are empty for what does not exist, and once kMostSteps types and elements were
  // looked at: types may refer to each other in any way.
  std::optional<Type> by_number(std::uint32_t number);
  std::optional<Type> at(std::uint64_t offset);
  // What `number` stands for, without typedefs and qualifiers: chains of up to 32.
  std::optional<Type> resolve(std::uint32_t number);
  // Word `word` of element `index`; or behind the three words, if the type has no elements.
  std::optional<std::uint32_t> word(const Type& type, std::uint64_t index, unsigned word);

  [[nodiscard]] bool exhausted() const { return steps_ >= kMostSteps; }
  static constexpr std::uint32_t kMostSteps = 1U << 18;  // a kernel needs 10000

 private:
  // Kind and number of elements have 5 and 16 bits until 7.1, 7 and 24 bits since; the others were
  // 0.
  [[nodiscard]] Type decode(const std::byte* raw, std::uint64_t at) const {
    const auto info = load<std::uint32_t>(raw + 4, order_);
    return {load<std::uint32_t>(raw, order_),
            static_cast<Kind>(info >> 24 & 0x7f),
            info & 0xffffff,
            info >> 31 != 0,
            load<std::uint32_t>(raw + 8, order_),
            at};
  }
  [[nodiscard]] std::uint64_t size_of(const Type& type) const {
    const Extent& extent = extents_[static_cast<std::size_t>(type.kind)];
    return kTypeBytes + extent.fixed + std::uint64_t{extent.each} * type.elements;
  }

  static constexpr std::uint32_t kStride = 64;
  MemoryWindow sweep_;  // from beginning to end
  MemoryWindow near_;   // here and there
  ByteOrder order_;
  std::array<Extent, kKinds> extents_;
  std::vector<std::uint32_t> places_;  // of every kStride-th type
  std::uint32_t count_ = 0;
  std::uint32_t steps_ = 0;
};

template <class Visit>
Result<void> Types::read_all(const Visit& visit) {
  places_.clear();
  count_ = 0;
  std::uint64_t at = 0;
  while (at < sweep_.size()) {
    auto bytes = sweep_.from(at, kTypeBytes);
    if (bytes.empty()) return error("BTF cannot be read at byte {} of its types", at);
    // As many as begin in what is in memory now.
    const std::uint64_t begin = at;
    while (at - begin + kTypeBytes <= bytes.size()) {
      const Type type = decode(&bytes[static_cast<std::size_t>(at - begin)], at);
      if (!extents_[static_cast<std::size_t>(type.kind)].known) {
        return error("BTF has a type of kind {}, which is not known", static_cast<int>(type.kind));
      }
      if (size_of(type) > sweep_.size() - at) return error("BTF's last type is cut off");
      if (count_ == kMostTypes) return error("BTF has more than {} types", kMostTypes);
      if (count_++ % kStride == 0) places_.push_back(static_cast<std::uint32_t>(at));
      visit(type);
      at += size_of(type);
    }
  }
  return {};
}

}  // namespace vmsift::btf
