// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/framed_file_sink.h"

#include <algorithm>
#include <array>
#include <new>

namespace vmsift {
namespace {

constexpr std::size_t kFramePlain = 128U << 10;
constexpr std::array<std::byte, kFramePlain> kZeros = {};

}  // namespace

FramedFileSink::FramedFileSink(std::unique_ptr<FileSink> file, const FrameFormat& format)
    : ByteSink(kNoLimit),  // the file has it
      file_(std::move(file)),
      format_(format),
      encoder_(format.encoder()),
      frame_(format.bound(kFramePlain)) {
  if (!encoder_) throw std::bad_alloc();
}

std::uint64_t FramedFileSink::stored_frame_size() const {
  return format_.stored.before.size() + kStoredFrameBytes + format_.stored.after.size();
}

Result<void> FramedFileSink::set_header_bytes(std::uint64_t bytes) {
  header_bytes_ = position_ = bytes;
  const std::uint64_t frames = bytes / kStoredFrameBytes;
  for (std::uint64_t i = 0; i < frames; ++i) {
    const std::uint64_t at = i * stored_frame_size();
    if (auto done = file_->write_at(at, format_.stored.before); !done) return done;
    if (auto done = file_->write_at(
            at + format_.stored.before.size() + kStoredFrameBytes, format_.stored.after);
        !done) {
      return done;
    }
  }
  end_ = frames * stored_frame_size();
  return file_->set_least_size(end_);
}

ByteSink::Written FramedFileSink::write_header(std::uint64_t offset,
                                               std::span<const std::byte> bytes) {
  Written written;
  while (!bytes.empty()) {
    const std::uint64_t inside = offset % kStoredFrameBytes;
    const auto n = static_cast<std::size_t>(
        std::min<std::uint64_t>(bytes.size(), kStoredFrameBytes - inside));
    const std::uint64_t at = offset / kStoredFrameBytes * stored_frame_size() +
                             format_.stored.before.size() + inside;
    if (auto done = file_->write_at(at, bytes.first(n)); !done) {
      written.failure = done.take_error();
      break;
    }
    written.bytes += n;
    offset += n;
    bytes = bytes.subspan(n);
  }
  return written;
}

// A frame that does not fit is taken away again, so that the file always ends with a whole one.
Result<void> FramedFileSink::append(std::span<const std::byte> frame) {
  auto written = file_->write_some(end_, frame);
  if (written.failure) {
    if (auto cut = file_->cut(end_); !cut) return cut;
    return std::move(*written.failure);
  }
  end_ += frame.size();
  return {};
}

Result<void> FramedFileSink::append_plain(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), kFramePlain));
    const std::size_t size = encoder_->encode(part, frame_);
    if (size == 0) throw std::bad_alloc();
    if (auto done = append(std::span(frame_).first(size)); !done) return done;
    position_ += part.size();
    bytes = bytes.subspan(part.size());
  }
  return {};
}

Result<void> FramedFileSink::write_zeros(std::uint64_t offset, std::uint64_t bytes) {
  if (offset + bytes <= header_bytes_) return {};  // they are zeros from the start
  std::uint64_t left = offset + bytes - std::min(position_, offset + bytes);
  while (left != 0) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, kFramePlain));
    if (auto done = append_plain(std::span(kZeros).first(n)); !done) return done;
    left -= n;
  }
  return {};
}

ByteSink::Written FramedFileSink::write_framed(std::uint64_t offset,
                                               std::span<const std::byte> bytes,
                                               std::span<const std::byte> frame) {
  if (offset < header_bytes_) return write_header(offset, bytes);
  if (offset > position_) {
    if (auto done = write_zeros(position_, offset - position_); !done) {
      return {0, done.take_error()};
    }
  }
  const std::uint64_t before = position_;
  auto done = frame.empty() ? append_plain(bytes) : append(frame);
  if (done && !frame.empty()) position_ += bytes.size();
  Written written{static_cast<std::size_t>(position_ - before), std::nullopt};
  if (!done) written.failure = done.take_error();
  return written;
}

}  // namespace vmsift
