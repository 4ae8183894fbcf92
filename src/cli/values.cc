// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/cli/values.h"

#include "filters/filter.h"

#include <charconv>
#include <limits>
#include <optional>

namespace vmsift {
namespace {

// All of the text, or nothing.
std::optional<std::uint64_t> whole_number(std::string_view text, int base = 10) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || ec != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Result<std::uint64_t> parse_number(std::string_view what, std::string_view text,
                                   std::uint64_t least, std::uint64_t most) {
  const auto value = whole_number(text);
  if (!value || *value < least || *value > most) {
    return error("{} is a number from {} to {}, not \"{}\"", what, least, most, text);
  }
  return *value;
}

Result<std::vector<unsigned>> parse_levels(std::string_view text) {
  std::vector<unsigned> levels;
  while (true) {
    const auto comma = text.find(',');
    auto level = parse_number("dump level (-d)", text.substr(0, comma), 0, kMaxLevel);
    if (!level) return level.take_error();
    if (levels.size() == kLevelsInList) return error("-d takes up to {} levels", kLevelsInList);
    levels.push_back(static_cast<unsigned>(*level));
    if (comma == std::string_view::npos) return levels;
    text.remove_prefix(comma + 1);
  }
}

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kSuffixes = "KMGTPE";
  unsigned shift = 0;
  std::string_view digits = text;
  if (!digits.empty()) {
    const char last = digits.back();
    const char upper = last >= 'a' && last <= 'z' ? static_cast<char>(last - 'a' + 'A') : last;
    if (const auto power = kSuffixes.find(upper); power != std::string_view::npos) {
      shift = static_cast<unsigned>(10 * (power + 1));
      digits.remove_suffix(1);
    }
  }
  const auto value = whole_number(digits);
  if (!value || *value == 0) {
    return error("size limit (-L) is a number of bytes, or one of K, M, G, T, P, E, not \"{}\"",
                 text);
  }
  // Offsets in files are signed.
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (*value > kMost >> shift) return error("size limit (-L) {} is beyond any file", text);
  return *value << shift;
}

Result<std::uint64_t> parse_address(std::string_view text) {
  const bool prefixed = text.starts_with("0x") || text.starts_with("0X");
  const bool hex = prefixed || text.find_first_of("abcdefABCDEF") != std::string_view::npos;
  const auto value = whole_number(prefixed ? text.substr(2) : text, hex ? 16 : 10);
  if (!value) return error("--vtop takes an address such as 0xffffffff81000000, not \"{}\"", text);
  return *value;
}

}  // namespace vmsift
