// SPDX-License-Identifier: GPL-2.0-or-later
// Puts the records of a flattened stream into a file, each where it belongs, as they arrive.
//
// From the first record that holds the dump's header on, the file carries the mark of incomplete
// dumps (incomplete_mark.h); what the stream says there comes back when all else is on disk. So a
// file that was left behind by a crash of this machine does not pass for a whole dump.
#pragma once

#include "src/base/file.h"
#include "src/base/result.h"
#include "src/flattened/format.h"
#include "src/flattened/incomplete_mark.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace vmsift::flattened {

class Rebuild {
 public:
  // `file` must outlive it, be open for reading and writing, and be empty: zeros are left out where
  // nothing was written before.
  explicit Rebuild(const File& file) : file_(file) {}

  // A part of a record: bytes for `offset` of the dump.
  Result<void> put(std::uint64_t offset, std::span<const std::byte> bytes);
  // All records are there.
  Result<void> finish();

 private:
  Result<void> write(std::uint64_t offset, std::span<const std::byte> bytes);
  Result<void> mark(std::uint64_t offset, std::span<const std::byte> bytes);
  Result<void> set_size();

  const File& file_;
  std::uint64_t end_ = 0;  // of what was put
  // What the stream said at the place of the mark, when the mark is in the file.
  struct Marked {
    MarkPlace place;
    std::array<std::byte, 4> original{};
  };
  std::optional<Marked> marked_;
};

}  // namespace vmsift::flattened
