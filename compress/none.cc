// SPDX-License-Identifier: GPL-2.0-or-later
// Pages as they are. A descriptor without compression flag says that page_size raw bytes follow;
// readers insist on exactly that size, so there is nothing to decode.
#include "compress/codec.h"

#include <cstring>
#include <new>

namespace vmsift {
namespace {

class NoneEncoder final : public Encoder {
 public:
  explicit NoneEncoder(std::size_t page_size) : page_size_(page_size) {}

  std::size_t encode(std::span<const std::byte* const> pages, std::span<std::byte> out,
                     std::span<std::uint32_t> sizes) override {
    std::byte* to = out.data();
    for (std::size_t i = 0; i < pages.size(); ++i, to += page_size_) {
      std::memcpy(to, pages[i], page_size_);
      sizes[i] = static_cast<std::uint32_t>(page_size_);
    }
    return pages.size() * page_size_;
  }

 private:
  std::size_t page_size_;
};

std::size_t slack(std::size_t /*page_size*/) {
  return 0;
}

std::size_t memory(std::size_t /*page_size*/) {
  return 64;
}

std::unique_ptr<Encoder> encoder(std::size_t page_size) {
  return std::unique_ptr<Encoder>(new (std::nothrow) NoneEncoder(page_size));
}

std::unique_ptr<Decoder> decoder() {
  return nullptr;
}

}  // namespace

extern constinit const Codec kNone = {
    .name = "none",
    .option = 0,
    .page_flag = 0,
    .header_flag = 0,
    .slack = slack,
    .memory = memory,
    .encoder = encoder,
    .decoder = decoder,
};

}  // namespace vmsift
