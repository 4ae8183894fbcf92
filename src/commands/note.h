// SPDX-License-Identifier: GPL-2.0-or-later
// Which VMCOREINFO text a dump is read with: its own, what -i or -x gives, or both
// (mm-model/given_note.h has the rule). Readers of the dump that is written need it too.
#pragma once

#include "src/base/result.h"
#include "src/classify/kernel_model.h"
#include "src/cli/options.h"
#include "src/input/memory_source.h"
#include "src/report/log.h"

#include <string>
#include <string_view>
#include <vector>

namespace vmsift {

struct GivenNote {
  std::string text;
  std::string file;  // empty: nothing was given
};

// The text of -x or -i.
Result<GivenNote> read_given_note(const Options& options);

struct ChosenNote {
  std::string text;
  std::string mismatch;        // not empty: what is given is of another kernel
  bool doubted_build = false;  // of another build, says the dump's note; to be looked at in memory
};

// Sets the source's page size, and for a dump without a note finds the kernel in its memory.
ChosenNote choose_note(const GivenNote& given, MemorySource& source, const Log& log);

// Whether the build id of what was given stands in the kernel's memory.
bool confirm_build_in_memory(const GivenNote& given, const KernelModel& model,
                             const MemorySource& source);

// The dump's notes with `text` among them, and where in them it begins.
struct OutputNotes {
  std::vector<std::byte> notes;
  std::uint64_t text_at = 0;
  std::uint64_t text_size = 0;
};
OutputNotes output_notes(const DumpInfo& dump, std::string_view text);

}  // namespace vmsift
