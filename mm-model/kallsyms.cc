// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/kallsyms.h"

#include "mm-model/memory_window.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <set>
#include <string>
#include <vector>

namespace vmsift {
namespace {

constexpr std::size_t kTokens = 256;
constexpr std::size_t kMostTokenBytes = 128;  // a token is shorter than a name
constexpr std::size_t kWindow = std::size_t{64} << 10;

// What the 256 values of a byte stand for.
class Tokens {
 public:
  static Result<Tokens> read(const Vmcoreinfo& note, ByteOrder order, AddressSpace& memory) {
    const auto table = note.symbol("kallsyms_token_table");
    const auto index = note.symbol("kallsyms_token_index");
    if (!table) return error("SYMBOL(kallsyms_token_table) is missing");
    if (!index) return error("SYMBOL(kallsyms_token_index) is missing");
    std::array<std::byte, kTokens * 2> raw;
    if (!memory.read(*index, raw)) return error("kallsyms_token_index cannot be read");
    Tokens tokens;
    std::array<std::byte, kMostTokenBytes> text;
    for (std::size_t i = 0; i < kTokens; ++i) {
      const VirtAddr at = *table + load<std::uint16_t>(&raw[i * 2], order);
      if (!memory.read(at, text)) return error("kallsyms_token_table cannot be read");
      const auto end = std::find(text.begin(), text.end(), std::byte{0});
      if (end == text.end()) return error("kallsyms_token_table has a token without an end");
      tokens.begin_[i] = static_cast<std::uint32_t>(tokens.text_.size());
      tokens.length_[i] = static_cast<std::uint32_t>(end - text.begin());
      tokens.text_.append(reinterpret_cast<const char*>(text.data()), tokens.length_[i]);
    }
    return tokens;
  }

  [[nodiscard]] std::string_view operator[](std::byte token) const {
    const auto i = std::to_integer<std::size_t>(token);
    return std::string_view(text_).substr(begin_[i], length_[i]);
  }
  [[nodiscard]] std::size_t length(std::byte token) const {
    return length_[std::to_integer<std::size_t>(token)];
  }

 private:
  std::string text_;
  std::array<std::uint32_t, kTokens> begin_;
  std::array<std::uint32_t, kTokens> length_;
};

// The names that are looked for. Nearly all symbols are told from them by their first characters
// and their length, before they are put together.
class Wanted {
 public:
  explicit Wanted(std::span<const std::string_view> names) : names_(names.begin(), names.end()) {
    std::sort(names_.begin(), names_.end());
    for (const std::string_view name : names_) {
      if (name.size() < kStart || name.size() > kLongest) continue;
      starts_.set(hash(name.data(), 0));
      shapes_.set(hash(name.data(), name.size()));
    }
  }

  // `stored` is a name in tokens; nullptr: not one of them.
  [[nodiscard]] const std::string_view* find(std::span<const std::byte> stored,
                                             const Tokens& tokens) const {
    std::array<char, 1 + kStart> start;  // with the type
    std::size_t n = 0;
    for (std::size_t i = 0; i < stored.size() && n < start.size(); ++i) {
      const std::string_view token = tokens[stored[i]];
      for (std::size_t j = 0; j < token.size() && n < start.size(); ++j) start[n++] = token[j];
    }
    if (n < start.size() || !starts_.test(hash(&start[1], 0))) return nullptr;
    std::size_t size = 0;
    for (const std::byte token : stored) size += tokens.length(token);
    --size;  // less the type
    if (size > kLongest || !shapes_.test(hash(&start[1], size))) return nullptr;
    std::string text;
    for (const std::byte token : stored) text += tokens[token];
    const auto name = std::string_view(text).substr(1);
    const auto found = std::lower_bound(names_.begin(), names_.end(), name);
    return found != names_.end() && *found == name ? &*found : nullptr;
  }

 private:
  static constexpr std::size_t kStart = 3;     // "prb" is the shortest
  static constexpr std::size_t kLongest = 64;  // of the names that may be looked for
  static constexpr std::size_t kBits = 8192;

