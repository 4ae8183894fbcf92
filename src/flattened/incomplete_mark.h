// SPDX-License-Identifier: GPL-2.0-or-later
// The mark by which a dump says of itself that memory is missing: bit 3 of `status` in the header
// of a kdump-compressed dump, bit 0 of e_flags in an ELF core (both makedumpfile's; crash and
// libkdumpfile know them).
#pragma once

#include "src/base/bytes.h"
#include "src/base/file.h"
#include "src/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace vmsift::flattened {

struct MarkPlace {
  std::uint64_t offset = 0;  // in the dump, of 4 bytes
  ByteOrder order = ByteOrder::little;
  std::uint32_t bit = 0;
};

// How much of a dump find_mark() wants to see of its beginning.
inline constexpr std::size_t kMarkBytes = 512;

// nullopt: it is no dump, or so little of its header is there that no reader would open it.
std::optional<MarkPlace> find_mark(std::span<const std::byte> start);

// Makes the best of a dump whose writing was broken off: sets the mark; where readers insist on
// whole bitmaps, makes the file as long as they are; and of an ELF core, counts only the program
// headers that are there. `file` is open for reading and writing. False: there is nothing in it
// that a reader would open.
Result<bool> mark_incomplete(const File& file);

}  // namespace vmsift::flattened
