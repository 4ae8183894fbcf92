// SPDX-License-Identifier: GPL-2.0-or-later
// Snappy pages: the raw block format (a length, then elements), without the framing of .sz files.
#include "compress/batch.h"

#include <snappy-c.h>

namespace vmsift {
namespace {

class Snappy {
 public:
  // The library allocates its table in each call and throws when it cannot. Raw is always right.
  std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
                  std::size_t capacity) {
    std::size_t size = capacity;
    try {
      const auto status = snappy_compress(reinterpret_cast<const char*>(page), page_size,
                                          reinterpret_cast<char*>(out), &size);
      return status == SNAPPY_OK ? size : 0;
    } catch (const std::bad_alloc&) {
      return 0;
    }
  }
};

class SnappyDecoder final : public Decoder {
 public:
  bool decode(std::span<const std::byte> in, std::span<std::byte> page) override {
    const char* from = reinterpret_cast<const char*>(in.data());
    std::size_t size = 0;
    if (snappy_uncompressed_length(from, in.size(), &size) != SNAPPY_OK) return false;
    if (size != page.size()) return false;
    return snappy_uncompress(from, in.size(), reinterpret_cast<char*>(page.data()), &size) ==
           SNAPPY_OK;
  }
};

std::size_t slack(std::size_t page_size) {
  return snappy_max_compressed_length(page_size) - page_size;
}

// Inside of each call: a table of at most 2^14 16-bit entries, a copy of the page, one of the
// output.
std::size_t memory(std::size_t page_size) {
  return (40 << 10) + 2 * page_size + slack(page_size);
}

std::unique_ptr<Encoder> encoder(std::size_t page_size) {
  return make_batch_encoder(Snappy{}, page_size, slack(page_size));
}

std::unique_ptr<Decoder> decoder() {
  return std::unique_ptr<Decoder>(new (std::nothrow) SnappyDecoder);
}

}  // namespace

extern constinit const Codec kSnappy = {
    .name = "snappy",
    .option = 'p',
    .page_flag = 4,
    .header_flag = 4,
    .slack = slack,
    .memory = memory,
    .encoder = encoder,
    .decoder = decoder,
};

}  // namespace vmsift
