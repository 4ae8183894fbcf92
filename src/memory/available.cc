// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/memory/available.h"

#include "src/base/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

namespace vmsift {
namespace {

using Bytes = std::optional<std::uint64_t>;

constexpr std::size_t kMostText = 64U << 10;  // of a file of /proc or /sys
constexpr int kMostGroups = 64;               // one in another

// Address space and memory that is promised are needed for stacks and mappings too, of which few
// pages are ever touched: so that they limit a plan at a part of what they are.
constexpr std::uint64_t kAddressesPerByte = 4;
constexpr std::uint64_t kPromisesPerByte = 2;

std::string text_of(const std::string& path) {
  auto file = File::open(path, O_RDONLY);
  if (!file) return {};
  std::string text(kMostText, '\0');
  auto got = file->read_at(0, std::as_writable_bytes(std::span(text)));
  text.resize(got ? *got : 0);
  return text;
}

// The number that `text` begins with, after blanks. "max" and the like are none.
Bytes number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() ? Bytes(value) : std::nullopt;
}

// Behind `key` at the beginning of a line.
Bytes field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    if (text.starts_with(key)) return number(text.substr(key.size()));
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  return std::nullopt;
}

Bytes kib_field(std::string_view meminfo, std::string_view key) {
  const Bytes kib = field(meminfo, key);
  if (!kib || *kib > std::numeric_limits<std::uint64_t>::max() / 1024) return std::nullopt;
  return *kib * 1024;
}

std::uint64_t rest(std::uint64_t limit, std::uint64_t used) {
  return limit - std::min(limit, used);
}

Bytes least(Bytes a, Bytes b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// What the two versions of control groups call the same things.
struct GroupFiles {
  std::string_view mount;
  std::vector<std::string_view> limits;
  std::string_view used;
  std::string_view reclaimable;  // in memory.stat
};

const GroupFiles& version1() {
  static const GroupFiles files{"/sys/fs/cgroup/memory",
                                {"/memory.limit_in_bytes"},
                                "/memory.usage_in_bytes",
                                "total_inactive_file "};
  return files;
}
const GroupFiles& version2() {
  static const GroupFiles files{
      "/sys/fs/cgroup", {"/memory.max", "/memory.high"}, "/memory.current", "inactive_file "};
  return files;
}

Bytes available_in_group(const GroupFiles& files, const std::string& folder) {
  Bytes limit;
  for (const std::string_view name : files.limits) {
    limit = least(limit, number(text_of(folder + std::string(name))));
  }
  const Bytes used = number(text_of(folder + std::string(files.used)));
  if (!limit || !used) return std::nullopt;
  const Bytes file_pages = field(text_of(folder + "/memory.stat"), files.reclaimable);
  return rest(*limit, rest(*used, file_pages.value_or(0)));
}

Bytes available_up_from(const GroupFiles& files, const std::string& root, std::string_view group) {
  Bytes available;
  for (int i = 0; i < kMostGroups; ++i) {
    while (group.ends_with('/')) group.remove_suffix(1);
    available = least(
        available, available_in_group(files, root + std::string(files.mount) + std::string(group)));
    if (group.empty()) break;
    group = group.substr(0, std::min(group.rfind('/'), group.size()));
  }
  return available;
}

Bytes limit_of(int resource) {
  rlimit limit;
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return std::nullopt;
  return limit.rlim_cur == RLIM_INFINITY ? std::nullopt : Bytes(limit.rlim_cur);
}

}  // namespace

Bytes available_of_machine(std::string_view meminfo, bool strict) {
  Bytes available = kib_field(meminfo, "MemAvailable:");
  if (!available) {
    const Bytes free = kib_field(meminfo, "MemFree:");
    if (free) available = *free + kib_field(meminfo, "Cached:").value_or(0) / 2;
  }
  if (!strict) return available;
  const Bytes limit = kib_field(meminfo, "CommitLimit:");
  const Bytes promised = kib_field(meminfo, "Committed_AS:");
  if (!limit || !promised) return available;
  return least(available, rest(*limit, *promised) / kPromisesPerByte);
}

// A line is "hierarchy:controllers:group"; version 2 has hierarchy 0 and no controllers.
Bytes available_in_groups(std::string_view cgroup, const std::string& root) {
  Bytes available;
  while (!cgroup.empty()) {
    const std::string_view line = cgroup.substr(0, cgroup.find('\n'));
    cgroup.remove_prefix(std::min(line.size() + 1, cgroup.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view group = line.substr(second + 1);
    if (line.starts_with("0::")) {
      available = least(available, available_up_from(version2(), root, group));
    } else if ((',' + std::string(controllers) + ',').find(",memory,") != std::string::npos) {
      available = least(available, available_up_from(version1(), root, group));
    }
  }
  return available;
}

// Fields of statm, in pages: size resident shared text lib data.
Bytes available_by_limits(std::string_view statm) {
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::array<std::uint64_t, 6> used{};
  for (std::uint64_t& pages : used) {
    pages = number(statm).value_or(0);
    statm.remove_prefix(std::min(statm.find_first_not_of(' '), statm.size()));
    statm.remove_prefix(std::min(statm.find(' '), statm.size()));
  }
  Bytes available;
  if (const Bytes limit = limit_of(RLIMIT_AS)) {
    available = rest(*limit, used[0] * page) / kAddressesPerByte;
  }
  if (const Bytes limit = limit_of(RLIMIT_DATA)) {
    available = least(available, rest(*limit, used[5] * page) / kPromisesPerByte);
  }
  return available;
}

Bytes available_memory(const std::string& root) {
  const bool strict = number(text_of(root + "/proc/sys/vm/overcommit_memory")) == 2;
  const Bytes machine = available_of_machine(text_of(root + "/proc/meminfo"), strict);
  const Bytes groups = available_in_groups(text_of(root + "/proc/self/cgroup"), root);
  return least(least(machine, groups), available_by_limits(text_of(root + "/proc/self/statm")));
}

}  // namespace vmsift
