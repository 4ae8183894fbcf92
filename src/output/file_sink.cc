// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/file_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vmsift {

Result<std::unique_ptr<FileSink>> FileSink::create(const std::string& path, bool overwrite,
                                                   std::uint64_t limit, bool behind) {
  auto file = File::create_dump(path, overwrite);
  if (!file) return file.take_error();
  return std::unique_ptr<FileSink>(new FileSink(std::move(*file), limit, behind));
}

ByteSink::Written FileSink::write_some(std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::uint64_t room = limit() - std::min(limit(), offset);
  const auto allowed = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), room));
  Written written;
  while (written.bytes < allowed) {
    const ssize_t n = ::pwrite(file_.fd(), bytes.data() + written.bytes, allowed - written.bytes,
                               static_cast<off_t>(offset + written.bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      written.failure = failed(n < 0 ? errno : ENOSPC,
                               fmt::format("writing {} bytes at offset {:#x}",
                                           bytes.size() - written.bytes, offset + written.bytes));
      break;
    }
    written.bytes += static_cast<std::size_t>(n);
  }
  if (written.bytes != 0) end_ = std::max(end_, offset + written.bytes);
  if (!written.failure && allowed < bytes.size()) written.failure = over_limit();
  if (const int late = behind_ ? behind_->written(file_.fd(), written.bytes) : 0;
      late != 0 && !written.failure) {
    written.failure = failed(late, "writing to the disk what was written before");
  }
  return written;
}

Result<void> FileSink::write_zeros(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes > limit() - std::min(limit(), offset)) return over_limit();
  return set_least_size(offset + bytes);
}

Result<void> FileSink::set_least_size(std::uint64_t bytes) {
  if (bytes <= end_) return {};
  if (bytes > limit()) return over_limit();
  if (::ftruncate(file_.fd(), static_cast<off_t>(bytes)) != 0) {
    return failed(errno, fmt::format("growing to {} bytes", bytes));
  }
  end_ = bytes;
  return {};
}

Result<void> FileSink::reserve(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return {};
  if (bytes > limit() - std::min(limit(), offset)) return over_limit();
  if (::fallocate(file_.fd(), 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0) {
    end_ = std::max(end_, offset + bytes);
    return {};
  }
  // File systems that cannot reserve are no reason to stop.
  if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG) return {};
  return failed(errno, fmt::format("making room for {} bytes at offset {:#x}", bytes, offset));
}

Result<void> FileSink::cut(std::uint64_t bytes) {
  if (::ftruncate(file_.fd(), static_cast<off_t>(bytes)) != 0) {
    return failed(errno, fmt::format("cutting to {} bytes", bytes));
  }
  end_ = bytes;
  return {};
}

void FileSink::discard() {
  ::unlink(name().c_str());
}

Result<void> NullSink::set_header_bytes(std::uint64_t bytes) {
  if (frames_ == nullptr) return {};
  const StoredFrame& frame = frames_->stored;
  around_headers_ = bytes / kStoredFrameBytes * (frame.before.size() + frame.after.size());
  return {};
}

ByteSink::Written NullSink::write_some(std::uint64_t offset, std::span<const std::byte> bytes) {
  Written written;
  const std::uint64_t room = limit() - std::min(limit(), offset);
  written.bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), room));
  if (written.bytes != 0) end_ = std::max(end_, offset + written.bytes);
  if (written.bytes < bytes.size()) written.failure = over_limit();
  return written;
}

ByteSink::Written NullSink::write_framed(std::uint64_t offset, std::span<const std::byte> bytes,
                                         std::span<const std::byte> frame) {
  if (!frame.empty() && frame.size() < bytes.size()) {
    saved_by_frames_ += bytes.size() - frame.size();
  }
  return write_some(offset, bytes);
}

Result<void> NullSink::write_zeros(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes > limit() - std::min(limit(), offset)) return over_limit();
  end_ = std::max(end_, offset + bytes);
  return {};
}

}  // namespace vmsift
