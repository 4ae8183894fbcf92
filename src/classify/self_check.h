// SPDX-License-Identifier: GPL-2.0-or-later
// Before any rule is trusted: what do the rules say of pages that the kernel cannot have given
// away? Those of its image (symbols that are there until it stops), its page tables, mem_section,
// the memory nodes, and the struct pages of all these. A rule that calls one of them free, cache, a
// process's or not to be touched reads something else than it thinks it does: it is switched off,
// and its pages are kept.
#pragma once

#include "src/classify/kernel_model.h"

#include <cstddef>
#include <string>
#include <vector>

namespace vmsift {

struct KnownPage {
  Pfn pfn = 0;
  std::string holds;  // "SYMBOL(_stext)"
};

// By rising page frame, each once, kMostKnownPages at most. Nothing is there of a page that cannot
// be found: fewer known pages mean a weaker check and no error.
constexpr std::size_t kMostKnownPages = 256;
std::vector<KnownPage> known_pages(const KernelModel& model, const MemorySource& source);

// Switches off what known pages speak against. The number of known pages whose struct page could be
// read.
std::size_t self_check(KernelModel& model, const MemorySource& source);

}  // namespace vmsift
