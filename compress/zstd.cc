// SPDX-License-Identifier: GPL-2.0-or-later
// Zstandard pages: one frame a page, without dictionary or checksum. Readers decompress a page in
// one call, any frame that yields a page is legal.
#include "compress/batch.h"

#include <zstd.h>

#include <algorithm>

namespace vmsift {
namespace {

constexpr int kLevel = 1;

class Zstd {
 public:
  Zstd() : context_(ZSTD_createCCtx()) {
    if (context_ && ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel,
                                                        kLevel)) != 0) {
      context_.reset();
    }
  }
  explicit operator bool() const { return context_ != nullptr; }

  // A page that does not fit in less than itself ends in an error, which is the answer "raw". Each
  // call starts a new frame and forgets the page before; parameters and tables stay.
  std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
                  std::size_t /*capacity*/) {
    const std::size_t size = ZSTD_compress2(context_.get(), out, page_size - 1, page, page_size);
    return ZSTD_isError(size) != 0 ? 0 : size;
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {}
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;
  explicit operator bool() const { return context_ != nullptr; }

  bool decode(std::span<const std::byte> in, std::span<std::byte> page) override {
    return ZSTD_decompressDCtx(context_, page.data(), page.size(), in.data(), in.size()) ==
           page.size();
  }

 private:
  ZSTD_DCtx* context_;
};

std::size_t slack(std::size_t /*page_size*/) {
  return 0;
}

// Measured: its tables grow with the page up to the parameters it takes for pages of 64 KiB.
std::size_t memory(std::size_t page_size) {
  return std::min<std::size_t>((48 << 10) + 12 * page_size, 336 << 10);
}

std::unique_ptr<Encoder> encoder(std::size_t page_size) {
  Zstd zstd;
  if (!zstd) return nullptr;
  return make_batch_encoder(std::move(zstd), page_size, slack(page_size));
}

std::unique_ptr<Decoder> decoder() {
  std::unique_ptr<ZstdDecoder> made(new (std::nothrow) ZstdDecoder);
  if (!made || !*made) return nullptr;
  return made;
}

}  // namespace

extern constinit const Codec kZstd = {
    .name = "zstd",
    .option = 'z',
    .page_flag = 0x20,
    .header_flag = 0x20,
    .slack = slack,
    .memory = memory,
    .encoder = encoder,
    .decoder = decoder,
};

}  // namespace vmsift
