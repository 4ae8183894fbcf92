// SPDX-License-Identifier: GPL-2.0-or-later
// The bytes of a dump, whatever form the file keeps them in: as they are, flattened (records that
// are out of order), or compressed in frames. Formats of dumps are read through it and need not
// know.
#pragma once

#include "src/base/file.h"
#include "src/base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmsift {

// Immutable once it is open; any number of threads may read at the same time.
class ByteStore {
 public:
  virtual ~ByteStore() = default;

  [[nodiscard]] virtual const std::string& path() const = 0;
  // Offsets and sizes here are of the dump, not of the file that holds it.
  [[nodiscard]] virtual std::uint64_t size() const = 0;

  // Bytes read from `offset`: fewer than asked for only at the end of the dump.
  [[nodiscard]] virtual Result<std::size_t> read_at(std::uint64_t offset,
                                                    std::span<std::byte> into) const = 0;

  // A stretch of the dump that stands in a file as it is, and can be mapped.
  struct Piece {
    std::uint64_t begin = 0;  // offsets in the dump
    std::uint64_t end = 0;
    const File* file = nullptr;
    std::uint64_t file_offset = 0;  // of the byte at `begin`
  };
  // The largest one that holds `offset`; nullopt: these bytes can only be read.
  [[nodiscard]] virtual std::optional<Piece> piece_at(std::uint64_t offset) const = 0;

  // The first byte at or after `offset` that is no hole of a sparse file; size() when there is
  // none. `offset` itself where holes are not told.
  [[nodiscard]] virtual std::uint64_t next_data(std::uint64_t offset) const { return offset; }

  // What a user should know of how the dump is kept: that it ends early, for one.
  [[nodiscard]] virtual std::vector<std::string> warnings() const { return {}; }
  // Whether bytes are missing that the dump once had: a stream that was cut short.
  [[nodiscard]] virtual bool truncated() const { return false; }

  // Whether it is the memory of the running kernel and no dump at all.
  [[nodiscard]] virtual bool live() const { return false; }

  // The whole of `into`, or an error that says where the dump ended.
  [[nodiscard]] Result<void> read_exactly(std::uint64_t offset, std::span<std::byte> into) const;
};

// A file as it is.
class PlainStore : public ByteStore {
 public:
  PlainStore(File file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  static Result<std::unique_ptr<ByteStore>> open(File file);

  [[nodiscard]] const std::string& path() const override { return file_.path(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset,
                                            std::span<std::byte> into) const override {
    return file_.read_at(offset, into);
  }
  [[nodiscard]] std::optional<Piece> piece_at(std::uint64_t /*offset*/) const override {
    return Piece{0, size_, &file_, 0};
  }
  [[nodiscard]] std::uint64_t next_data(std::uint64_t offset) const override;
  [[nodiscard]] bool live() const override;

 private:
  File file_;
  std::uint64_t size_;
};

}  // namespace vmsift
