// SPDX-License-Identifier: GPL-2.0-or-later
// A file descriptor that closes itself, with reads and writes that go on after a short count.
#pragma once

#include "src/base/result.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vmsift {

class File {
 public:
  File() = default;
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  // `flags` as of open(2); O_CLOEXEC is added.
  static Result<File> open(const std::string& path, int flags, mode_t mode = 0);

  // A regular file for the memory of another machine, which is nobody else's to read: mode 0600. An
  // existing one is emptied, and only with `overwrite`.
  static Result<File> create_dump(const std::string& path, bool overwrite);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Result<std::uint64_t> size() const;

  // Bytes read from `offset`: fewer than asked for only at the end of the file.
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const;
  // The whole of `into`, or an error that says where the file ended.
  [[nodiscard]] Result<void> read_exactly(std::uint64_t offset, std::span<std::byte> into) const;
  [[nodiscard]] Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) const;
  [[nodiscard]] Result<void> sync() const;
  [[nodiscard]] Result<void> close();

 private:
  int fd_ = -1;
  std::string path_;
};

// Whether both are the same file on this machine (then one must not be written over the other).
bool same_file(const File& a, const std::string& path);

}  // namespace vmsift
