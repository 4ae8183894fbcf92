// SPDX-License-Identifier: GPL-2.0-or-later
// zlib pages (RFC 1950): the oldest page format, the one that every reader knows. Readers only
// inflate, so the encoder is free: libdeflate at level 1 takes less than half of zlib's time for
// 2 % more bytes. zlib itself encodes when there is no memory for libdeflate's 200 KiB of tables:
// cut down to small pages it gets by with a quarter to half of that, in the same format.
#include "compress/batch.h"
#include "compress/incompressible.h"

#include <libdeflate.h>
#define ZLIB_CONST  // lets z_stream.next_in point to const
#include <zlib.h>

#include <algorithm>
#include <bit>

namespace vmsift {
namespace {

constexpr int kLevel = 1;

class Libdeflate {
 public:
  Libdeflate() : state_(libdeflate_alloc_compressor(kLevel)) {}
  explicit operator bool() const { return state_ != nullptr; }

  // Told that less than a page is wanted, libdeflate gives up on the others by itself.
  std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
                  std::size_t /*capacity*/) {
    return libdeflate_zlib_compress(state_.get(), page, page_size, out, page_size - 1);
  }

 private:
  struct Free {
    void operator()(libdeflate_compressor* state) const { libdeflate_free_compressor(state); }
  };
  std::unique_ptr<libdeflate_compressor, Free> state_;
};

class Zlib {
 public:
  explicit Zlib(std::size_t page_size) : stream_(new (std::nothrow) z_stream{}) {
    if (!stream_) return;
    // A window of one page, a memLevel that takes all of its literals into one block; of a larger
    // page only 8 KiB, since memory is short.
    const int bits = std::clamp(static_cast<int>(std::bit_width(page_size)) - 1, 9, 13);
    if (deflateInit2(stream_.get(), kLevel, Z_DEFLATED, bits, bits - 6, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      stream_.reset();
    }
  }
  explicit operator bool() const { return stream_ != nullptr; }

  std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
                  std::size_t /*capacity*/) {
    stream_->next_in = reinterpret_cast<const Bytef*>(page);
    stream_->avail_in = static_cast<uInt>(page_size);
    stream_->next_out = reinterpret_cast<Bytef*>(out);
    stream_->avail_out = static_cast<uInt>(page_size - 1);
    const bool complete = deflate(stream_.get(), Z_FINISH) == Z_STREAM_END;
    const std::size_t size = stream_->total_out;
    deflateReset(stream_.get());
    return complete ? size : 0;
  }

 private:
  struct Free {
    void operator()(z_stream* stream) const {
      deflateEnd(stream);
      delete stream;
    }
  };
  std::unique_ptr<z_stream, Free> stream_;
};

template <class Deflate>
std::unique_ptr<Encoder> make_encoder(Deflate deflate, std::size_t page_size) {
  if (!deflate) return nullptr;
  return make_batch_encoder(UnlessIncompressible<Deflate>{std::move(deflate)}, page_size, 0);
}

class ZlibDecoder final : public Decoder {
 public:
  ZlibDecoder() : state_(libdeflate_alloc_decompressor()) {}
  ~ZlibDecoder() override { libdeflate_free_decompressor(state_); }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;
  explicit operator bool() const { return state_ != nullptr; }

  bool decode(std::span<const std::byte> in, std::span<std::byte> page) override {
    return libdeflate_zlib_decompress(state_, in.data(), in.size(), page.data(), page.size(),
                                      nullptr) == LIBDEFLATE_SUCCESS;
  }

 private:
  libdeflate_decompressor* state_;
};

std::size_t slack(std::size_t /*page_size*/) {
  return 0;
}

std::size_t memory(std::size_t /*page_size*/) {
  return 216 << 10;
}

std::unique_ptr<Encoder> encoder(std::size_t page_size) {
  if (auto fast = make_encoder(Libdeflate{}, page_size)) return fast;
  return make_encoder(Zlib{page_size}, page_size);
}

std::unique_ptr<Decoder> decoder() {
  std::unique_ptr<ZlibDecoder> made(new (std::nothrow) ZlibDecoder);
  if (!made || !*made) return nullptr;
  return made;
}

}  // namespace

extern constinit const Codec kZlib = {
    .name = "zlib",
    .option = 'c',
    .page_flag = 1,
    .header_flag = 1,
    .slack = slack,
    .memory = memory,
    .encoder = encoder,
    .decoder = decoder,
};

}  // namespace vmsift
