// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/file_window.h"

#include "src/base/types.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace vmsift {

FileWindow::FileWindow(const File& file, std::uint64_t file_size, ReadMode mode)
    : file_(file), file_size_(file_size), mode_(mode) {}

FileWindow::~FileWindow() {
  unmap();
}

void FileWindow::unmap() {
  if (mapping_ == nullptr) return;
  guard_.unwatch();
  ::munmap(mapping_, mapped_);
  mapping_ = nullptr;
}

Result<void> FileWindow::move_to(std::uint64_t offset, std::size_t length, Plan plan) {
  begin_ = end_ = 0;
  if (offset > file_size_ || length > file_size_ - offset) {
    return error("{}: ends at offset {:#x}, {} bytes were expected at {:#x}", file_.path(),
                 file_size_, length, offset);
  }
  const auto within = [length](std::uint64_t wanted, std::size_t most) {
    return std::max(length, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, most)));
  };
  if (mode_ == ReadMode::map && map(offset, within(plan.span, kMapBytes))) return {};
  mode_ = ReadMode::read;
  return read(offset, length, within(plan.contiguous, kReadBytes));
}

bool FileWindow::map(std::uint64_t offset, std::uint64_t bytes) {
  static const auto host_page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  unmap();
  const std::uint64_t from = align_down(offset, host_page);
  const std::uint64_t until = std::min(file_size_, offset + bytes);
  mapped_ = static_cast<std::size_t>(until - from);
  void* mapping =
      ::mmap(nullptr, mapped_, PROT_READ, MAP_PRIVATE, file_.fd(), static_cast<off_t>(from));
  if (mapping == MAP_FAILED) return false;
  if (!guard_.watch(mapping, mapped_)) {
    ::munmap(mapping, mapped_);
    return false;
  }
  mapping_ = mapping;
  base_ = static_cast<const std::byte*>(mapping_);
  begin_ = from;
  end_ = until;
  return true;
}

Result<void> FileWindow::read(std::uint64_t offset, std::size_t length, std::size_t bytes) {
  unmap();
  buffer_.resize(kReadBytes);
  auto got = file_.read_at(offset, std::span(buffer_).first(bytes));
  if (!got && bytes > length) {
    // One bad page must not take its neighbours with it.
    got = file_.read_at(offset, std::span(buffer_).first(length));
  }
  if (!got) return got.take_error();
  if (*got < length) {
    return error("{}: ends at offset {:#x}, {} bytes were expected at {:#x}", file_.path(),
                 offset + *got, length, offset);
  }
  base_ = buffer_.data();
  begin_ = offset;
  end_ = offset + *got;
  return {};
}

bool FileWindow::intact() {
  if (mapping_ == nullptr || !guard_.faulted()) return true;
  unmap();
  begin_ = end_ = 0;
  mode_ = ReadMode::read;
  return false;
}

}  // namespace vmsift
