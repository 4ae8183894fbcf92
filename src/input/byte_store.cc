// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/byte_store.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

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

// /proc/kcore, by whatever name it was opened. /proc/vmcore is of the same file system, but is the
// memory of a kernel that is dead.
bool PlainStore::live() const {
  struct statfs fs;
  if (::fstatfs(file_.fd(), &fs) != 0 || fs.f_type != PROC_SUPER_MAGIC) return false;
  std::array<char, 256> target{};
  const std::string link = fmt::format("/proc/self/fd/{}", file_.fd());
  const ssize_t n = ::readlink(link.c_str(), target.data(), target.size());
  return n > 0 && std::string_view(target.data(), static_cast<std::size_t>(n)).ends_with("/kcore");
}

}  // namespace vmsift
