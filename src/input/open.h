// SPDX-License-Identifier: GPL-2.0-or-later
// Opens a dump whatever its form and format: what it is wrapped in is taken off (frames of zstd or
// LZ4, then the flattened form), and a table of formats is asked whose the first bytes are.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/file_window.h"
#include "src/input/memory_source.h"

#include <memory>
#include <span>
#include <string>

namespace vmsift {

// The bytes of the dump in this file, whatever form the file keeps them in.
Result<std::unique_ptr<ByteStore>> open_store(const std::string& path);

// Several paths: the members of a split dump.
Result<std::unique_ptr<MemorySource>> open_dump(std::span<const std::string> paths, ReadMode mode);
Result<std::unique_ptr<MemorySource>> open_dump(const std::string& path, ReadMode mode);

}  // namespace vmsift
