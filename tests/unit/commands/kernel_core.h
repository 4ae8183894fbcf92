// SPDX-License-Identifier: GPL-2.0-or-later
// A made-up kernel as an ELF core on disk, for commands that must understand one.
#pragma once

#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/synthetic_memory.h"
#include "tests/unit/support/temp_dir.h"

#include <elf.h>

#include <memory>
#include <string>

namespace vmsift::test {

// All that `memory` stores, with `note` as its VMCOREINFO.
inline void write_kernel_core(const std::string& path, const SyntheticMemory& memory,
                              const std::string& note) {
  const DumpInfo& info = memory.info();
  ElfBuilder elf({.order = info.order, .machine = EM_X86_64});
  elf.notes(elf_note("VMCOREINFO", 0, text_bytes(note), info.order));
  const auto reader = memory.reader();
  for (const PfnRange range : memory.stored()) {
    Bytes data;
    for (Pfn pfn = range.begin; pfn < range.end; ++pfn) {
      const std::byte* page = nullptr;
      reader->fetch({&pfn, 1}, {&page, 1});
      append(data, page == nullptr ? zeros(info.page_size) : Bytes(page, page + info.page_size));
    }
    elf.load(range.begin * info.page_size, std::move(data));
  }
  write_file(path, elf.build());
}

}  // namespace vmsift::test
