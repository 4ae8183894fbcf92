// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/report/memory_use.h"

#include "src/base/file.h"

#include <fcntl.h>

#include <array>
#include <charconv>
#include <string_view>

namespace vmsift {
namespace {

std::uint64_t kib_field(std::string_view status, std::string_view key) {
  auto at = status.find(key);
  if (at == std::string_view::npos) return 0;
  at = status.find_first_of("0123456789", at + key.size());
  if (at == std::string_view::npos) return 0;
  std::uint64_t kib = 0;
  std::from_chars(status.data() + at, status.data() + status.size(), kib);
  return kib * 1024;
}

}  // namespace

MemoryUse memory_use() {
  auto file = File::open("/proc/self/status", O_RDONLY);
  if (!file) return {};
  std::array<char, 8192> text;
  auto got = file->read_at(0, std::as_writable_bytes(std::span(text)));
  if (!got) return {};
  const std::string_view status(text.data(), *got);
  return {kib_field(status, "VmHWM:"), kib_field(status, "RssAnon:")};
}

}  // namespace vmsift
