// SPDX-License-Identifier: GPL-2.0-or-later
#include "compress/frame.h"

#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <new>

namespace vmsift {
namespace {

// Measured; tables grow with the frame up to 256 KiB. LZ4's are on the stack.
constexpr std::size_t kZstdMemory = 576U << 10;
constexpr std::size_t kLz4Memory = 32U << 10;
constexpr int kZstdLevel = 1;  // pages by the hundred: the next levels gain 5 % and cost half more

class ZstdFrames final : public FrameEncoder {
 public:
  ZstdFrames() : context_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
    if (!context_) return;
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }
  explicit operator bool() const { return context_ != nullptr; }

  std::size_t encode(std::span<const std::byte> plain, std::span<std::byte> out) override {
    const std::size_t size =
        ZSTD_compress2(context_.get(), out.data(), out.size(), plain.data(), plain.size());
    return ZSTD_isError(size) != 0 ? 0 : size;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
};

class Lz4Frames final : public FrameEncoder {
 public:
  std::size_t encode(std::span<const std::byte> plain, std::span<std::byte> out) override {
    const LZ4F_preferences_t preferences = preferences_for(plain.size());
    const std::size_t size =
        LZ4F_compressFrame(out.data(), out.size(), plain.data(), plain.size(), &preferences);
    return LZ4F_isError(size) != 0 ? 0 : size;
  }

  static LZ4F_preferences_t preferences_for(std::size_t plain) {
    LZ4F_preferences_t p = LZ4F_INIT_PREFERENCES;
    p.frameInfo.blockSizeID = LZ4F_max1MB;
    p.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    p.frameInfo.contentSize = plain;
    return p;
  }
};

template <class Frames>
std::unique_ptr<FrameEncoder> make_encoder() {
  return std::unique_ptr<FrameEncoder>(new (std::nothrow) Frames);
}

template <>
std::unique_ptr<FrameEncoder> make_encoder<ZstdFrames>() {
  std::unique_ptr<ZstdFrames> frames(new (std::nothrow) ZstdFrames);
  if (!frames || !*frames) return nullptr;
  return frames;
}

std::size_t lz4_bound(std::size_t plain) {
  const LZ4F_preferences_t preferences = Lz4Frames::preferences_for(plain);
  return LZ4F_compressFrameBound(plain, &preferences);
}

// Magic number; single segment with a content size of 2 bytes, which counts from 256 on; then one
// last block, raw, of 65536 bytes: size << 3 | type 0 << 1 | last.
constexpr std::array<std::byte, 10> kZstdBefore = {
    std::byte{0x28}, std::byte{0xb5}, std::byte{0x2f}, std::byte{0xfd}, std::byte{0x60},
    std::byte{0x00}, std::byte{0xff}, std::byte{0x01}, std::byte{0x00}, std::byte{0x08}};

// Magic number; version 1 with independent blocks and a content size; blocks of at most 64 KiB;
// that size; the checksum of what stands between; then a block of 65536 bytes whose top bit says
// that it is not compressed, and behind it the end mark.
constexpr std::array<std::byte, 19> kLz4Before = {
    std::byte{0x04}, std::byte{0x22}, std::byte{0x4d}, std::byte{0x18}, std::byte{0x68},
    std::byte{0x40}, std::byte{0x00}, std::byte{0x00}, std::byte{0x01}, std::byte{0x00},
    std::byte{0x00}, std::byte{0x00}, std::byte{0x00}, std::byte{0x00}, std::byte{0x1d},
    std::byte{0x00}, std::byte{0x00}, std::byte{0x01}, std::byte{0x80}};
constexpr std::array<std::byte, 4> kLz4After = {};

constinit const FrameFormat kFormats[] = {
    {"zstd", ZSTD_compressBound, kZstdMemory, make_encoder<ZstdFrames>, {kZstdBefore, {}}},
    {"lz4", lz4_bound, kLz4Memory, make_encoder<Lz4Frames>, {kLz4Before, kLz4After}},
};

}  // namespace

const FrameFormat* find_frame_format(std::string_view name) {
  const auto* const found =
      std::ranges::find_if(kFormats, [=](const FrameFormat& f) { return f.name == name; });
  return found == std::end(kFormats) ? nullptr : found;
}

}  // namespace vmsift
