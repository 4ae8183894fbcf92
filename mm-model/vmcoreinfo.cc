// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/vmcoreinfo.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace vmsift {
namespace {

constexpr std::size_t kLineBuffer = 79;  // what is left of a line that was too long

constexpr std::array<std::string_view, 15> kKeyStarts = {
    "SYMBOL(",       "SIZE(",         "OFFSET(",        "LENGTH(",   "NUMBER(",
    "CONFIG_",       "OSRELEASE=",    "BUILD-ID=",      "PAGESIZE=", "CRASHTIME=",
    "KERNELOFFSET=", "IDENTITYBASE=", "KERNELOFFPHYS=", "SAMODE31=", "EAMODE31="};

bool starts_a_key(std::string_view s) {
  return std::any_of(kKeyStarts.begin(), kKeyStarts.end(),
                     [s](std::string_view start) { return s.starts_with(start); });
}

std::optional<std::uint64_t> parse_unsigned(std::string_view s, int base) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), value, base);
  if (s.empty() || ec != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_signed(std::string_view s) {
  if (s.starts_with("0x") || s.starts_with("0X")) {
    const auto bits = parse_unsigned(s.substr(2), 16);
    return bits ? std::optional(static_cast<std::int64_t>(*bits)) : std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), value, 10);
  if (s.empty() || ec != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return value;
}

std::string_view trim(std::string_view s) {
  constexpr std::string_view kBlank(" \t\r\0", 4);
  const auto first = s.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Vmcoreinfo::Vmcoreinfo(std::string_view text) {
  if (text.size() > kMaxText) text = text.substr(0, text.rfind('\n', kMaxText) + 1);
  // What follows the last line is padding.
  text = text.substr(0, text.find_last_not_of('\0') + 1);
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text = newline == std::string_view::npos ? std::string_view{} : text.substr(newline + 1);
    while (line.size() > kLineBuffer && starts_a_key(line.substr(kLineBuffer))) {
      line.remove_prefix(kLineBuffer);  // the cut entry goes, the glued one stays
    }
    // The last entry of all may be a cut one too.
    if (newline == std::string_view::npos && line.size() == kLineBuffer) break;
    add_line(line);
  }
}

void Vmcoreinfo::add_line(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view key = trim(line.substr(0, equals));
  const std::string_view value = trim(line.substr(equals + 1));
  if (key.empty()) return;
  if (key == "CRASHTIME") {
    entries_.insert_or_assign(std::string(key), std::string(value));
  } else {
    entries_.emplace(key, value);
  }
}

std::optional<std::string_view> Vmcoreinfo::text(std::string_view key) const {
  const auto it = entries_.find(key);
  if (it == entries_.end()) return std::nullopt;
  return it->second;
}

void Vmcoreinfo::remove(std::string_view key) {
  const auto it = entries_.find(key);
  if (it != entries_.end()) entries_.erase(it);
}

std::optional<VirtAddr> Vmcoreinfo::symbol(std::string_view name) const {
  const auto value = text(fmt::format("SYMBOL({})", name));
  const auto address = value ? parse_unsigned(*value, 16) : std::nullopt;
  if (!address || *address == 0 || *address == std::numeric_limits<std::uint64_t>::max()) {
    return std::nullopt;
  }
  return VirtAddr{*address};
}

std::optional<std::uint32_t> Vmcoreinfo::small(std::string_view kind, std::string_view name) const {
  const auto value = text(fmt::format("{}({})", kind, name));
  const auto number = value ? parse_unsigned(*value, 10) : std::nullopt;
  if (!number || *number > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<std::uint32_t> Vmcoreinfo::size(std::string_view name) const {
  return small("SIZE", name);
}
std::optional<std::uint32_t> Vmcoreinfo::offset(std::string_view name) const {
  return small("OFFSET", name);
}
std::optional<std::uint32_t> Vmcoreinfo::length(std::string_view name) const {
  return small("LENGTH", name);
}

std::optional<std::int64_t> Vmcoreinfo::number(std::string_view name) const {
  const auto value = text(fmt::format("NUMBER({})", name));
  return value ? parse_signed(*value) : std::nullopt;
}

std::optional<std::int64_t> Vmcoreinfo::decimal(std::string_view key) const {
  const auto value = text(key);
  return value ? parse_signed(*value) : std::nullopt;
}

std::optional<std::uint64_t> Vmcoreinfo::hexadecimal(std::string_view key) const {
  const auto value = text(key);
  return value ? parse_unsigned(*value, 16) : std::nullopt;
}

std::optional<KernelRelease> Vmcoreinfo::release() const {
  const auto value = text("OSRELEASE");
  if (!value) return std::nullopt;
  KernelRelease r;
  const char* const end = value->data() + value->size();
  const auto major = std::from_chars(value->data(), end, r.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  if (std::from_chars(major.ptr + 1, end, r.minor).ec != std::errc{}) return std::nullopt;
  return r;
}

}  // namespace vmsift
