// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/peek_reader.h"

#include <algorithm>

namespace vmsift {

Result<std::span<const std::byte>> PeekReader::at(std::uint64_t offset, std::size_t length) {
  const bool inside = offset >= begin_ && offset - begin_ < size_ &&
                      (length <= size_ - (offset - begin_) || begin_ + size_ == store_.size());
  if (!inside) {
    // Bytes that no file holds as they are would have to be decompressed first.
    const std::size_t most = store_.piece_at(offset) ? kAheadBytes : length;
    size_ = 0;
    auto got = store_.read_at(offset, std::span(buffer_).first(most));
    if (!got && most > length) got = store_.read_at(offset, std::span(buffer_).first(length));
    if (!got) return got.take_error();
    begin_ = offset;
    size_ = *got;
  }
  const auto from = static_cast<std::size_t>(offset - begin_);
  return std::span<const std::byte>(buffer_).subspan(from, std::min(length, size_ - from));
}

}  // namespace vmsift
