// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/live_note.h"

#include "src/base/file.h"

#include <fcntl.h>

#include <array>
#include <charconv>

namespace vmsift {

std::optional<LiveNotePlace> parse_live_note_place(std::string_view text) {
  // "%pa %x": the address has 0x in front of it, the size has not.
  if (text.starts_with("0x")) text.remove_prefix(2);
  const auto* const end = text.data() + text.size();
  LiveNotePlace place;
  const auto address = std::from_chars(text.data(), end, place.begin.value, 16);
  if (address.ec != std::errc{} || address.ptr == end || *address.ptr != ' ') return std::nullopt;
  const auto size = std::from_chars(address.ptr + 1, end, place.size, 16);
  if (size.ec != std::errc{} || (size.ptr != end && *size.ptr != '\n')) return std::nullopt;
  if (place.size == 0 || place.size > kMaxLiveNote) return std::nullopt;
  return place;
}

std::optional<LiveNotePlace> live_note_place() {
  auto file = File::open("/sys/kernel/vmcoreinfo", O_RDONLY);
  if (!file) return std::nullopt;
  std::array<char, 64> text{};
  auto got = file->read_at(0, std::as_writable_bytes(std::span(text)));
  if (!got) return std::nullopt;
  return parse_live_note_place(std::string_view(text.data(), *got));
}

}  // namespace vmsift
