// SPDX-License-Identifier: GPL-2.0-or-later
// A flattened file (src/flattened/format.h) as the dump that it describes, without rebuilding it.
// Bytes that no record holds are zeros, as in the file that -R makes.
#pragma once

#include "src/flattened/format.h"
#include "src/input/byte_store.h"
#include "src/input/hints.h"
#include "src/input/peek_reader.h"
#include "src/input/record_index.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmsift {

class FlattenedStore : public ByteStore {
 public:
  // Walks the headers of all records. A stream that ends early is opened as far as it goes.
  static Result<std::unique_ptr<ByteStore>> open(std::unique_ptr<ByteStore> stream);

  [[nodiscard]] const std::string& path() const override { return stream_->path(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                            std::span<std::byte> into) const override;
  [[nodiscard]] std::optional<Piece> piece_at(std::uint64_t offset) const override;
  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) const override;
  [[nodiscard]] std::vector<std::string> warnings() const override;
  [[nodiscard]] bool truncated() const override { return !damage_.empty(); }

 private:
  // Bytes of the dump that stand side by side in the stream.
  struct Place {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t at = 0;  // in the stream, of the byte at `begin`
  };
  // A record on the way through a run.
  struct Step {
    std::uint64_t at = 0;      // in the stream, of its header
    std::uint64_t offset = 0;  // where the run's next record begins
  };

  explicit FlattenedStore(std::unique_ptr<ByteStore> stream) : stream_(std::move(stream)) {}

  Result<void> index();
  Result<flattened::RecordHeader> header_at(PeekReader& peek, std::uint64_t at) const;
  [[nodiscard]] std::size_t run_at(std::uint64_t offset) const;
  [[nodiscard]] Result<Place> find(std::size_t run, std::uint64_t offset) const;

  std::unique_ptr<ByteStore> stream_;
  std::vector<RecordRun> runs_;
  std::uint64_t size_ = 0;
  std::string damage_;  // why the stream ends early; empty: it does not
  Hints<Step> hints_;
};

}  // namespace vmsift
