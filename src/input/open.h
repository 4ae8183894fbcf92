// SPDX-License-Identifier: GPL-2.0-or-later
// Opens a dump whatever its format: a table of formats, each asked whether a file's first bytes are
// its own.
#pragma once

#include "src/input/file_window.h"
#include "src/input/memory_source.h"

#include <memory>
#include <string>

namespace vmsift {

Result<std::unique_ptr<MemorySource>> open_dump(const std::string& path, ReadMode mode);

}  // namespace vmsift
