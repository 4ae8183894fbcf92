// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/flat_sink.h"

#include "src/base/stop_request.h"
#include "src/flattened/format.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

namespace vmsift {
namespace {

constexpr std::size_t kFramePlain = 128U << 10;  // of a frame that is made here
constexpr std::size_t kFrameOverhead = 64;       // of a small one, more than either format takes

constexpr std::array<std::byte, 64U << 10> kZeros = {};

}  // namespace

Result<std::unique_ptr<FlatSink>> FlatSink::create(File out, const FrameFormat* frames,
                                                   std::uint64_t limit) {
  if (::isatty(out.fd()) != 0) {
    return error("{} is a terminal: a flattened dump goes into a pipe or file", out.path());
  }
  std::unique_ptr<FlatSink> sink(new FlatSink(std::move(out), frames, limit));
  if (frames != nullptr) {
    sink->encoder_ = frames->encoder();
    if (!sink->encoder_) throw std::bad_alloc();
    sink->frame_.resize(frames->bound(kFramePlain));
  }
  return sink;
}

Result<void> FlatSink::send(std::span<const std::byte> first, std::span<const std::byte> second) {
  if (first.size() + second.size() > limit() - std::min(limit(), sent_)) return over_limit();
  while (!first.empty() || !second.empty()) {
    std::array<iovec, 2> parts = {{{const_cast<std::byte*>(first.data()), first.size()},
                                   {const_cast<std::byte*>(second.data()), second.size()}}};
    const ssize_t n = out_.write_some(parts);
    if (n < 0 && errno == EAGAIN) {
      return error("{}; nobody reads {} any more", stopped().message(), name());
    }
    if (n <= 0) return failed(n < 0 ? errno : ENOSPC, "writing");
    auto done = static_cast<std::size_t>(n);
    sent_ += done;
    const std::size_t of_first = std::min(done, first.size());
    first = first.subspan(of_first);
    second = second.subspan(done - of_first);
  }
  return {};
}

Result<void> FlatSink::emit(std::span<const std::byte> head, std::span<const std::byte> body) {
  if (!encoder_) return send(head, body);
  while (!head.empty() || !body.empty()) {
    plain_.assign(head.begin(), head.end());
    head = {};
    const std::size_t n = std::min(body.size(), kFramePlain - plain_.size());
    plain_.insert(plain_.end(), body.begin(), body.begin() + static_cast<std::ptrdiff_t>(n));
    body = body.subspan(n);
    const std::size_t size = encoder_->encode(plain_, frame_);
    if (size == 0) throw std::bad_alloc();
    if (auto sent = send(std::span(frame_).first(size), {}); !sent) return sent;
  }
  return {};
}

Result<void> FlatSink::start() {
  if (torn_) return error("{}: the stream was cut short within a record", name());
  if (started_) return {};
  std::array<std::byte, flattened::kHeaderBytes> header;
  flattened::encode_flat_header(header);
  return piece(emit(header, {}), 0);
}

// Bytes behind a part of a record would be taken for the rest of it.
Result<void> FlatSink::piece(Result<void> sent, std::uint64_t before) {
  started_ |= sent.ok();
  torn_ |= !sent && sent_ != before;
  return sent;
}

ByteSink::Written FlatSink::write_framed(std::uint64_t offset, std::span<const std::byte> bytes,
                                         std::span<const std::byte> frame) {
  if (bytes.empty()) return {};
  if (auto begun = start(); !begun) return {0, begun.take_error()};
  const auto head = flattened::encode_record_header(offset, bytes.size());
  const bool framed = encoder_ && !frame.empty();
  const std::uint64_t before = sent_;
  auto sent = emit(head, framed ? std::span<const std::byte>() : bytes);
  if (sent && framed) sent = send(frame, {});
  sent = piece(std::move(sent), before);
  if (!sent) return {0, sent.take_error()};
  return {bytes.size(), std::nullopt};
}

Result<void> FlatSink::write_zeros(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return {};
  if (auto begun = start(); !begun) return begun;
  const std::uint64_t room = limit() - std::min(limit(), sent_ + flattened::kRecordHeaderBytes);
  if (!encoder_ && bytes > room) return over_limit();
  const std::uint64_t before = sent_;
  auto sent = emit(flattened::encode_record_header(offset, bytes), {});
  while (sent && bytes != 0) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kZeros.size()));
    sent = emit(std::span(kZeros).first(n), {});
    bytes -= n;
  }
  return piece(std::move(sent), before);
}

std::uint64_t FlatSink::room_for_data(std::uint64_t due, std::uint64_t pieces) const {
  if (limit() == kNoLimit) return kNoLimit;
  const std::uint64_t around = flattened::kRecordHeaderBytes + (encoder_ ? kFrameOverhead : 0);
  // The data's own record and the end record are pieces too.
  const std::uint64_t needed = sent_ + due + (encoder_ ? due / 64 : 0) + (pieces + 2) * around;
  return limit() - std::min(limit(), needed);
}

Result<void> FlatSink::finish() {
  if (auto begun = start(); !begun) return begun;
  const std::uint64_t before = sent_;
  if (auto sent = piece(emit(flattened::encode_end_record(), {}), before); !sent) return sent;
  struct stat st;
  if (::fstat(out_.file().fd(), &st) == 0 && S_ISREG(st.st_mode)) {
    if (auto synced = out_.file().sync(); !synced) return synced;
  }
  return out_.close();
}

}  // namespace vmsift
