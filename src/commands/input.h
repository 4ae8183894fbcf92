// SPDX-License-Identifier: GPL-2.0-or-later
// How every command begins: open the dump, take its note, find out what kernel it is of.
#pragma once

#include "src/classify/kernel_model.h"
#include "src/cli/options.h"
#include "src/input/memory_source.h"
#include "src/kdump/format.h"
#include "src/report/log.h"

#include <memory>
#include <string>
#include <vector>

namespace vmsift {

struct Input {
  std::unique_ptr<MemorySource> source;
  std::unique_ptr<KernelModel> model;
  std::vector<std::byte> notes;     // for the dump that is written
  std::uint64_t vmcoreinfo_at = 0;  // offset of the text within the notes
  std::uint64_t vmcoreinfo_size = 0;
};

// Warnings and downgrades are shown as they are found. What -i or -x names may be of another
// kernel: that is an error of kind mismatch.
Result<Input> open_input(const Options& options, const Log& log);

// The header of a dump of this input; sizes and level included.
Result<kdump::Header> describe_dump(const Input& input, unsigned dump_level);

}  // namespace vmsift
