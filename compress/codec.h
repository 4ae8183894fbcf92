// SPDX-License-Identifier: GPL-2.0-or-later
// A codec turns pages into bytes and back. It knows nothing of dumps: one file a codec, one line in
// registry.cc.
//
// Work goes by batches, so that the price of the indirect call is paid once for some dozen pages.
// A page that does not become smaller is stored raw, which readers recognise by a descriptor
// without compression flag.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace vmsift {

// One worker's compressor. Not thread-safe; reused for every page of that worker.
class Encoder {
 public:
  virtual ~Encoder() = default;

  // Writes the pages one behind another into `out` and their stored sizes (bytes) into `sizes`;
  // returns the sum. sizes[i] == page_size means: stored raw.
  // `out` holds at least pages.size() * page_size + Codec::slack(page_size) bytes.
  virtual std::size_t encode(std::span<const std::byte* const> pages, std::span<std::byte> out,
                             std::span<std::uint32_t> sizes) = 0;
};

// One worker's decompressor. Not thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // False when `in` is not a valid stream of exactly page.size() bytes; `page` is then undefined.
  // Never reads or writes outside of the spans, whatever `in` holds.
  virtual bool decode(std::span<const std::byte> in, std::span<std::byte> page) = 0;
};

struct Codec {
  std::string_view name;      // as in --levels=NAME and in reports
  char option;                // short option that selects it; 0: none
  std::uint32_t page_flag;    // page_desc.flags of a page stored with it
  std::uint32_t header_flag;  // disk_dump_header.status bit of a dump written with it
  std::size_t (*slack)(std::size_t page_size);   // bytes past page_size one encode may touch
  std::size_t (*memory)(std::size_t page_size);  // bytes one encoder holds, for the memory plan
  std::unique_ptr<Encoder> (*encoder)(std::size_t page_size);  // nullptr: out of memory
  std::unique_ptr<Decoder> (*decoder)();  // nullptr: out of memory, or stored pages only
};

// Whether vmsift alone reads pages of this codec: flags from bit 16 up are not the kdump format's.
constexpr bool is_private(const Codec& codec) {
  return codec.header_flag >= std::uint32_t{1} << 16;
}

// All codecs, "none" first.
std::span<const Codec* const> all_codecs();
const Codec* find_codec_by_name(std::string_view name);         // nullptr: no such codec
const Codec* find_codec_by_page_flag(std::uint32_t page_flag);  // nullptr: no such codec

}  // namespace vmsift
