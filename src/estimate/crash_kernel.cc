// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/estimate/crash_kernel.h"

#include "src/base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace vmsift {
namespace {

// A file of /sys or /proc, of up to kMostText; empty where it cannot be read.
std::string read_text(const std::string& path) {
  constexpr std::size_t kMostText = std::size_t{1} << 20;
  auto file = File::open(path, O_RDONLY);
  if (!file) return {};
  std::string text;
  std::array<char, 4096> part;
  while (text.size() < kMostText) {  // /proc gives some lines at a time
    const ssize_t n = ::read(file->fd(), part.data(), part.size());
    if (n <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  return text;
}

std::uint64_t read_number(const std::string& path) {
  const std::string text = read_text(path);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "  2f000000-3affffff : Crash kernel", in hex; nullopt: another line.
std::optional<MemoryRange> crash_range(std::string_view line) {
  if (!line.ends_with(" : Crash kernel")) return std::nullopt;
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const char* const end = line.data() + line.size();
  MemoryRange range;
  const auto first = std::from_chars(line.data(), end, range.begin.value, 16);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto last = std::from_chars(first.ptr + 1, end, range.end.value, 16);
  if (last.ec != std::errc{} || range.end <= range.begin) return std::nullopt;
  range.end = range.end + 1;
  return range;
}

}  // namespace

CrashKernel read_crash_kernel(const std::string& root) {
  return {read_number(root + "/sys/kernel/kexec_crash_loaded") == 1,
          read_number(root + "/sys/kernel/kexec_crash_size"),
          crash_ranges(read_text(root + "/proc/iomem"))};
}

std::vector<MemoryRange> crash_ranges(std::string_view iomem) {
  std::vector<MemoryRange> ranges;
  while (!iomem.empty() && ranges.size() < kMostCrashRanges) {
    const auto end = std::min(iomem.find('\n'), iomem.size());
    const auto range = crash_range(iomem.substr(0, end));
    if (range && (ranges.empty() || ranges.back().end <= range->begin)) ranges.push_back(*range);
    iomem.remove_prefix(std::min(end + 1, iomem.size()));
  }
  return ranges;
}

}  // namespace vmsift
