// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/stream_reader.h"

#include "src/base/stop_request.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vmsift {
namespace {

constexpr std::size_t kMagicBytes = 4;

}  // namespace

StreamReader::StreamReader(const File& file) : file_(file), raw_(kBufferBytes) {
  // A pipe holds 64 KiB otherwise, and both ends sleep and wake for each.
  ::fcntl(file.fd(), F_SETPIPE_SZ, static_cast<int>(kBufferBytes));
}

// Adds to what is in raw_, which must not be full.
Result<void> StreamReader::refill() {
  std::memmove(raw_.data(), raw_.data() + raw_begin_, raw_end_ - raw_begin_);
  raw_end_ -= raw_begin_;
  raw_begin_ = 0;
  do {
    if (stop_requested()) return stopped();
  } while (!wait_ready(file_.fd(), POLLIN));
  ssize_t n;
  do {
    n = ::read(file_.fd(), raw_.data() + raw_end_, raw_.size() - raw_end_);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    return system_error(errno,
                        fmt::format("{}: reading at offset {:#x}", file_.path(), raw_position_));
  }
  if (n == 0) at_end_ = true;
  raw_end_ += static_cast<std::size_t>(n);
  raw_position_ += static_cast<std::size_t>(n);
  return {};
}

// What begins at raw_begin_. Whatever is no frame ends a stream of frames.
Result<void> StreamReader::begin_frame() {
  while (raw_end_ - raw_begin_ < kMagicBytes && !at_end_) {
    if (auto more = refill(); !more) return more;
  }
  frame_ = frame_kind(std::span(raw_).subspan(raw_begin_, raw_end_ - raw_begin_));
  if (!started_) framed_ = frame_.has_value();
  started_ = true;
  if (framed_ && !frame_) at_end_ = true;
  return {};
}

// One step of decompression; plain_ is empty before, and may be so after.
Result<void> StreamReader::decode() {
  const std::uint64_t at = raw_position_ - (raw_end_ - raw_begin_);
  auto step =
      decoder_.step(*frame_, std::span(raw_).subspan(raw_begin_, raw_end_ - raw_begin_), plain_);
  if (!step) {
    return step.take_error().context(
        fmt::format("{}: {} frame, near offset {:#x}", file_.path(), name_of(*frame_), at));
  }
  raw_begin_ += step->consumed;
  plain_begin_ = 0;
  plain_end_ = step->produced;
  if (step->frame_done) {
    frame_.reset();
  } else if (step->consumed == 0 && step->produced == 0) {
    if (at_end_) return error("{}: ends within a {} frame", file_.path(), name_of(*frame_));
    return refill();
  }
  return {};
}

Result<std::span<const std::byte>> StreamReader::next(std::size_t most) {
  if (!started_) {
    if (auto begun = begin_frame(); !begun) return begun.take_error();
    if (framed_) plain_.resize(kBufferBytes);
  }
  const auto give = [&](std::vector<std::byte>& from, std::size_t& begin, std::size_t end) {
    const auto bytes = std::span<const std::byte>(from).subspan(begin, std::min(most, end - begin));
    begin += bytes.size();
    position_ += bytes.size();
    return bytes;
  };
  if (!framed_) {
    if (raw_begin_ == raw_end_ && !at_end_) {
      if (auto more = refill(); !more) return more.take_error();
    }
    return give(raw_, raw_begin_, raw_end_);
  }
  while (plain_begin_ == plain_end_) {
    if (!frame_) {
      if (auto begun = begin_frame(); !begun) return begun.take_error();
      if (!frame_) return std::span<const std::byte>();
    }
    if (auto decoded = decode(); !decoded) return decoded.take_error();
  }
  return give(plain_, plain_begin_, plain_end_);
}

}  // namespace vmsift
