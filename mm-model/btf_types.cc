// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/btf_types.h"

namespace vmsift::btf {
namespace {

constexpr std::uint16_t kMagic = 0xeb9f;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kHeaderWithLayout = 32;  // 7.1
constexpr std::size_t kMostHeaderBytes = 4096;
constexpr std::size_t kSweepBytes = std::size_t{64} << 10;
constexpr std::size_t kNearBytes = std::size_t{2} << 10;
constexpr unsigned kLongestChain = 32;

constexpr std::array<Extent, kKinds> known_extents() {
  std::array<Extent, kKinds> e{};
  const auto set = [&e](Kind kind, std::uint8_t fixed, std::uint8_t each) {
    e[static_cast<std::size_t>(kind)] = {fixed, each, true};
  };
  set(Kind::integer, 4, 0);
  set(Kind::pointer, 0, 0);
  set(Kind::array, 12, 0);
  set(Kind::structure, 0, 12);
  set(Kind::union_, 0, 12);
  set(Kind::enumeration, 0, 8);
  set(Kind::forward, 0, 0);
  set(Kind::typedef_, 0, 0);
  set(Kind::volatile_, 0, 0);
  set(Kind::const_, 0, 0);
  set(Kind::restrict_, 0, 0);
  set(Kind::function, 0, 0);
  set(Kind::prototype, 0, 8);
  set(Kind::variable, 4, 0);
  set(Kind::section, 0, 12);
  set(Kind::floating, 0, 0);
  set(Kind::declaration_tag, 4, 0);
  set(Kind::type_tag, 0, 0);
  set(Kind::enumeration64, 0, 12);
  return e;
}

// The layout section, an Extent and two bytes of flags for each kind: lets readers pass over kinds
// that are newer than they are.
Result<void> read_layout(AddressSpace& memory, VirtAddr at, std::uint64_t size,
                         std::array<Extent, kKinds>& extents) {
  for (std::size_t kind = 1; kind < kKinds && (kind + 1) * 4 <= size; ++kind) {
    std::array<std::byte, 4> raw;
    if (!memory.read(at + kind * 4, raw)) return error("BTF's layout of kinds cannot be read");
    const Extent told{std::to_integer<std::uint8_t>(raw[0]), std::to_integer<std::uint8_t>(raw[1]),
                      true};
    Extent& ours = extents[kind];
    if (ours.known && (ours.fixed != told.fixed || ours.each != told.each)) {
      return error("BTF has types of kind {} that are not laid out as known", kind);
    }
    ours = told;
  }
  return {};
}

}  // namespace

Result<Sections> read_sections(AddressSpace& memory, ByteOrder order, VirtAddr begin,
                               std::uint64_t size) {
  std::array<std::byte, kHeaderWithLayout> raw{};
  if (size < kHeaderBytes || size > kMostBytes || begin.value > ~std::uint64_t{0} - size) {
    return error("{} bytes are no BTF", size);
  }
  const std::size_t there = size < raw.size() ? kHeaderBytes : raw.size();
  if (!memory.read(begin, std::span(raw).first(there))) return error("BTF cannot be read");
  const auto word = [&](std::size_t at) { return load<std::uint32_t>(&raw[at], order); };
  if (load<std::uint16_t>(raw.data(), order) != kMagic || raw[2] != std::byte{1}) {
    return error("{:#x} is no BTF of version 1", begin.value);
  }
  const std::uint64_t header = word(4);
  if (header < kHeaderBytes || header > kMostHeaderBytes || header > size) {
    return error("BTF has a header of {} bytes", header);
  }
  const auto within = [&](std::uint32_t offset, std::uint32_t bytes) {
    return std::uint64_t{offset} + bytes <= size - header;
  };
  if (!within(word(8), word(12)) || !within(word(16), word(20)) || word(8) % 4 != 0) {
    return error("sections of BTF are not within its {} bytes", size);
  }
  Sections sections;
  sections.types = begin + header + word(8);
  sections.types_size = word(12);
  sections.strings = begin + header + word(16);
  sections.strings_size = word(20);
  sections.extents = known_extents();
  if (header >= kHeaderWithLayout && word(28) != 0) {
    if (!within(word(24), word(28))) return error("BTF's layout of kinds is not within it");
    auto read = read_layout(memory, begin + header + word(24), word(28), sections.extents);
    if (!read) return read.take_error();
  }
  return sections;
}

Types::Types(AddressSpace& memory, ByteOrder order, const Sections& sections)
    : sweep_(memory, sections.types, sections.types_size, kSweepBytes),
      near_(memory, sections.types, sections.types_size, kNearBytes),
      order_(order),
      extents_(sections.extents) {}

std::optional<Type> Types::at(std::uint64_t offset) {
  if (steps_ >= kMostSteps) return std::nullopt;
  ++steps_;
  const auto bytes = near_.from(offset, kTypeBytes);
  if (bytes.empty()) return std::nullopt;
  return decode(bytes.data(), offset);
}

std::optional<Type> Types::by_number(std::uint32_t number) {
  if (number == 0 || number > count_) return std::nullopt;
  auto type = at(places_[(number - 1) / kStride]);
  for (std::uint32_t i = (number - 1) % kStride; i != 0 && type; --i) {
    type = at(type->at + size_of(*type));
  }
  return type;
}

std::optional<Type> Types::resolve(std::uint32_t number) {
  auto type = by_number(number);
  for (unsigned i = 0; i < kLongestChain && type; ++i) {
    switch (type->kind) {
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::type_tag:
        type = by_number(type->size_or_type);
        break;
      default:
        return type;
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Types::word(const Type& type, std::uint64_t index, unsigned word) {
  if (steps_ >= kMostSteps) return std::nullopt;
  ++steps_;
  const Extent& extent = extents_[static_cast<std::size_t>(type.kind)];
  const auto bytes = near_.from(type.at + kTypeBytes + index * extent.each + word * 4, 4);
  if (bytes.empty()) return std::nullopt;
  return load<std::uint32_t>(bytes.data(), order_);
}

}  // namespace vmsift::btf
