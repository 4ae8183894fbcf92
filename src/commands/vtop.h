// SPDX-License-Identifier: GPL-2.0-or-later
// --vtop ADDR: how a virtual address of the crashed kernel becomes a physical one, step by step.
#pragma once

#include "src/commands/input.h"

#include <cstdint>
#include <string>

namespace vmsift {

// Each table entry on the way and what it says, the physical address, and whether the dump has that
// page. Always an answer: what stops the way is said where it stops.
std::string explain_address(const Input& input, std::uint64_t vaddr);

}  // namespace vmsift
