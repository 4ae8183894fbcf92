// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <utility>

namespace vmsift {

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const std::string& path, int flags, mode_t mode) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return system_error(errno, path);
  return File(fd, path);
}

Result<File> File::create_dump(const std::string& path, bool overwrite) {
  constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
  auto file = open(path, O_RDWR | O_CREAT | (overwrite ? O_TRUNC : O_EXCL), kOwnerOnly);
  if (!file) {
    const bool exists = !overwrite && ::access(path.c_str(), F_OK) == 0;
    return error("cannot create the dump file {}{}", file.message(),
                 exists ? " (-f overwrites it)" : "");
  }
  struct stat st;
  if (::fstat(file->fd(), &st) != 0 || !S_ISREG(st.st_mode)) {
    return error("{}: not a regular file", path);
  }
  // A file that is overwritten keeps its mode otherwise.
  if (::fchmod(file->fd(), kOwnerOnly) != 0) return system_error(errno, path);
  return file;
}

Result<std::uint64_t> File::size() const {
  struct stat st;
  if (::fstat(fd_, &st) != 0) return system_error(errno, path_);
  if (S_ISREG(st.st_mode) && st.st_size >= 0) return static_cast<std::uint64_t>(st.st_size);
  const off_t end = ::lseek(fd_, 0, SEEK_END);
  if (end < 0) return system_error(errno, path_);
  return static_cast<std::uint64_t>(end);
}

Result<std::size_t> File::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  std::size_t done = 0;
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) - into.size()) {
    return done;
  }
  while (done < into.size()) {
    const ssize_t n =
        ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return system_error(errno, fmt::format("{}: reading {} bytes at offset {:#x}", path_,
                                             into.size() - done, offset + done));
    }
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<void> File::read_exactly(std::uint64_t offset, std::span<std::byte> into) const {
  auto n = read_at(offset, into);
  if (!n) return n.take_error();
  if (*n != into.size()) {
    const auto end = *n == 0 ? size() : Result<std::uint64_t>(offset + *n);
    return error("{}: ends at offset {:#x}, {} bytes were expected at {:#x}", path_,
                 end ? *end : offset, into.size(), offset);
  }
  return {};
}

Result<void> File::write_at(std::uint64_t offset, std::span<const std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return system_error(n < 0 ? errno : ENOSPC,
                          fmt::format("{}: writing {} bytes at offset {:#x}", path_,
                                      bytes.size() - done, offset + done));
    }
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<void> File::sync() const {
  // EINVAL: a special file that has nothing to sync.
  if (::fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS) {
    return system_error(errno, fmt::format("{}: flushing to disk", path_));
  }
  return {};
}

Result<void> File::close() {
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) {
    return system_error(errno, fmt::format("{}: closing", path_));
  }
  return {};
}

bool same_file(const File& a, const std::string& path) {
  struct stat one;
  struct stat two;
  return ::fstat(a.fd(), &one) == 0 && ::stat(path.c_str(), &two) == 0 &&
         one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

}  // namespace vmsift
