// SPDX-License-Identifier: GPL-2.0-or-later
// Interchange with other programs is a promise by format: here the libraries are named.
#include "codec_fixture.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>

namespace vmsift {
namespace {

// The functions that crash, libkdumpfile and makedumpfile call, against our two halves.
struct Reference {
  std::string_view codec;
  bool (*encode)(std::span<const std::byte> page, Bytes& out);  // resizes `out`
  bool (*decode)(std::span<const std::byte> in, std::span<std::byte> page);
};

template <class To, class From>
To* as(From* bytes) {
  return reinterpret_cast<To*>(bytes);
}

constexpr Reference kReferences[] = {
    {"zlib",
     [](std::span<const std::byte> page, Bytes& out) {
       uLongf size = compressBound(page.size());
       out.resize(size);
       const int status = compress2(as<Bytef>(out.data()), &size, as<const Bytef>(page.data()),
                                    page.size(), Z_BEST_SPEED);
       out.resize(size);
       return status == Z_OK;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       uLongf size = page.size();
       return uncompress(as<Bytef>(page.data()), &size, as<const Bytef>(in.data()), in.size()) ==
                  Z_OK &&
              size == page.size();
     }},
    {"lzo",
     [](std::span<const std::byte> page, Bytes& out) {
       lzo_uint size = page.size() + page.size() / 16 + 67;
       out.resize(size);
       Bytes work(LZO1X_1_MEM_COMPRESS);
       const int status = lzo1x_1_compress(as<const unsigned char>(page.data()), page.size(),
                                           as<unsigned char>(out.data()), &size, work.data());
       out.resize(size);
       return status == LZO_E_OK;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       lzo_uint size = page.size();
       return lzo1x_decompress_safe(as<const unsigned char>(in.data()), in.size(),
                                    as<unsigned char>(page.data()), &size, nullptr) == LZO_E_OK &&
              size == page.size();
     }},
    {"snappy",
     [](std::span<const std::byte> page, Bytes& out) {
       std::size_t size = snappy_max_compressed_length(page.size());
       out.resize(size);
       const auto status =
           snappy_compress(as<const char>(page.data()), page.size(), as<char>(out.data()), &size);
       out.resize(size);
       return status == SNAPPY_OK;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       std::size_t size = page.size();
       return snappy_uncompress(as<const char>(in.data()), in.size(), as<char>(page.data()),
                                &size) == SNAPPY_OK &&
              size == page.size();
     }},
    {"zstd",
     [](std::span<const std::byte> page, Bytes& out) {
       out.resize(ZSTD_compressBound(page.size()));
       const std::size_t size = ZSTD_compress(out.data(), out.size(), page.data(), page.size(), 1);
       if (ZSTD_isError(size) != 0) return false;
       out.resize(size);
       return true;
     },
     // crash and libkdumpfile give no context and know the size only from the page size.
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       return ZSTD_decompress(page.data(), page.size(), in.data(), in.size()) == page.size();
     }},
    {"lz4",
     [](std::span<const std::byte> page, Bytes& out) {
       const int page_size = static_cast<int>(page.size());
       out.resize(static_cast<std::size_t>(LZ4_compressBound(page_size)));
       const int size = LZ4_compress_default(as<const char>(page.data()), as<char>(out.data()),
                                             page_size, static_cast<int>(out.size()));
       out.resize(static_cast<std::size_t>(size));
       return size > 0;
     },
     [](std::span<const std::byte> in, std::span<std::byte> page) {
       const int size =
           LZ4_decompress_safe(as<const char>(in.data()), as<char>(page.data()),
                               static_cast<int>(in.size()), static_cast<int>(page.size()));
       return size >= 0 && static_cast<std::size_t>(size) == page.size();
     }},
};

TEST(Interchange, EveryCodecHasItsReference) {
  for (const Codec* codec : all_codecs().subspan(1)) {
    EXPECT_EQ(std::ranges::count(kReferences, codec->name, &Reference::codec), 1) << codec->name;
  }
}

TEST(Interchange, OthersReadOurPages) {
  for (const Reference& reference : kReferences) {
    const Codec& codec = *find_codec_by_name(reference.codec);
    for (const std::size_t page_size : kPageSizes) {
      for (const auto& [name, page] : patterns(page_size)) {
        const Bytes stored = encode_alone(codec, page);
        if (stored.size() == page_size) continue;
        Bytes back(page_size);
        EXPECT_TRUE(reference.decode(stored, back)) << codec.name << name << page_size;
        EXPECT_EQ(back, page) << codec.name << name << page_size;
      }
    }
  }
}

TEST(Interchange, WeReadTheirPages) {
  for (const Reference& reference : kReferences) {
    const auto decoder = find_codec_by_name(reference.codec)->decoder();
    for (const std::size_t page_size : kPageSizes) {
      for (const auto& [name, page] : patterns(page_size)) {
        Bytes stored;
        ASSERT_TRUE(reference.encode(page, stored)) << reference.codec << name;
        const Guarded in(stored);
        const Guarded back(page_size);
        EXPECT_TRUE(decoder->decode(in.bytes(), back.bytes())) << reference.codec << name;
        EXPECT_TRUE(std::ranges::equal(back.bytes(), page)) << reference.codec << name;
      }
    }
  }
}

// A capture kernel short of memory: zlib takes over, in the same format.
TEST(Zlib, EncodesWithoutLibdeflate) {
  libdeflate_set_memory_allocator([](std::size_t) -> void* { return nullptr; }, std::free);
  const Codec& codec = *find_codec_by_name("zlib");
  for (const std::size_t page_size : kPageSizes) {
    const auto encoder = codec.encoder(page_size);
    ASSERT_NE(encoder, nullptr);
    EXPECT_EQ(codec.decoder(), nullptr);
    for (const auto& [name, page] : patterns(page_size)) {
      const Bytes stored = encode_one(codec, *encoder, page);
      if (stored.size() == page_size) {
        EXPECT_EQ(stored, page) << name;
        continue;
      }
      Bytes back(page_size);
      EXPECT_TRUE(kReferences[0].decode(stored, back)) << name;
      EXPECT_EQ(back, page) << name;
    }
  }
  libdeflate_set_memory_allocator(std::malloc, std::free);
}

}  // namespace
}  // namespace vmsift
