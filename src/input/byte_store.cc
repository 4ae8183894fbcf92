// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/byte_store.h"

#include <unistd.h>

#include <cerrno>

namespace vmsift {

Result<void> ByteStore::read_exactly(std::uint64_t offset, std::span<std::byte> into) const {
  auto n = read_at(offset, into);
  if (!n) return n.take_error();
  if (*n != into.size()) {
    return error("{}: ends at offset {:#x}, {} bytes were expected at {:#x}", path(),
                 *n == 0 ? size() : offset + *n, into.size(), offset);
  }
  return {};
}

Result<std::unique_ptr<ByteStore>> PlainStore::open(File file) {
  auto size = file.size();
  if (!size) return size.take_error();
  return std::unique_ptr<ByteStore>(std::make_unique<PlainStore>(std::move(file), *size));
}

std::uint64_t PlainStore::next_data(std::uint64_t offset) const {
  const off_t data = ::lseek(file_.fd(), static_cast<off_t>(offset), SEEK_DATA);
  if (data >= 0) return static_cast<std::uint64_t>(data);
  return errno == ENXIO ? size_ : offset;  // no more data, or holes are not told
}

}  // namespace vmsift
