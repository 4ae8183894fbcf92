// SPDX-License-Identifier: GPL-2.0-or-later
// A bounded view of a large dump that is moved along. Mapping costs a third of reading and copies
// nothing; but each mapped GiB of /proc/vmcore costs the kernel 2 MiB of page tables, so windows
// are small. Where the file cannot be mapped, or a mapping faulted, pread serves the same bytes.
#pragma once

#include "src/input/bus_guard.h"
#include "src/input/byte_store.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmsift {

// map_little: windows are small too, for a machine that counts its page tables.
enum class ReadMode : std::uint8_t { map, map_little, read };

class FileWindow {
 public:
  static constexpr std::size_t kMapBytes = 16U << 20;
  static constexpr std::size_t kLittleMapBytes = 1U << 20;
  static constexpr std::size_t kReadBytes = 256U << 10;

  // Bytes that a window takes: page tables of 8 bytes for each 4 KiB that it maps, which begin and
  // end anywhere, or a buffer.
  static constexpr std::size_t memory(ReadMode mode) {
    if (mode == ReadMode::read) return kReadBytes;
    return (mode == ReadMode::map ? kMapBytes : kLittleMapBytes) / 4096 * 8 + 4096;
  }

  // `store` must outlive the window.
  FileWindow(const ByteStore& store, ReadMode mode);
  ~FileWindow();
  FileWindow(const FileWindow&) = delete;
  FileWindow& operator=(const FileWindow&) = delete;

  // The bytes at [offset, offset + length), or nullptr when the window is elsewhere.
  [[nodiscard]] const std::byte* at(std::uint64_t offset, std::size_t length) const {
    const bool inside = offset >= begin_ && offset <= end_ && length <= end_ - offset;
    return inside ? base_ + (offset - begin_) : nullptr;
  }

  // What the caller is going to ask for: the window is made no larger than that, so that threads
  // that work side by side do not map each other's part once more.
  struct Plan {
    std::uint64_t contiguous = 0;  // bytes from the offset on that are wanted without a gap
    std::uint64_t span = 0;        // bytes up to the end of the last one wanted
  };

  // Moves the window so that it holds [offset, offset + length) and as much of the plan as it can:
  // the span where it maps, the contiguous part where it reads. Earlier pointers become invalid.
  // Requires length <= kReadBytes.
  Result<void> move_to(std::uint64_t offset, std::size_t length, Plan plan);

  // False when bytes of this window were not what the file holds; from then on the window is read
  // and not mapped.
  bool intact();

 private:
  bool map(std::uint64_t offset, std::size_t length, std::uint64_t bytes);
  Result<void> read(std::uint64_t offset, std::size_t length, std::size_t bytes);
  void unmap();

  const ByteStore& store_;
  ReadMode mode_;
  std::uint64_t begin_ = 0;  // offsets that the window holds
  std::uint64_t end_ = 0;
  const std::byte* base_ = nullptr;
  void* mapping_ = nullptr;
  BusGuard guard_;
  std::size_t mapped_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace vmsift
