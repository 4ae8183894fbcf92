// SPDX-License-Identifier: GPL-2.0-or-later
// What the codec tests share: pages as a kernel leaves them behind, and memory that ends where
// access ends. The codec libraries come without sanitizer instrumentation, so what they read and
// write lies flush against pages without access, where one byte too many ends the test.
#pragma once

#include "compress/codec.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace vmsift {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kPageSizes[] = {4096, 8192, 16384, 65536};

// Memory that ends (or with `at_front` begins) where access ends.
class Guarded {
 public:
  explicit Guarded(std::size_t size, bool at_front = false)
      : unit_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
        mapped_((size + unit_ - 1) / unit_ * unit_ + 2 * unit_),
        map_(static_cast<std::byte*>(
            ::mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    if (size != 0 && ::mprotect(map_ + unit_, mapped_ - 2 * unit_, PROT_READ | PROT_WRITE) != 0) {
      std::abort();
    }
    bytes_ = {at_front ? map_ + unit_ : map_ + mapped_ - unit_ - size, size};
  }
  explicit Guarded(std::span<const std::byte> bytes, bool at_front = false)
      : Guarded(bytes.size(), at_front) {
    std::ranges::copy(bytes, bytes_.begin());
  }
  ~Guarded() { ::munmap(map_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::size_t unit_;
  std::size_t mapped_;
  std::byte* map_;
  std::span<std::byte> bytes_;
};

inline void fill_random(std::span<std::byte> bytes, std::mt19937_64& random) {
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
}

struct Pattern {
  std::string name;
  Bytes page;
};

// The kinds of pages a kernel leaves behind, and the corners of the encoders.
inline std::vector<Pattern> patterns(std::size_t page_size) {
  std::mt19937_64 random(page_size);
  std::vector<Pattern> all;
  const auto add = [&](std::string name) -> Bytes& {
    return all.emplace_back(Pattern{std::move(name), Bytes(page_size)}).page;
  };
  add("zero");
  std::ranges::fill(add("poison"), std::byte{0xcc});
  std::ranges::fill(add("ones"), std::byte{0xff});

  constexpr std::string_view kText = "BUG: unable to handle page fault for address: ffff8880 ";
  Bytes& text = add("text");
  for (std::size_t i = 0; i < page_size; ++i) {
    text[i] = static_cast<std::byte>(i % 97 == 0 ? '0' + random() % 10 : kText[i % kText.size()]);
  }
  fill_random(add("random"), random);

  Bytes& sparse = add("sparse");
  for (std::size_t i = 0; i < page_size; i += 500) sparse[i] = static_cast<std::byte>(random());

  // Pointers into the direct map, as in slabs and page tables.
  Bytes& pointers = add("pointers");
  for (std::size_t i = 0; i < page_size; i += 8) {
    const std::uint64_t pointer = 0xffff888000000000U + (random() % 0x20000000 & ~63U);
    std::memcpy(&pointers[i], &pointer, sizeof pointer);
  }
  // Gains so little that the codecs disagree about whether it is worth it.
  Bytes& nearly = add("nearly_incompressible");
  fill_random(nearly, random);
  std::fill_n(nearly.begin() + 100, 24, std::byte{7});

  Bytes& half = add("half_random");
  fill_random(std::span(half).first(page_size / 2), random);

  // Every byte value equally often, as in noise, but in order; noise, but twice the same.
  Bytes& ramp = add("ramp");
  for (std::size_t i = 0; i < page_size; ++i) ramp[i] = static_cast<std::byte>(i);
  Bytes& copies = add("copies_of_noise");
  fill_random(std::span(copies).first(page_size / 4), random);
  for (std::size_t i = page_size / 4; i < page_size; ++i) copies[i] = copies[i - page_size / 4];

  // No repetition, four bits of information a byte.
  for (std::byte& b : add("hex_digits")) {
    b = static_cast<std::byte>("0123456789abcdef"[random() % 16]);
  }

  for (const std::size_t at : {std::size_t{0}, std::size_t{7}, std::size_t{8}, page_size - 1}) {
    Bytes& page = add("one_byte_off_at_" + std::to_string(at));
    std::ranges::fill(page, std::byte{0xcc});
    page[at] = std::byte{0xcd};
  }
  // Eight equal bytes at the head, but the period of the rest is not one byte.
  Bytes& period = add("period_of_eight");
  for (std::size_t i = 8; i < page_size; ++i) period[i] = static_cast<std::byte>(i % 8);
  return all;
}

struct Encoded {
  Bytes bytes;
  std::vector<std::uint32_t> sizes;
};

// Encodes into exactly the space that the interface promises.
inline Encoded encode(const Codec& codec, Encoder& encoder, std::span<const std::byte* const> pages,
                      std::size_t page_size) {
  const Guarded out(pages.size() * page_size + codec.slack(page_size));
  Encoded made;
  made.sizes.resize(pages.size());
  const std::size_t total = encoder.encode(pages, out.bytes(), made.sizes);
  EXPECT_EQ(total, std::accumulate(made.sizes.begin(), made.sizes.end(), std::size_t{0}));
  made.bytes.assign(out.bytes().begin(), out.bytes().begin() + static_cast<std::ptrdiff_t>(total));
  return made;
}

inline Bytes encode_one(const Codec& codec, Encoder& encoder, std::span<const std::byte> page) {
  const std::byte* const pages[] = {page.data()};
  return encode(codec, encoder, pages, page.size()).bytes;
}

inline Bytes encode_alone(const Codec& codec, std::span<const std::byte> page) {
  const auto encoder = codec.encoder(page.size());
  return encode_one(codec, *encoder, page);
}

// What a reader makes of stored bytes; empty when it would complain.
inline Bytes decode_stored(Decoder* decoder, std::span<const std::byte> stored,
                           std::size_t page_size) {
  if (stored.size() == page_size) return {stored.begin(), stored.end()};
  const Guarded in(stored);
  const Guarded page(page_size);
  if (decoder == nullptr || !decoder->decode(in.bytes(), page.bytes())) return {};
  return {page.bytes().begin(), page.bytes().end()};
}

class CodecTest : public testing::TestWithParam<const Codec*> {
 protected:
  [[nodiscard]] const Codec& codec() const { return *GetParam(); }
  [[nodiscard]] bool stores_only() const { return codec().page_flag == 0; }
};

class CompressorTest : public CodecTest {};  // not "none"

constexpr auto kCodecName = [](const testing::TestParamInfo<const Codec*>& info) {
  return std::string(info.param->name);
};

}  // namespace vmsift
