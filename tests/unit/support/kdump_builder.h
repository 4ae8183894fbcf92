// SPDX-License-Identifier: GPL-2.0-or-later
// Small kdump-compressed files, made by the project's own writer from pages.
#pragma once

#include "compress/codec.h"
#include "filters/zero.h"
#include "src/copy/batch.h"
#include "src/output/file_sink.h"
#include "src/output/kdump_writer.h"
#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vmsift::test {

struct DumpSpec {
  std::map<Pfn, std::optional<Bytes>> pages = {};  // nullopt: lost
  std::vector<Pfn> excluded = {};                  // memory without a descriptor
  Pfn max_pfn = 0;                                 // 0: behind the last page
  const Codec* codec = find_codec_by_name("none");
  ByteOrder order = ByteOrder::little;
  std::uint32_t page_size = 4096;
  bool share_zero_page = true;
  bool complete = true;
  Bytes notes = {};
  std::uint64_t vmcoreinfo_at = 0;
  std::uint64_t vmcoreinfo_size = 0;
  kdump::Header header = {};
};

// A writer into a file.
inline Result<std::unique_ptr<KdumpWriter>> kdump_writer(const std::string& path, bool overwrite,
                                                         const KdumpSpec& spec) {
  auto sink = FileSink::create(path, overwrite, ByteSink::kNoLimit);
  if (!sink) return sink.take_error();
  return KdumpWriter::create(std::move(*sink), spec);
}

// The header as the writer planned it, for finding one's way in the file.
inline kdump::Header write_kdump(const std::string& path, const DumpSpec& spec) {
  kdump::Header header = spec.header;
  header.block_size = spec.page_size;
  header.status = spec.codec->header_flag;
  header.is_private = spec.codec->header_flag >= 1U << 16;
  header.vmcoreinfo_size = spec.vmcoreinfo_size;
  const Pfn last = spec.pages.empty() ? 0 : spec.pages.rbegin()->first;
  EXPECT_TRUE(header.plan(spec.max_pfn != 0 ? spec.max_pfn : last + 1, spec.notes.size()));
  KdumpSpec how;
  how.header = header;
  how.order = spec.order;
  how.notes = spec.notes;
  how.vmcoreinfo_at = spec.vmcoreinfo_at;
  how.codec = spec.codec;
  how.share_zero_page = spec.share_zero_page;
  auto created = kdump_writer(path, true, how);
  if (!created) {
    ADD_FAILURE() << created.message();
    return header;
  }
  const auto writer = std::move(*created);
  constexpr std::uint64_t kWindow = 32768;
  std::map<Pfn, std::pair<Bytes, Bytes>> windows;
  const auto mark = [&](Pfn pfn, bool kept) {
    auto& [exists, bits] = windows[pfn / kWindow];
    exists.resize(kWindow / 8);
    bits.resize(kWindow / 8);
    BitSpan(exists).set(pfn % kWindow);
    if (kept) BitSpan(bits).set(pfn % kWindow);
  };
  for (const auto& [pfn, bytes] : spec.pages) mark(pfn, true);
  for (const Pfn pfn : spec.excluded) mark(pfn, false);
  for (const auto& [index, bitmaps] : windows) {
    const std::uint64_t room = header.bitmap_bytes() - index * kWindow / 8;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kWindow / 8, room));
    EXPECT_TRUE(writer->put_window(index * kWindow, std::span(bitmaps.first).first(size),
                                   std::span(bitmaps.second).first(size)));
  }
  EXPECT_TRUE(writer->begin_pages());
  const auto encoder = spec.codec->encoder(spec.page_size);
  Bytes out(spec.page_size + spec.codec->slack(spec.page_size));
  for (const auto& [pfn, bytes] : spec.pages) {
    std::uint32_t size = kStoredLost;
    std::size_t used = 0;
    if (bytes && spec.share_zero_page && is_zero_page(bytes->data(), spec.page_size)) {
      size = kStoredZero;
    } else if (bytes) {
      const std::byte* page = bytes->data();
      used = encoder->encode({&page, 1}, out, {&size, 1});
    }
    EXPECT_TRUE(writer->put_pages({{&pfn, 1}, {&size, 1}, std::span(out).first(used), {}, {}}));
  }
  EXPECT_TRUE(writer->finish(spec.complete));
  return header;
}

// Pages of every kind a codec meets: shrinking, noise, zero; with holes between.
inline std::map<Pfn, std::optional<Bytes>> mixed_pages(std::size_t count, std::size_t page_size,
                                                       std::uint64_t seed = 1) {
  std::map<Pfn, std::optional<Bytes>> pages;
  Random random(seed);
  for (Pfn pfn = random.below(5); pages.size() < count;
       pfn += 1 + random.below(4) * random.below(4)) {
    switch (random.below(4)) {
      case 0:
        pages[pfn] = noise(page_size, pfn + seed);
        break;
      case 1:
        pages[pfn] = zeros(page_size);
        break;
      default:
        pages[pfn] = words(page_size, pfn + seed);
    }
  }
  return pages;
}

}  // namespace vmsift::test
