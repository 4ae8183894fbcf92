// SPDX-License-Identifier: GPL-2.0-or-later
// A file of frames (-E --stream) that `zstd -d` or `lz4 -d` turns into the plain dump. Headers are
// known last, so they stand in frames that are not compressed and can be written at any time; page
// data follow in frames of their own.
#pragma once

#include "compress/frame.h"
#include "src/output/file_sink.h"

#include <memory>
#include <vector>

namespace vmsift {

class FramedFileSink final : public ByteSink {
 public:
  FramedFileSink(std::unique_ptr<FileSink> file, const FrameFormat& format);

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  Written write_some(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return write_framed(offset, bytes, {});
  }
  Written write_framed(std::uint64_t offset, std::span<const std::byte> bytes,
                       std::span<const std::byte> frame) override;
  Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override;
  Result<void> write_provisional(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return write_at(offset, bytes);
  }
  // A multiple of kStoredFrameBytes.
  Result<void> set_header_bytes(std::uint64_t bytes) override;
  Result<void> sync() override { return file_->sync(); }
  Result<void> finish() override { return file_->finish(); }
  void discard() override { file_->discard(); }
  [[nodiscard]] std::uint64_t output_bytes() const override { return end_; }
  [[nodiscard]] bool out_of_space() const override { return file_->out_of_space(); }

 private:
  Written write_header(std::uint64_t offset, std::span<const std::byte> bytes);
  Result<void> append(std::span<const std::byte> frame);
  Result<void> append_plain(std::span<const std::byte> bytes);
  [[nodiscard]] std::uint64_t stored_frame_size() const;

  std::unique_ptr<FileSink> file_;
  const FrameFormat& format_;
  std::unique_ptr<FrameEncoder> encoder_;
  std::vector<std::byte> frame_;
  std::uint64_t header_bytes_ = 0;
  std::uint64_t position_ = 0;  // in the dump, of what comes next
  std::uint64_t end_ = 0;       // of the file
};

}  // namespace vmsift
