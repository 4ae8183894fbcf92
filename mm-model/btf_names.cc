// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/btf_names.h"

#include <algorithm>
#include <cstring>

namespace vmsift::btf {
namespace {

constexpr std::size_t kWindow = std::size_t{64} << 10;
// Strings are there once each. More are nobody's but an attacker's.
constexpr std::size_t kMostFound = 4096;

// Tells nearly all strings from those that are looked for: length and three characters.
std::size_t shape(std::string_view s) {
  const auto at = [s](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(s[i])}; };
  const std::uint32_t value = at(0) | at(s.size() / 2) << 8 | at(s.size() - 1) << 16 |
                              static_cast<std::uint32_t>(s.size()) << 24;
  return value * 2654435761U >> (32 - Names::kShapeBits);
}

}  // namespace

Result<void> Names::take_string(std::string_view string, std::uint32_t offset) {
  const auto name = std::lower_bound(wanted_.begin(), wanted_.end(), string);
  if (name == wanted_.end() || *name != string) return {};
  if (found_.size() == kMostFound) return error("BTF has the string {} too often", string);
  found_.emplace_back(offset, *name);
  offsets_.set(filter_bit(offset));
  return {};
}

Result<Names> Names::find(AddressSpace& memory, const Sections& sections,
                          std::vector<std::string_view> wanted) {
  Names names;
  names.wanted_ = std::move(wanted);
  for (const std::string_view name : names.wanted_) names.shapes_.set(shape(name));
  MemoryWindow window(memory, sections.strings, sections.strings_size, kWindow);
  std::uint64_t at = 0;
  while (at < window.size()) {
    const auto n = std::min<std::uint64_t>(kLongest + 1, window.size() - at);
    const auto bytes = window.from(at, static_cast<std::size_t>(n));
    if (bytes.empty()) return error("BTF cannot be read at byte {} of its strings", at);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::size_t begin = 0;
    for (auto end = text.find('\0'); end != std::string_view::npos; end = text.find('\0', begin)) {
      const std::string_view string = text.substr(begin, end - begin);
      if (!string.empty() && string.size() <= kLongest && names.shapes_.test(shape(string))) {
        auto taken = names.take_string(string, static_cast<std::uint32_t>(at + begin));
        if (!taken) return taken.take_error();
      }
      begin = end + 1;
    }
    // A string that is longer than any that is looked for, or the last one, without an end.
    at += begin != 0 ? begin : text.size();
  }
  return names;
}

std::string_view Names::at(std::uint32_t offset) const {
  if (!offsets_.test(filter_bit(offset))) return {};
  const auto found =
      std::lower_bound(found_.begin(), found_.end(), offset,
                       [](const auto& entry, std::uint32_t value) { return entry.first < value; });
  return found != found_.end() && found->first == offset ? found->second : std::string_view();
}

}  // namespace vmsift::btf
