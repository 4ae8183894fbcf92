// SPDX-License-Identifier: GPL-2.0-or-later
// Zstandard pages: one frame a page, without dictionary or checksum. Readers decompress a page in
// one call, any frame that yields a page is legal. (The frame tells its content size: 1 byte, for
// readers that ask before they decompress.)
//
// Level 1 spends a quarter to a third of its time on Huffman coding the literals, whose tables cost
// the same for however few. Pages of small numbers and zeros have few: there the fast level -1,
// which is level 1 without that step, takes a third less time for 8 % more bytes. Over all kept
// pages of four guests this is 13 % less time for 1.7 % more bytes.
#include "compress/batch.h"
#include "compress/page_sample.h"

#include <zstd.h>

#include <algorithm>

namespace vmsift {
namespace {

// In larger pages the tables pay for themselves.
constexpr std::size_t kLargestWithFewLiterals = 4096;

// Between 5/16 and 7/8 of zeros. Above that little is left to save, and what is not zero tends to
// be scattered single bytes: all literals.
bool has_few_literals(const std::byte* page, std::size_t page_size) {
  if (page_size > kLargestWithFewLiterals) return false;
  const std::size_t sixteenth = sample_size(page_size) / 16;
  const std::size_t zeros = count_sampled_zeros(page, page_size);
  return zeros >= 5 * sixteenth && zeros < 14 * sixteenth;
}

class Zstd {
 public:
  Zstd() : context_(ZSTD_createCCtx()) {}
  explicit operator bool() const { return context_ != nullptr; }

  // Each call starts a new frame and forgets the page before; only the tables' memory stays. A page
  // that does not fit in less than itself ends in an error, which is the answer "raw".
  std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
                  std::size_t /*capacity*/) {
    const bool fast = has_few_literals(page, page_size);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, fast ? -1 : 1);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_minMatch, fast ? 4 : 0);  // 0: the level's own
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
