// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/write_behind.h"

#include <fcntl.h>

#include <cerrno>

namespace vmsift {

// The whole file is named, since writes go to several places of it (bitmaps, descriptors, data);
// the kernel finds by tags what is dirty or under way. What is still under way is not dropped.
int WriteBehind::written(int fd, std::size_t bytes) {
  pending_ += bytes;
  if (!possible_ || pending_ < kChunkBytes) return 0;
  pending_ = 0;
  int status;
  do {
    status = ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
  } while (status != 0 && errno == EINTR);
  if (status != 0) {
    // Not every file system can; fdatasync in the end can.
    possible_ = errno != ENOSYS && errno != EINVAL && errno != ESPIPE && errno != EOPNOTSUPP;
    return possible_ ? errno : 0;
  }
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  return 0;
}

}  // namespace vmsift
