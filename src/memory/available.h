// SPDX-License-Identifier: GPL-2.0-or-later
// How much memory this process can still have: the least of what the machine, the control groups
// it is in, and its own limits leave. Says nothing where none of them tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmsift {

// Bytes that can be taken without swapping, being refused or being killed. `root` is put in front
// of /proc and /sys. Files that cannot be read or make no sense limit nothing.
std::optional<std::uint64_t> available_memory(const std::string& root = "");

// Its parts; nullopt: no limit is known.

// MemAvailable of /proc/meminfo (proc(5)); MemFree and Cached before Linux 3.14, which has it not.
// `strict`: vm.overcommit_memory is 2, so that what can still be committed is a limit too.
std::optional<std::uint64_t> available_of_machine(std::string_view meminfo, bool strict);

// The tightest of the control groups that `cgroup` (/proc/self/cgroup, cgroups(7)) names and of
// those around them: memory.max and memory.high less memory.current (version 2),
// memory.limit_in_bytes less memory.usage_in_bytes (version 1). File pages that a group would give
// up first count as available.
std::optional<std::uint64_t> available_in_groups(std::string_view cgroup, const std::string& root);

// RLIMIT_AS and RLIMIT_DATA, less what /proc/self/statm says is used.
std::optional<std::uint64_t> available_by_limits(std::string_view statm);

}  // namespace vmsift
