// SPDX-License-Identifier: GPL-2.0-or-later
// A machine with pages of every kind, put through a writer as the copy stage does, and sinks that
// fail when a test says.
#pragma once

#include "compress/codec.h"
#include "compress/frame.h"
#include "src/copy/stored_batch.h"
#include "src/input/open.h"
#include "src/output/dump_writer.h"
#include "src/output/elf_writer.h"
#include "src/output/file_sink.h"
#include "src/output/flat_sink.h"
#include "src/output/framed_file_sink.h"
#include "src/output/kdump_writer.h"
#include "tests/unit/support/bitmap_source.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/temp_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmsift::test {

enum class Kind { words, noise, zero, fill, lost };

struct Machine {
  static constexpr std::size_t kPage = 4096;

  explicit Machine(Pfn max_pfn) : source(max_pfn) {}

  BitmapSource source;
  std::map<Pfn, Kind> kept;

  static Bytes bytes(Pfn pfn, Kind kind) {
    switch (kind) {
      case Kind::words:
        return words(kPage, pfn);
      case Kind::noise:
        return noise(kPage, pfn);
      case Kind::fill:
        return Bytes(kPage, static_cast<std::byte>(1 + pfn % 255));
      default:
        return zeros(kPage);
    }
  }
  [[nodiscard]] Bytes bytes(Pfn pfn) const { return bytes(pfn, kept.at(pfn)); }

  // Runs of memory of which parts are kept, with every kind of page in rows.
  static Machine random(std::uint64_t seed, Pfn max_pfn, bool with_lost = true) {
    Random random(seed);
    Machine machine(max_pfn);
    for (Pfn at = random.below(3); at < max_pfn;) {
      const Pfn end = std::min<Pfn>(max_pfn, at + 1 + random.below(200));
      machine.source.add(at, end);
      while (at < end) {
        const auto kind = static_cast<Kind>(random.below(with_lost ? 5 : 4));
        const bool is_kept = random.below(3) != 0;
        for (std::uint64_t n = 1 + random.below(kind == Kind::lost ? 2 : 30); n != 0 && at < end;
             --n, ++at) {
          if (is_kept) machine.kept[at] = kind;
        }
      }
      at = end + random.below(100);
    }
    return machine;
  }
};

struct HowToPut {
  const Codec* codec = find_codec_by_name("none");
  Sharing sharing = {.zeros = true, .fills = false};
  const FrameFormat* frames = nullptr;
  std::size_t batch = 128;
  bool complete = true;
  std::size_t stop_after = ~std::size_t{0};  // batches that are put
};

// Both stages and the end. What failed first, or "".
inline std::string put_machine(DumpWriter& writer, const Machine& machine,
                               const HowToPut& how = {}) {
  constexpr Pfn kWindow = 2048;
  constexpr std::size_t kPage = Machine::kPage;
  const Pfn max_pfn = machine.source.info().max_pfn;
  Bytes exists(kWindow / 8);
  Bytes stored(kWindow / 8);
  for (Pfn first = machine.source.next_window(0, kWindow); first < max_pfn;
       first = machine.source.next_window(first + kWindow, kWindow)) {
    EXPECT_TRUE(machine.source.presence({first, std::min(first + kWindow, max_pfn)},
                                        BitSpan(exists), BitSpan(stored)));
    Bytes kept(kWindow / 8);
    for (auto it = machine.kept.lower_bound(first);
         it != machine.kept.end() && it->first < first + kWindow; ++it) {
      BitSpan(kept).set(it->first - first);
    }
    if (auto put = writer.put_window(first, exists, kept); !put) return put.message();
  }
  if (auto begun = writer.begin_pages(); !begun) return begun.message();
  const auto encoder = how.codec->encoder(kPage);
  const auto framer = how.frames == nullptr ? nullptr : how.frames->encoder();
  std::string failure;
  std::size_t batches = 0;
  for (auto it = machine.kept.begin(); it != machine.kept.end();) {
    if (batches++ == how.stop_after) break;
    std::vector<Pfn> pfns;
    std::vector<std::uint32_t> sizes;
    Bytes data(how.batch * kPage + how.codec->slack(kPage));
    std::size_t used = 0;
    for (; it != machine.kept.end() && pfns.size() < how.batch; ++it) {
      const Kind kind = it->second;
      pfns.push_back(it->first);
      const Bytes page = Machine::bytes(it->first, kind);
      const int fill = kind == Kind::zero   ? 0
                       : kind == Kind::fill ? std::to_integer<int>(page[0])
                                            : kNoFill;
      if (kind == Kind::lost) {
        sizes.push_back(kStoredLost);
      } else if (how.sharing.tells(fill)) {
        sizes.push_back(how.sharing.stored(fill));
      } else {
        const std::byte* from = page.data();
        std::uint32_t size = 0;
        used += encoder->encode({&from, 1}, std::span(data).subspan(used), {&size, 1});
        sizes.push_back(size);
      }
    }
    Bytes frame;
    if (framer && used != 0) {
      frame.resize(how.frames->bound(used));
      frame.resize(framer->encode(std::span(data).first(used), frame));
    }
    auto put = writer.put_pages({pfns, sizes, std::span(data).first(used), frame, {}});
    if (!put) {
      failure = put.message();
      break;
    }
  }
  const bool complete = how.complete && failure.empty() && batches <= how.stop_after;
  auto finished = writer.finish(complete);
  if (failure.empty() && !finished) failure = finished.message();
  return failure;
}

}  // namespace vmsift::test
