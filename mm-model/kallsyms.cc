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

 private:
  std::string text_;
  std::array<std::uint32_t, kTokens> begin_;
  std::array<std::uint32_t, kTokens> length_;
};

// The names that are looked for. Nearly all symbols are told from them by their first characters
// and their length, before they are put together.
class Wanted {
 public:
  static constexpr std::size_t kStart = 3;  // characters; "prb" is the shortest name
  // The tokens that are enough for the type and kStart characters, if each has one.
  static constexpr std::size_t kTokensOfStart = 1 + kStart;

  Wanted(std::span<const std::string_view> names, const Tokens& tokens)
      : names_(names.begin(), names.end()), tokens_(tokens) {
    std::sort(names_.begin(), names_.end());
    for (const std::string_view name : names_) {
      if (name.size() < kStart || name.size() > kLongest) continue;
      const std::uint32_t start = packed(name.substr(0, kStart));
      starts_.set(hash(start, 0));
      shapes_.set(hash(start, name.size()));
    }
    for (std::size_t i = 0; i < kTokens; ++i) {
      const std::string_view text = tokens[std::byte(i)];
      begins_[i] = packed(text.substr(0, kTokensOfStart));
      shifts_[i] = static_cast<std::uint8_t>(8 * std::min(text.size(), kTokensOfStart));
    }
  }

  // `stored` is a name in tokens, with kTokensOfStart readable bytes at the least: what is behind a
  // name does not matter where that has kStart characters. nullptr: not one of them.
  [[nodiscard]] const std::string_view* find(std::span<const std::byte> stored) const {
    const std::uint32_t start = start_of(stored.data());
    return starts_.test(hash(start, 0)) ? find(stored, start) : nullptr;
  }

 private:
  static constexpr std::size_t kLongest = 64;  // of the names that may be looked for
  static constexpr unsigned kBits = 13;

  [[nodiscard]] const std::string_view* find(std::span<const std::byte> stored,
                                             std::uint32_t start) const {
    std::size_t size = 0;
    for (const std::byte token : stored) size += tokens_[token].size();
    if (size <= kStart || size > 1 + kLongest) return nullptr;
    if (!shapes_.test(hash(start, size - 1))) return nullptr;
    std::array<char, 1 + kLongest> text;
    std::size_t at = 0;
    for (const std::byte token : stored) {
      const std::string_view part = tokens_[token];
      at += part.copy(&text[at], part.size());
    }
    const std::string_view name(&text[1], size - 1);  // less the type
    const auto found = std::lower_bound(names_.begin(), names_.end(), name);
    return found != names_.end() && *found == name ? &*found : nullptr;
  }

  // Up to four characters, the first one in the lowest byte.
  static std::uint32_t packed(std::string_view text) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      value |= std::uint32_t{static_cast<unsigned char>(text[i])} << 8 * i;
    }
    return value;
  }

  // The kStart characters behind the type. Without a branch: every symbol comes here.
  [[nodiscard]] std::uint32_t start_of(const std::byte* stored) const {
    std::uint64_t text = 0;
    unsigned shift = 0;
    for (std::size_t i = 0; i < kTokensOfStart; ++i) {
      const auto token = std::to_integer<std::size_t>(stored[i]);
      text |= std::uint64_t{begins_[token]} << shift;
      shift = std::min(shift + shifts_[token], 32U);
    }
    return static_cast<std::uint32_t>(text) >> 8;
  }

  static std::size_t hash(std::uint32_t start, std::size_t size) {
    const std::uint64_t value = start + (std::uint64_t{size} << 24);
    return static_cast<std::uint32_t>(value * 2654435761U) >> (32 - kBits);
  }

  std::vector<std::string_view> names_;
  const Tokens& tokens_;
  std::array<std::uint32_t, kTokens> begins_;
  std::array<std::uint8_t, kTokens> shifts_;  // bits of these
  std::bitset<std::size_t{1} << kBits> starts_;
  std::bitset<std::size_t{1} << kBits> shapes_;  // with the length
};

struct Found {
  std::string_view name;
  std::uint32_t index;
  // As the table has them.
  std::optional<std::int64_t> offset;
  std::optional<std::uint64_t> address;
};
constexpr std::size_t kMostFound = 4096;  // static symbols share names, but not thousands of them

// The length of a stored name and of what says it. Since 6.1 (73bbb94466fd) two bytes do where it
// is 128 or more, 7 bits and the rest; names of that length could not be before.
struct StoredLength {
  std::size_t head = 1;
  std::size_t name = 0;
};

StoredLength stored_length(const std::byte* at) {
  const auto low = std::to_integer<std::size_t>(at[0]);
  if (low < 0x80) return {1, low};
  return {2, (low & 0x7f) | std::to_integer<std::size_t>(at[1]) << 7};
}

Result<std::vector<Found>> find_names(MemoryWindow& names, std::uint32_t symbols,
                                      const Wanted& wanted) {
  // Behind the last name there are other tables.
  constexpr std::size_t kLeast = 1 + Wanted::kTokensOfStart;
  std::vector<Found> found;
  std::uint64_t at = 0;
  std::size_t needed = kLeast;
  for (std::uint32_t i = 0; i < symbols;) {
    const auto bytes = names.from(at, needed);
    if (bytes.empty()) return error("kallsyms_names cannot be read");
    needed = kLeast;
    std::size_t done = 0;
    // As many as are in memory now.
    for (; i < symbols && done + kLeast <= bytes.size(); ++i) {
      const StoredLength length = stored_length(&bytes[done]);
      if (length.name == 0 || length.name > Kallsyms::kLongestName) {
        return error("kallsyms_names has a name of {} bytes", length.name);
      }
      const std::size_t end = done + length.head + length.name;
      if (end > bytes.size()) {
        needed = end - done;
        break;
      }
      const auto* known = wanted.find(bytes.subspan(done + length.head, length.name));
      done = end;
      if (known == nullptr) continue;
      if (found.size() == kMostFound) return error("kallsyms_names has {} too often", *known);
      found.push_back({*known, i, {}, {}});
    }
    at += done;
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
  auto found = find_names(window, *count, Wanted(names, *tokens));
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
