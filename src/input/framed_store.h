// SPDX-License-Identifier: GPL-2.0-or-later
// A file of zstd or LZ4 frames as the bytes that come out of them, each frame decompressed when it
// is asked for. That needs frames of bounded size: --stream makes such; what `zstd` and `lz4` make
// of a large file is a single frame, and is refused.
#pragma once

#include "src/input/byte_store.h"
#include "src/input/frame_decoder.h"
#include "src/input/frame_format.h"
#include "src/input/hints.h"

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace vmsift {

class FramedStore : public ByteStore {
 public:
  // Plain bytes of one frame.
  static constexpr std::uint64_t kMaxFrame = 64U << 20;
  // Frames whose places are kept; others are found by walking from one of these.
  static constexpr std::size_t kMaxEntries = 1U << 16;
  static constexpr unsigned kMaxWalkShift = 16;  // 65536 frames
  // Decompressed frames that are kept for all threads together. The last one is whatever its size.
  static constexpr std::size_t kMaxCachedFrames = 64;
  static constexpr std::uint64_t kMaxCachedBytes = 32U << 20;

  // Walks the headers of all frames; decompresses those that do not tell their size. What is behind
  // the last whole frame is left out.
  static Result<std::unique_ptr<ByteStore>> open(std::unique_ptr<ByteStore> file);

  [[nodiscard]] const std::string& path() const override { return file_->path(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                            std::span<std::byte> into) const override;
  [[nodiscard]] std::optional<Piece> piece_at(std::uint64_t /*offset*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::vector<std::string> warnings() const override;
  [[nodiscard]] bool truncated() const override { return !damage_.empty(); }

 private:
  // The first of up to 2^shift_ frames.
  struct Entry {
    std::uint64_t plain_at = 0;
    std::uint64_t at = 0;  // in the file
    std::uint64_t ordinal = 0;
    bool sized = true;  // all its frames tell their sizes: they can be walked
  };
  struct Place {
    std::uint64_t plain_at = 0;
    std::uint64_t at = 0;
  };
  struct Frame {
    FrameShape shape;  // `plain` is set
    std::uint64_t plain_at = 0;
  };
  // A frame that is decompressed, or is being so under its mutex.
  struct Content {
    std::uint64_t at = 0;
    std::uint64_t plain = 0;  // bytes, also while they are not there yet
    std::mutex mutex;
    bool done = false;
    std::vector<std::byte> bytes;
    std::string failure;
  };

  explicit FramedStore(std::unique_ptr<ByteStore> file) : file_(std::move(file)) {}

  Result<void> index();
  Result<std::uint64_t> measure(const FrameShape& shape, FrameDecoder& decoder) const;
  bool add(const Place& place, std::uint64_t ordinal, bool sized);
  bool coarsen();
  [[nodiscard]] Error too_large(std::uint64_t at) const;
  [[nodiscard]] Result<Frame> find(std::uint64_t offset) const;
  [[nodiscard]] std::shared_ptr<Content> content_of(const Frame& frame) const;
  void fill(const Frame& frame, Content& content) const;
  [[nodiscard]] Result<void> decode(const Frame& frame, std::span<std::byte> plain) const;

  std::unique_ptr<ByteStore> file_;
  std::vector<Entry> entries_;
  unsigned shift_ = 0;
  std::uint64_t size_ = 0;
  std::string damage_;  // why the file ends early; empty: it does not

  Hints<Place> hints_;
  mutable std::mutex mutex_;                           // of the two below
  mutable std::list<std::shared_ptr<Content>> cache_;  // the last one asked for in front
  mutable std::vector<std::unique_ptr<FrameDecoder>> idle_;
  mutable std::mutex large_;  // held while a large frame is taken apart: one at a time
};

}  // namespace vmsift
