// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/flattened/rebuild.h"

#include "src/base/types.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vmsift::flattened {
namespace {

// Runs of zeros shorter than this are written: each hole is an extent of the file.
constexpr std::uint64_t kHoleBytes = 64U << 10;

bool all_zero(std::span<const std::byte> bytes) {
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

Result<void> Rebuild::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::uint64_t end = offset + bytes.size();
  const std::uint64_t written_before = end_;
  end_ = std::max(end_, end);
  if (offset < written_before) return file_.write_at(offset, bytes);
  const auto piece = [&](std::uint64_t begin, std::uint64_t until) {
    return bytes.subspan(static_cast<std::size_t>(begin - offset),
                         static_cast<std::size_t>(until - begin));
  };
  // Zeros that fill whole blocks of a hole's size, and what is between them.
  std::uint64_t from = offset;  // not written yet
  for (std::uint64_t block = align_up(offset, kHoleBytes); block + kHoleBytes <= end;
       block += kHoleBytes) {
    if (!all_zero(piece(block, block + kHoleBytes))) continue;
    if (auto w = file_.write_at(from, piece(from, block)); !w) return w;
    from = block + kHoleBytes;
  }
  return file_.write_at(from, piece(from, end));
}

Result<void> Rebuild::put(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (auto written = write(offset, bytes); !written) return written;
  return offset < kMarkBytes ? mark(offset, bytes) : Result<void>();
}

// After `bytes` were written where the header is, maybe over the mark.
Result<void> Rebuild::mark(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (!marked_) {
    std::array<std::byte, kMarkBytes> start{};
    auto got = file_.read_at(0, start);
    if (!got) return got.take_error();
    const auto place = find_mark(std::span(start).first(*got));
    if (!place) return {};
    marked_.emplace(Marked{*place, {}});
    std::memcpy(marked_->original.data(), start.data() + place->offset, marked_->original.size());
  }
  const MarkPlace& place = marked_->place;
  auto& original = marked_->original;
  for (std::size_t i = 0; i < original.size(); ++i) {
    const std::uint64_t at = place.offset + i;
    if (at >= offset && at - offset < bytes.size()) {
      original[i] = bytes[static_cast<std::size_t>(at - offset)];
    }
  }
  std::array<std::byte, 4> with_mark{};
  store(with_mark.data(), load<std::uint32_t>(original.data(), place.order) | place.bit,
        place.order);
  return file_.write_at(place.offset, with_mark);
}

// Of a file that ends with a hole.
Result<void> Rebuild::set_size() {
  auto size = file_.size();
  if (!size) return size.take_error();
  if (*size >= end_) return {};
  if (::ftruncate(file_.fd(), static_cast<off_t>(end_)) == 0) return {};
  return system_error(errno, fmt::format("{}: setting its size", file_.path()));
}

Result<void> Rebuild::finish() {
  if (auto set = set_size(); !set) return set;
  if (auto synced = file_.sync(); !synced) return synced;
  if (!marked_) return {};
  if (auto w = file_.write_at(marked_->place.offset, marked_->original); !w) return w;
  return file_.sync();
}

}  // namespace vmsift::flattened
