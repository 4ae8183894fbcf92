// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_core.h"

#include "tests/fuzz/read_dump.h"
#include "tests/fuzz/targets.h"

namespace vmsift::fuzz {

void fuzz_kdump_core(Input input) {
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    auto core = open_kdump_core(file_of(input), mode);
    if (!core) {
      require(!core.message().empty());
      return;
    }
    read_dump(**core);
  }
}

}  // namespace vmsift::fuzz
