// SPDX-License-Identifier: GPL-2.0-or-later
// A flattened stream (-F) into a pipe or file, framed or not (--stream). Every byte of the dump is
// written once, since crash may show either of two records over one offset. A stream without its
// end record was cut short: that is how readers tell.
#pragma once

#include "compress/frame.h"
#include "src/base/file.h"
#include "src/output/byte_sink.h"
#include "src/output/stream_out.h"

#include <memory>
#include <vector>

namespace vmsift {

class FlatSink final : public ByteSink {
 public:
  // `frames` is nullptr for a plain stream. Nothing is written yet.
  static Result<std::unique_ptr<FlatSink>> create(File out, const FrameFormat* frames,
                                                  std::uint64_t limit);

  [[nodiscard]] const std::string& name() const override { return out_.file().path(); }
  Written write_some(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return write_framed(offset, bytes, {});
  }
  Written write_framed(std::uint64_t offset, std::span<const std::byte> bytes,
                       std::span<const std::byte> frame) override;
  Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override;
  Result<void> write_provisional(std::uint64_t /*offset*/,
                                 std::span<const std::byte> /*bytes*/) override {
    return {};
  }
  [[nodiscard]] std::uint64_t room_for_data(std::uint64_t due, std::uint64_t pieces) const override;
  Result<void> finish() override;
  [[nodiscard]] std::uint64_t output_bytes() const override { return sent_; }

 private:
  FlatSink(File out, const FrameFormat* frames, std::uint64_t limit)
      : ByteSink(limit), out_(std::move(out)), format_(frames) {}

  Result<void> start();
  // The end of a piece of the stream that began at `before`, and how that went.
  Result<void> piece(Result<void> sent, std::uint64_t before);
  // The bytes of all parts, one behind another.
  Result<void> emit(std::span<const std::byte> head, std::span<const std::byte> body);
  Result<void> send(std::span<const std::byte> first, std::span<const std::byte> second);

  StreamOut out_;
  const FrameFormat* format_;
  std::unique_ptr<FrameEncoder> encoder_;
  std::vector<std::byte> plain_;  // of the frame that is made
  std::vector<std::byte> frame_;
  bool started_ = false;
  bool torn_ = false;  // ends within a piece
  std::uint64_t sent_ = 0;
};

}  // namespace vmsift
