// SPDX-License-Identifier: GPL-2.0-or-later
// A dump that is a regular file, and one that is nowhere.
#pragma once

#include "compress/frame.h"
#include "src/base/file.h"
#include "src/output/byte_sink.h"
#include "src/output/write_behind.h"

#include <memory>
#include <optional>

namespace vmsift {

class FileSink final : public ByteSink {
 public:
  // Creates `path` with mode 0600; an existing file only with `overwrite`. It takes at most `limit`
  // bytes. `behind`: what is written must not stay in the page cache.
  static Result<std::unique_ptr<FileSink>> create(const std::string& path, bool overwrite,
                                                  std::uint64_t limit, bool behind = false);

  [[nodiscard]] const std::string& name() const override { return file_.path(); }
  Written write_some(std::uint64_t offset, std::span<const std::byte> bytes) override;
  Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override;
  Result<void> write_provisional(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return write_at(offset, bytes);
  }
  [[nodiscard]] bool can_read_back() const override { return true; }
  Result<void> read_back(std::uint64_t offset, std::span<std::byte> into) const override {
    return file_.read_exactly(offset, into);
  }
  Result<void> reserve(std::uint64_t offset, std::uint64_t bytes) override;
  Result<void> set_least_size(std::uint64_t bytes) override;
  Result<void> sync() override { return file_.sync(); }
  Result<void> finish() override { return file_.close(); }
  void discard() override;
  [[nodiscard]] std::uint64_t output_bytes() const override { return end_; }

  // Drops what is behind `bytes`.
  Result<void> cut(std::uint64_t bytes);

 private:
  FileSink(File file, std::uint64_t limit, bool behind) : ByteSink(limit), file_(std::move(file)) {
    if (behind) behind_.emplace();
  }

  File file_;
  std::optional<WriteBehind> behind_;
  std::uint64_t end_ = 0;
};

// Adds up what a dump would take.
class NullSink final : public ByteSink {
 public:
  // `frames`: the dump would be a FramedFileSink's; nullptr: a FileSink's.
  NullSink(std::uint64_t limit, const FrameFormat* frames) : ByteSink(limit), frames_(frames) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  Written write_some(std::uint64_t offset, std::span<const std::byte> bytes) override;
  Written write_framed(std::uint64_t offset, std::span<const std::byte> bytes,
                       std::span<const std::byte> frame) override;
  Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override;
  Result<void> write_provisional(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return write_at(offset, bytes);
  }
  Result<void> set_header_bytes(std::uint64_t bytes) override;
  Result<void> set_least_size(std::uint64_t bytes) override { return write_zeros(0, bytes); }
  Result<void> finish() override { return {}; }
  [[nodiscard]] std::uint64_t output_bytes() const override {
    return end_ + around_headers_ - saved_by_frames_;
  }

 private:
  std::string name_ = "the dump";
  std::uint64_t end_ = 0;
  const FrameFormat* frames_;
  std::uint64_t around_headers_ = 0;  // what frames add to bytes that they store as they are
  std::uint64_t saved_by_frames_ = 0;
};

}  // namespace vmsift
