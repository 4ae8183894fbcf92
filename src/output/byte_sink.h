// SPDX-License-Identifier: GPL-2.0-or-later
// Where the bytes of a dump go, in whatever form the output keeps them: a file, a flattened stream,
// frames, or nowhere (a dry run). Writers of dump formats place bytes at offsets of the dump and
// need not know.
#pragma once

#include "src/base/result.h"
#include "src/base/types.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vmsift {

// What to do then stands in it.
inline constexpr std::string_view kNoRoomToBegin =
    "there is not even room for the headers: nothing was saved; make room or name another place";

class ByteSink {
 public:
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

  virtual ~ByteSink() = default;

  // What it is, for messages.
  [[nodiscard]] virtual const std::string& name() const = 0;

  // Bytes at `offset` of the dump, where nothing was written yet. On an error the first `written`
  // bytes are there nevertheless.
  struct Written {
    std::size_t bytes = 0;
    std::optional<Error> failure;
  };
  virtual Written write_some(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    auto written = write_some(offset, bytes);
    if (written.failure) return std::move(*written.failure);
    return {};
  }
  // As write_some(); a sink that makes frames takes `frame`, which holds the same bytes, where it
  // is not empty.
  virtual Written write_framed(std::uint64_t offset, std::span<const std::byte> bytes,
                               std::span<const std::byte> /*frame*/) {
    return write_some(offset, bytes);
  }
  // Zeros, which a file need not hold.
  virtual Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) = 0;

  // What write_at() is going to replace before finish(). Streams, which cannot take anything back,
  // leave it out: each of their bytes is written once.
  virtual Result<void> write_provisional(std::uint64_t offset,
                                         std::span<const std::byte> bytes) = 0;

  // Whether read_back() gives what was written: nothing else may hold it for that.
  [[nodiscard]] virtual bool can_read_back() const { return false; }
  virtual Result<void> read_back(std::uint64_t /*offset*/, std::span<std::byte> /*into*/) const {
    return error("{} cannot be read", name());
  }

  // Takes room now for what is written later, as far as that can be.
  virtual Result<void> reserve(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) { return {}; }
  // Everything below `bytes` may be written in any order; what is above comes in rising order.
  // Called once, before anything is written.
  virtual Result<void> set_header_bytes(std::uint64_t /*bytes*/) { return {}; }
  // The dump is no shorter than that, whatever is written.
  virtual Result<void> set_least_size(std::uint64_t /*bytes*/) { return {}; }

  // Bytes that page data may still take so that what is due afterwards has room: `due` bytes in
  // `pieces` writes. Without a limit as much as can be.
  [[nodiscard]] virtual std::uint64_t room_for_data(std::uint64_t due, std::uint64_t pieces) const;
  // What to fail with when the dump cannot even begin because of `why`.
  [[nodiscard]] Error no_beginning(Error why) const;
  // What to fail with when that is not enough.
  Error over_limit();

  // Everything on disk.
  virtual Result<void> sync() { return {}; }
  // Writes what is due at the end and closes.
  virtual Result<void> finish() = 0;
  // Removes what can be removed.
  virtual void discard() {}

  // Bytes that the output takes, as far as written.
  [[nodiscard]] virtual std::uint64_t output_bytes() const = 0;
  // A write failed because there was no room: on the disk, or by the limit.
  [[nodiscard]] virtual bool out_of_space() const { return out_of_space_; }

 protected:
  // `limit`: bytes that the output may take at most (-L).
  explicit ByteSink(std::uint64_t limit) : limit_(limit) {}

  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  // An error that also is remembered as a lack of space where it is one.
  Error failed(int errno_value, std::string_view doing);

 private:
  std::uint64_t limit_;
  bool out_of_space_ = false;
};

}  // namespace vmsift
