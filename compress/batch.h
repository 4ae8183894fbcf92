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

#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace vmsift {

// Whether one byte value fills the page. An ordinary page costs one comparison: its first eight
// bytes differ among themselves, or memcmp stops early.
inline bool is_fill_page(const std::byte* page, std::size_t page_size) {
  std::uint64_t head;
  std::memcpy(&head, page, sizeof head);
  if (head != (head << 8 | head >> 56)) return false;
  return std::memcmp(page, page + sizeof head, page_size - sizeof head) == 0;
}

// Encoded fill pages by fill byte. Poisoned (0xcc) and erased (0xff) pages are 8 to 10 % of what is
// kept of a Linux kernel, and codecs tuned for text are slow on them. The store has a fixed size:
// what does not fit is encoded anew each time, with the same result.
class FillCache {
 public:
  [[nodiscard]] std::span<const std::byte> find(std::byte fill) const {
    const Entry entry = entries_[std::to_integer<std::size_t>(fill)];
    return std::span(bytes_).subspan(entry.begin, entry.size);
  }
  void remember(std::byte fill, std::span<const std::byte> encoded) {
    if (encoded.size() > bytes_.size() - used_) return;
    std::memcpy(&bytes_[used_], encoded.data(), encoded.size());
    entries_[std::to_integer<std::size_t>(fill)] = {static_cast<std::uint16_t>(used_),
                                                    static_cast<std::uint16_t>(encoded.size())};
    used_ += encoded.size();
  }

 private:
  struct Entry {
    std::uint16_t begin = 0;
    std::uint16_t size = 0;
  };

  std::array<Entry, 256> entries_{};
  std::array<std::byte, 4096> bytes_{};
  std::size_t used_ = 0;
};

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
    if (!is_fill_page(page, page_size_)) return compress(page, to);
    const auto known = fills_.find(page[0]);
    if (!known.empty()) {
      std::memcpy(to, known.data(), known.size());
      return known.size();
    }
    const std::size_t size = compress(page, to);
    fills_.remember(page[0], {to, size});
    return size;
  }
  std::size_t compress(const std::byte* page, std::byte* to) {
    const std::size_t size = one_.one(page, page_size_, to, capacity_);
    if (size != 0 && size < page_size_) return size;
    std::memcpy(to, page, page_size_);
    return page_size_;
  }

  One one_;
  std::size_t page_size_;
  std::size_t capacity_;
  FillCache fills_;
};

template <class One>
std::unique_ptr<Encoder> make_batch_encoder(One one, std::size_t page_size, std::size_t slack) {
  return std::unique_ptr<Encoder>(new (std::nothrow)
                                      BatchEncoder<One>(std::move(one), page_size, slack));
}

}  // namespace vmsift
