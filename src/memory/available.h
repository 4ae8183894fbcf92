// SPDX-License-Identifier: GPL-2.0-or-later
// How much memory this process can still have: the least of what the machine, the control groups
// it is in, and its own limits leave. Says nothing where none of them tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmsift {

// Bytes that can be taken without swapping or being killed. `root` is put in front of /proc and
// /sys. Files that cannot be read or make no sense limit nothing.
std::optional<std::uint64_t> available_memory(const std::string& root = "");

// The parts, for which nullopt means: no limit is known.

// MemAvailable of /proc/meminfo (proc(5)); MemFree before Linux 3.14.
std::optional<std::uint64_t> available_of_machine(std::string_view meminfo);

// The tightest control group of `cgroup` (/proc/self/cgroup, cgroups(7)) and of those it is in:
// memory.max and memory.high less memory.current (version 2), memory.limit_in_bytes less
// memory.usage_in_bytes (version 1). File pages that a group can give up count as available.
std::optional<std::uint64_t> available_in_cgroups(std::string_view cgroup, const std::string& root);

}  // namespace vmsift
