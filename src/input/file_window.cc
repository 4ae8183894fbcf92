// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/file_window.h"

#include "src/base/types.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace vmsift {

FileWindow::FileWindow(const ByteStore& store, ReadMode mode) : store_(store), mode_(mode) {}

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
  if (offset > store_.size() || length > store_.size() - offset) {
    return error("{}: ends at offset {:#x}, {} bytes were expected at {:#x}", store_.path(),
                 store_.size(), length, offset);
  }
  const auto within = [length](std::uint64_t wanted, std::size_t most) {
    return std::max(length, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, most)));
  };
  const std::size_t most = mode_ == ReadMode::map ? kMapBytes : kLittleMapBytes;
  if (mode_ != ReadMode::read && map(offset, length, within(plan.span, most))) return {};
  return read(offset, length, within(plan.contiguous, kReadBytes));
}

bool FileWindow::map(std::uint64_t offset, std::size_t length, std::uint64_t bytes) {
  static const auto host_page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  unmap();
  const auto piece = store_.piece_at(offset);
  if (!piece || length > piece->end - offset) return false;  // but what follows may be mapped again
  const std::uint64_t at = piece->file_offset + (offset - piece->begin);  // in the file
  const std::uint64_t from = align_down(at, host_page);
  const std::uint64_t until = at + std::min(piece->end - offset, bytes);
  mapped_ = static_cast<std::size_t>(until - from);
  void* mapping =
      ::mmap(nullptr, mapped_, PROT_READ, MAP_PRIVATE, piece->file->fd(), static_cast<off_t>(from));
  if (mapping == MAP_FAILED || !guard_.watch(mapping, mapped_)) {
    if (mapping != MAP_FAILED) ::munmap(mapping, mapped_);
    mode_ = ReadMode::read;
    return false;
  }
  mapping_ = mapping;
  const std::uint64_t before = std::min(at - from, offset - piece->begin);  // of the piece
  base_ = static_cast<const std::byte*>(mapping_) + (at - from - before);
  begin_ = offset - before;
  end_ = offset + (until - at);
  return true;
}

Result<void> FileWindow::read(std::uint64_t offset, std::size_t length, std::size_t bytes) {
  unmap();
  buffer_.resize(kReadBytes);
  auto got = store_.read_at(offset, std::span(buffer_).first(bytes));
  if (!got && bytes > length) {
    // One bad page must not take its neighbours with it.
    got = store_.read_at(offset, std::span(buffer_).first(length));
  }
  if (!got) return got.take_error();
  if (*got < length) {
    return error("{}: ends at offset {:#x}, {} bytes were expected at {:#x}", store_.path(),
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
