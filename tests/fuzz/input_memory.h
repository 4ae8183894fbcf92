// SPDX-License-Identifier: GPL-2.0-or-later
// Bytes of an input as the memory of a machine, for targets of what reads a kernel's memory.
#pragma once

#include "tests/fuzz/targets.h"
#include "tests/unit/support/scripted_source.h"

#include <algorithm>

namespace vmsift::fuzz {

inline constexpr std::size_t kMemoryPage = 4096;

// The input from `at` on, page frames from 0, at most `most` of them; the last is filled with
// zeros.
inline test::ScriptedSource memory_of(Input input, std::size_t at, Pfn most) {
  std::map<Pfn, test::Bytes> pages;
  for (Pfn pfn = 0; pfn < most && at < input.size(); ++pfn, at += kMemoryPage) {
    const auto part = input.subspan(at, std::min(kMemoryPage, input.size() - at));
    test::Bytes page(part.begin(), part.end());
    page.resize(kMemoryPage);
    pages.emplace(pfn, std::move(page));
  }
  return test::ScriptedSource(std::move(pages));
}

}  // namespace vmsift::fuzz
