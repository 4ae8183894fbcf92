// SPDX-License-Identifier: GPL-2.0-or-later
// LZ4 pages: the bare block format. NOT a kdump format: no other program knows the flag below, so
// such a dump has to go through this one again (rearranged with another codec) before crash,
// libkdumpfile or makedumpfile can open it. It is meant for the short way from a capture kernel to
// a machine with time: the decoder is three times faster than any other here.
//
// The flag is private. It stands far above the bits that makedumpfile has taken one by one (1, 2, 4
// for codecs, 8 incomplete, 0x10 vmemmap excluded, 0x20 zstd), in descriptors and in the header.
#include "compress/batch.h"

#include <lz4.h>

namespace vmsift {
namespace {

constexpr std::uint32_t kPrivateFlag = 1U << 24;
constexpr int kAcceleration = 1;

class Lz4 {
 public:
  Lz4() : state_(new (std::nothrow) LZ4_stream_t) {}
  explicit operator bool() const { return state_ != nullptr; }

  // The call clears the state first. With room for the worst case it need not watch its output.
  std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
                  std::size_t capacity) {
    return static_cast<std::size_t>(LZ4_compress_fast_extState(
        state_.get(), reinterpret_cast<const char*>(page), reinterpret_cast<char*>(out),
        static_cast<int>(page_size), static_cast<int>(capacity), kAcceleration));
  }

 private:
  std::unique_ptr<LZ4_stream_t> state_;
};

class Lz4Decoder final : public Decoder {
 public:
  bool decode(std::span<const std::byte> in, std::span<std::byte> page) override {
    if (in.size() > LZ4_MAX_INPUT_SIZE || page.size() > LZ4_MAX_INPUT_SIZE) return false;
    const int size = LZ4_decompress_safe(
        reinterpret_cast<const char*>(in.data()), reinterpret_cast<char*>(page.data()),
        static_cast<int>(in.size()), static_cast<int>(page.size()));
    return size >= 0 && static_cast<std::size_t>(size) == page.size();
  }
};

std::size_t slack(std::size_t page_size) {
  return static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(page_size))) - page_size;
}

std::size_t memory(std::size_t /*page_size*/) {
  return sizeof(LZ4_stream_t) + (8 << 10);
}

std::unique_ptr<Encoder> encoder(std::size_t page_size) {
  Lz4 lz4;
  if (!lz4) return nullptr;
  return make_batch_encoder(std::move(lz4), page_size, slack(page_size));
}

std::unique_ptr<Decoder> decoder() {
  return std::unique_ptr<Decoder>(new (std::nothrow) Lz4Decoder);
}

}  // namespace

extern constinit const Codec kLz4 = {
    .name = "lz4",
    .option = 0,
    .page_flag = kPrivateFlag,
    .header_flag = kPrivateFlag,
    .slack = slack,
    .memory = memory,
    .encoder = encoder,
    .decoder = decoder,
};

}  // namespace vmsift