  static std::size_t hash(const char* start, std::size_t size) {
    std::size_t value = size;
    for (std::size_t i = 0; i < kStart; ++i)
      value = value * 67 + static_cast<unsigned char>(start[i]);
    return value % kBits;
  }

  std::vector<std::string_view> names_;
  std::bitset<kBits> starts_;
  std::bitset<kBits> shapes_;  // with the length
};

struct Found {
  std::string_view name;
  std::uint32_t index;
  // As the table has them.
  std::optional<std::int64_t> offset;
  std::optional<std::uint64_t> address;
};
constexpr std::size_t kMostFound = 4096;  // static symbols share names, but not thousands of them

Result<std::vector<Found>> find_names(MemoryWindow& names, std::uint32_t symbols,
                                      const Tokens& tokens, const Wanted& wanted) {
  std::vector<Found> found;
  std::uint64_t at = 0;
  for (std::uint32_t i = 0; i < symbols; ++i) {
    auto bytes = names.from(at, 2);
    if (bytes.empty()) return error("kallsyms_names cannot be read");
    // Since 6.1 (73bbb94466fd) two bytes where it is 128 or more, 7 bits and the rest; names of
    // that length could not be before.
    auto length = std::to_integer<std::size_t>(bytes[0]);
    std::size_t head = 1;
    if (length >= 0x80) {
      length = (length & 0x7f) | std::to_integer<std::size_t>(bytes[1]) << 7;
      head = 2;
    }
    if (length == 0 || length > Kallsyms::kLongestName) {
      return error("kallsyms_names has a name of {} bytes", length);
    }
    if (bytes.size() < head + length) bytes = names.from(at, head + length);
    if (bytes.empty()) return error("kallsyms_names cannot be read");
    if (const auto* name = wanted.find(bytes.subspan(head, length), tokens)) {
      if (found.size() == kMostFound) return error("kallsyms_names has {} too often", *name);
      found.push_back({*name, i, {}, {}});
    }
    at += head + length;
  }
  return found;
}

// Where addresses are kept: as such, or as offsets of 4 bytes.
struct AddressTable {
  std::optional<VirtAddr> addresses, offsets;
  std::optional<std::uint64_t> base;
};

Result<AddressTable> find_addresses(const Vmcoreinfo& note, AddressSpace& memory) {
  AddressTable table{note.symbol("kallsyms_addresses"), note.symbol("kallsyms_offsets"), {}};
  if (!table.addresses && !table.offsets) return error("SYMBOL(kallsyms_offsets) is missing");
  if (const auto base = note.symbol("kallsyms_relative_base")) table.base = memory.read_word(*base);
  return table;
}

void read_addresses(const AddressTable& table, AddressSpace& memory, std::vector<Found>& found) {
  for (Found& f : found) {
    const std::uint64_t index = f.index;
    if (table.addresses) {
      f.address = memory.read_word(*table.addresses + index * memory.word_bytes());
    }
    if (!table.offsets) continue;
    const auto raw = memory.read_value<std::uint32_t>(*table.offsets + index * 4);
    if (raw) f.offset = static_cast<std::int32_t>(*raw);
  }
}

using Reading = std::optional<std::uint64_t> (*)(const AddressTable&, const Found&);

// Without CONFIG_KALLSYMS_BASE_RELATIVE, which is gone by 6.12.
std::optional<std::uint64_t> whole_address(const AddressTable& /*t*/, const Found& f) {
  return f.address;
}

// From the base; without the sign.
std::optional<std::uint64_t> above_base(const AddressTable& t, const Found& f) {
  if (!f.offset || !t.base) return std::nullopt;
  return *t.base + static_cast<std::uint32_t>(*f.offset);
}

// CONFIG_KALLSYMS_ABSOLUTE_PERCPU (x86_64, 4.6 to 6.14): per-CPU symbols are positive and stand for
// themselves, all others are negative, from -1 down.
std::optional<std::uint64_t> per_cpu_or_below(const AddressTable& t, const Found& f) {
  if (!f.offset || !t.base) return std::nullopt;
  const auto value = static_cast<std::uint64_t>(*f.offset);
  return *f.offset >= 0 ? value : *t.base - 1 - value;
}

// From the place of the offset itself; the base is gone.
std::optional<std::uint64_t> from_itself(const AddressTable& t, const Found& f) {
  if (!f.offset) return std::nullopt;
  return t.offsets->value + std::uint64_t{f.index} * 4 + static_cast<std::uint64_t>(*f.offset);
}

// The address itself: 32-bit kernels that are not relocatable, where offsets have no base.
std::optional<std::uint64_t> small_address(const AddressTable& /*t*/, const Found& f) {
  if (!f.offset) return std::nullopt;
  return static_cast<std::uint32_t>(*f.offset);
}

constexpr std::array<Reading, 5> kReadings = {whole_address, above_base, per_cpu_or_below,
                                              from_itself, small_address};

// What the note says that the symbol's address is.
std::optional<VirtAddr> address_in(const Vmcoreinfo& note, std::string_view name) {
  // The kernel writes the address of the array there, the symbol is a pointer to it since 4.15.
  if (name == "mem_section") return std::nullopt;
  auto address = note.symbol(name);
  // A macro on x86, and no symbol.
  if (!address && name == "init_top_pgt") address = note.symbol("swapper_pg_dir");
  return address;
}

// The reading that agrees with most of the note's symbols, less those it contradicts; nullptr: none
// agrees with any.
Reading best_reading(const AddressTable& table, const std::vector<Found>& found,
                     const Vmcoreinfo& note, const AddressSpace& memory) {
  Reading best = nullptr;
  int most = 0;
  for (const Reading reading : kReadings) {
    int agreed = 0;
    for (const Found& f : found) {
      const auto known = address_in(note, f.name);
      const auto read = reading(table, f);
      if (known) agreed += read && memory.address(*read) == *known ? 1 : -1;
    }
    if (agreed > most) best = reading;
    most = std::max(most, agreed);
  }
  return best;
}

}  // namespace

Result<Kallsyms> Kallsyms::read(const Vmcoreinfo& note, ByteOrder order, AddressSpace& memory,
                                std::span<const std::string_view> names) {
  const auto names_at = note.symbol("kallsyms_names");
  const auto count_at = note.symbol("kallsyms_num_syms");
  if (!names_at) return error("SYMBOL(kallsyms_names) is missing");
  if (!count_at) return error("SYMBOL(kallsyms_num_syms) is missing");
  const auto table = find_addresses(note, memory);
  if (!table) return Error(table.message());
  const auto tokens = Tokens::read(note, order, memory);
  if (!tokens) return Error(tokens.message());
  const auto count = memory.read_value<std::uint32_t>(*count_at);
  if (!count) return error("kallsyms_num_syms cannot be read");
  if (*count == 0 || *count > kMostSymbols) return error("kallsyms_num_syms is {}", *count);

  MemoryWindow window(memory, *names_at, kMostNameBytes, kWindow);
  auto found = find_names(window, *count, *tokens, Wanted(names));
  if (!found) return found.take_error();
  read_addresses(*table, memory, *found);
  const Reading reading = best_reading(*table, *found, note, memory);
  if (reading == nullptr) {
    return error("no reading of the kernel's symbols agrees with those in the note");
  }
  Kallsyms kallsyms;
  std::set<std::string_view> doubtful;
  for (const Found& f : *found) {
    const auto address = reading(*table, f);
    if (!address) continue;
    const auto [it, added] = kallsyms.addresses_.try_emplace(f.name, memory.address(*address));
    if (!added && it->second != memory.address(*address)) doubtful.insert(f.name);
  }
  for (const std::string_view name : doubtful) kallsyms.addresses_.erase(name);
  return kallsyms;
}

std::optional<VirtAddr> Kallsyms::address(std::string_view name) const {
  const auto it = addresses_.find(name);
  return it == addresses_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace vmsift
