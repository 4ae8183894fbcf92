// SPDX-License-Identifier: GPL-2.0-or-later
// Every memory model, one line each. The first one that the note names is the kernel's.
#include "mm-model/memory_map.h"

#include <algorithm>
#include <array>

namespace vmsift {

extern const MemoryModel kSparse, kDiscontiguous, kFlat;

namespace {

// The variable mem_map is there, and NULL, in kernels of other models too: it comes last.
constexpr std::array<const MemoryModel*, 3> kModels = {
    &kSparse,
    &kDiscontiguous,
    &kFlat,
};

}  // namespace

Result<std::unique_ptr<MemoryMap>> MemoryMap::detect(const MapInput& input) {
  const auto model = std::find_if(kModels.begin(), kModels.end(), [&](const MemoryModel* known) {
    return known->is_named(input.note);
  });
  if (model == kModels.end()) {
    return error(
        "SYMBOL(mem_section), OFFSET(pglist_data.node_mem_map) and SYMBOL(mem_map)"
        " are missing");
  }
  return (*model)->detect(input);
}

}  // namespace vmsift
