// SPDX-License-Identifier: GPL-2.0-or-later
// A machine with as much memory as wanted, for what must not grow with it. Page tables, sections,
// nodes and counters are those of all of it; what is repeated are the struct pages of one section:
// the page tables map those of each section but the first to the same 2 MiB of memory. So the file
// has a few MiB, and holes for the rest.
#pragma once

#include "tests/unit/support/synthetic_kernel.h"

#include <cstdint>
#include <memory>
#include <string>

namespace vmsift::test {

struct LargeMachine {
  std::unique_ptr<SyntheticKernel> kernel;
  Pfn pages = 0;           // of the machine
  std::uint64_t kept = 0;  // at level 31, zeros too
  std::uint64_t free = 0;  // pages
};

// `sections` of 128 MiB, 2 to 32768 (4 TiB).
LargeMachine make_large_machine(std::uint64_t sections);

void write_large_vmcore(const std::string& path, const LargeMachine& machine);

}  // namespace vmsift::test
