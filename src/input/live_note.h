// SPDX-License-Identifier: GPL-2.0-or-later
// Where the running kernel keeps its VMCOREINFO note: /sys/kernel/vmcoreinfo holds its physical
// address and size in hex (since Linux 2.6.24).
#pragma once

#include "src/base/types.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace vmsift {

struct LiveNotePlace {
  PhysAddr begin;
  std::size_t size = 0;  // at most kMaxLiveNote
};

// The kernel has one page for it, and a page is 256 KiB at most.
inline constexpr std::size_t kMaxLiveNote = 1U << 20;

std::optional<LiveNotePlace> parse_live_note_place(std::string_view text);

// Of the kernel that runs this program; nullopt where it does not say.
std::optional<LiveNotePlace> live_note_place();

}  // namespace vmsift
