// SPDX-License-Identifier: GPL-2.0-or-later
// Which writer and which sink the options of a dump ask for.
#pragma once

#include "compress/frame.h"
#include "src/cli/options.h"
#include "src/commands/input.h"
#include "src/copy/stored_batch.h"
#include "src/output/dump_writer.h"

#include <memory>
#include <string>

namespace vmsift {

// The page data that --stream wraps; nullptr: none.
const FrameFormat* frames_of(const Options& options);

// Which pages the writer can store without data of their own.
Sharing sharing_of(const Options& options, unsigned dump_level);

// A dump of `input` to be written into `path` (into the standard output with -F); `level` is the
// sum of this dump's and the input's. Whatever failed, no file is left behind.
Result<std::unique_ptr<DumpWriter>> make_writer(const Options& options, const Input& input,
                                                unsigned level, const std::string& path);

}  // namespace vmsift
