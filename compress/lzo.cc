// SPDX-License-Identifier: GPL-2.0-or-later
// LZO pages: bare lzo1x streams, without the header of lzop files. The fastest of the formats that
// every reader knows.
#include "compress/batch.h"

#include <lzo/lzo1x.h>

namespace vmsift {
namespace {

// Checks that the library was built with the same integer sizes; asked for before any other call.
bool library_ready() {
  static const bool ready = lzo_init() == LZO_E_OK;
  return ready;
}

// LZO clears its dictionary before each page. For a page of 4 KiB the usual one of 2^14 entries is
// more than it has bytes, and clearing takes a tenth of the time: 2^12 make the same format, 5 %
// sooner and 0.3 % larger. In larger pages the usual one finds more.
struct Dictionary {
  decltype(&lzo1x_1_compress) compress;
  std::size_t bytes;
};

Dictionary dictionary_for(std::size_t page_size) {
  constexpr std::size_t kSmallPage = 8 << 10;
  if (page_size <= kSmallPage) return {lzo1x_1_12_compress, LZO1X_1_12_MEM_COMPRESS};
  return {lzo1x_1_compress, LZO1X_1_MEM_COMPRESS};
}

class Lzo {
 public:
  explicit Lzo(std::size_t page_size)
      : dictionary_(dictionary_for(page_size)),
        work_(new (std::nothrow) std::byte[dictionary_.bytes]) {}
  explicit operator bool() const { return work_ != nullptr; }

  // LZO takes no limit, `capacity` is its worst case.
  std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
                  std::size_t capacity) {
    lzo_uint size = capacity;
    const int status =
        dictionary_.compress(reinterpret_cast<const unsigned char*>(page), page_size,
                             reinterpret_cast<unsigned char*>(out), &size, work_.get());
    return status == LZO_E_OK ? size : 0;
  }

 private:
  Dictionary dictionary_;
  std::unique_ptr<std::byte[]> work_;
};

class LzoDecoder final : public Decoder {
 public:
  bool decode(std::span<const std::byte> in, std::span<std::byte> page) override {
    lzo_uint size = page.size();
    const int status =
        lzo1x_decompress_safe(reinterpret_cast<const unsigned char*>(in.data()), in.size(),
                              reinterpret_cast<unsigned char*>(page.data()), &size, nullptr);
    return status == LZO_E_OK && size == page.size();
  }
};

// The bound that LZO.FAQ gives: "input_len / 16 + 64 + 3".
std::size_t slack(std::size_t page_size) {
  return page_size / 16 + 64 + 3;
}

std::size_t memory(std::size_t page_size) {
  return dictionary_for(page_size).bytes + (8 << 10);
}

std::unique_ptr<Encoder> encoder(std::size_t page_size) {
  Lzo lzo(page_size);
  if (!library_ready() || !lzo) return nullptr;
  return make_batch_encoder(std::move(lzo), page_size, slack(page_size));
}

std::unique_ptr<Decoder> decoder() {
  if (!library_ready()) return nullptr;
  return std::unique_ptr<Decoder>(new (std::nothrow) LzoDecoder);
}

}  // namespace

extern constinit const Codec kLzo = {
    .name = "lzo",
    .option = 'l',
    .page_flag = 2,
    .header_flag = 2,
    .slack = slack,
    .memory = memory,
    .encoder = encoder,
    .decoder = decoder,
};

}  // namespace vmsift
