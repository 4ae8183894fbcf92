// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/elf_core.h"

#include "tests/fuzz/read_dump.h"
#include "tests/fuzz/targets.h"

namespace vmsift::fuzz {

void fuzz_elf_core(Input input) {
  for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
    for (const std::size_t page_size : {4096U, 65536U}) {
      auto core = open_elf_core(file_of(input), mode);
      if (!core) {
        require(!core.message().empty());
        return;
      }
      require((*core)->set_page_size(page_size).ok());
      read_dump(**core);
    }
  }
}

}  // namespace vmsift::fuzz
