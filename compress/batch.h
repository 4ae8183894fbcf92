// SPDX-License-Identifier: GPL-2.0-or-later
// The one loop that turns a batch of pages into stored bytes, shared by all codecs. A codec brings
//   std::size_t one(const std::byte* page, std::size_t page_size, std::byte* out,
//                   std::size_t capacity);
// which answers the compressed size, or 0 when the page did not become smaller.
//
// Invariant: the bytes stored for a page are a function of that page alone. They depend neither on
// the pages before it nor on where it stands in the batch, so any number of workers writes the same
// dump. That is why `capacity` is the same for every page, though more room may be left.
#pragma once

#include "compress/codec.h"

#include <cstring>
#include <new>
#include <utility>

namespace vmsift {

template <class One>
class BatchEncoder final : public Encoder {
 public:
  BatchEncoder(One one, std::size_t page_size, std::size_t slack)
      : one_(std::move(one)), page_size_(page_size), capacity_(page_size + slack) {}

  std::size_t encode(std::span<const std::byte* const> pages, std::span<std::byte> out,
                     std::span<std::uint32_t> sizes) override {
    std::size_t at = 0;
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const std::size_t size = store(pages[i], out.data() + at);
      sizes[i] = static_cast<std::uint32_t>(size);
      at += size;
    }
    return at;
  }

 private:
  std::size_t store(const std::byte* page, std::byte* to) {
    const std::size_t size = one_.one(page, page_size_, to, capacity_);
    if (size != 0 && size < page_size_) return size;
    std::memcpy(to, page, page_size_);
    return page_size_;
  }

  One one_;
  std::size_t page_size_;
  std::size_t capacity_;
};

template <class One>
std::unique_ptr<Encoder> make_batch_encoder(One one, std::size_t page_size, std::size_t slack) {
  return std::unique_ptr<Encoder>(new (std::nothrow)
                                      BatchEncoder<One>(std::move(one), page_size, slack));
}

}  // namespace vmsift
