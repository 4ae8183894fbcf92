// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/frame_decoder.h"

#include <lz4frame.h>
#include <zstd.h>

#include <new>

namespace vmsift {
namespace {

constexpr std::size_t kScratchBytes = 256U << 10;

}  // namespace

struct FrameDecoder::Contexts {
  ZSTD_DCtx* zstd = nullptr;
  LZ4F_dctx* lz4 = nullptr;

  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts() {
    ZSTD_freeDCtx(zstd);
    LZ4F_freeDecompressionContext(lz4);
  }

  // Made when first asked for: most streams have frames of one kind.
  ZSTD_DCtx* zstd_context() {
    if (zstd == nullptr) zstd = ZSTD_createDCtx();
    if (zstd == nullptr) throw std::bad_alloc();
    return zstd;
  }
  LZ4F_dctx* lz4_context() {
    if (lz4 == nullptr && LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION))) {
      throw std::bad_alloc();
    }
    return lz4;
  }
  void reset() const {
    if (zstd != nullptr) ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
    if (lz4 != nullptr) LZ4F_resetDecompressionContext(lz4);
  }
};

FrameDecoder::FrameDecoder() : contexts_(std::make_unique<Contexts>()) {}
FrameDecoder::~FrameDecoder() = default;

Result<FrameDecoder::Step> FrameDecoder::step(FrameKind kind, std::span<const std::byte> in,
                                              std::span<std::byte> out) {
  if (kind == FrameKind::lz4) {
    std::size_t consumed = in.size();
    std::size_t produced = out.size();
    const std::size_t left = LZ4F_decompress(contexts_->lz4_context(), out.data(), &produced,
                                             in.data(), &consumed, nullptr);
    if (LZ4F_isError(left)) return error("{}", LZ4F_getErrorName(left));
    return Step{consumed, produced, left == 0};
  }
  ZSTD_inBuffer from{in.data(), in.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  const std::size_t left = ZSTD_decompressStream(contexts_->zstd_context(), &to, &from);
  if (ZSTD_isError(left)) return error("{}", ZSTD_getErrorName(left));
  return Step{from.pos, to.pos, left == 0};
}

Result<void> FrameDecoder::decode(FrameKind kind, std::span<const std::byte> stored,
                                  std::span<std::byte> plain) {
  contexts_->reset();
  std::size_t done = 0;
  if (kind == FrameKind::zstd) {
    done = ZSTD_decompressDCtx(contexts_->zstd_context(), plain.data(), plain.size(), stored.data(),
                               stored.size());
    if (ZSTD_isError(done)) return error("{}", ZSTD_getErrorName(done));
  } else {
    for (bool frame_done = false; !frame_done;) {
      auto s = step(kind, stored, plain.subspan(done));
      if (!s) return s.take_error();
      if (s->consumed == 0 && s->produced == 0 && !s->frame_done) break;
      stored = stored.subspan(s->consumed);
      done += s->produced;
      frame_done = s->frame_done;
      if (!frame_done && stored.empty()) break;
    }
  }
  if (done != plain.size()) {
    return error("holds other than the {} bytes that its header says", plain.size());
  }
  return {};
}

Result<std::uint64_t> FrameDecoder::measure(FrameKind kind, std::span<const std::byte> stored,
                                            std::uint64_t most) {
  contexts_->reset();
  scratch_.resize(kScratchBytes);
  std::uint64_t total = 0;
  while (total <= most) {
    auto s = step(kind, stored, scratch_);
    if (!s) return s.take_error();
    total += s->produced;
    stored = stored.subspan(s->consumed);
    if (s->frame_done) return total;
    if (s->consumed == 0 && s->produced == 0) return error("ends early");
  }
  return total;
}

}  // namespace vmsift
