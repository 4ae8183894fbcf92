// SPDX-License-Identifier: GPL-2.0-or-later
// What a page costs in every codec of the registry, as the pipeline calls it: batches of pages that
// are not in the cache yet.
//
//   codec_bench [PAGES] [--benchmark_filter=encode]
//
// PAGES, or the file that VMSIFT_PAGES names, holds raw 4 KiB pages one behind another; the data of
// an uncompressed dump will do. Without it a mix is made up that has a kernel's proportions of
// poison, pointers, code and text, but not its ratios: compare times with it, not sizes.
//
// Counters: page is the time of one, stored the size of all in per cent of their length.
#include "compress/codec.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace vmsift {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBatch = 64;

using Bytes = std::vector<std::byte>;

struct Stored {
  Bytes bytes;
  std::vector<std::uint32_t> sizes;
};

Bytes read_file(const char* path) {
  Bytes bytes;
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) {
    std::perror(path);
    std::exit(1);
  }
  std::byte buffer[kPage];
  while (std::fread(buffer, kPage, 1, file) == 1) {
    bytes.insert(bytes.end(), std::begin(buffer), std::end(buffer));
  }
  std::fclose(file);
  return bytes;
}

Bytes made_up_pages() {
  constexpr std::size_t kPages = 4096;
  constexpr std::string_view kText = "kworker/u4:2 pci 0000:00:1f.2 not tainted rcu_preempt ";
  std::mt19937_64 random(1);
  Bytes bytes(kPages * kPage);
  for (std::size_t n = 0; n < kPages; ++n) {
    std::byte* const page = &bytes[n * kPage];
    const std::uint64_t kind = random() % 100;
    for (std::size_t i = 0; i < kPage; i += 8) {
      std::uint64_t word = 0;
      if (kind < 9) {
        word = 0xcccccccccccccccc;
      } else if (kind < 55) {  // slabs and page tables: pointers, counters, zeros
        const std::uint64_t what = random() % 8;
        if (what < 2) word = 0xffff888000000000 + (random() % 0x20000000 & ~63U);
        if (what == 2) word = random() % 4096;
      } else if (kind < 75) {  // code: bytes of uneven frequency
        for (int b = 0; b < 64; b += 8) word |= (random() & random() & 0xff) << b;
      } else if (kind < 90) {
        const std::size_t at = random() % 4 == 0 ? random() % 40 : i % 40;
        std::memcpy(&word, &kText[at], sizeof word);
      } else {
        word = random();
      }
      std::memcpy(page + i, &word, sizeof word);
    }
  }
  return bytes;
}

// The batch that begins at page `at`; returns where the next one does, 0 at the end.
std::size_t take_batch(const Bytes& bytes, std::size_t at, std::vector<const std::byte*>& pages) {
  const std::size_t count = bytes.size() / kPage;
  pages.clear();
  while (at < count && pages.size() < kBatch) pages.push_back(&bytes[at++ * kPage]);
  return at == count ? 0 : at;
}

void count(benchmark::State& state, std::size_t pages, std::size_t stored) {
  const auto n = static_cast<double>(pages);
  state.counters["page"] =
      benchmark::Counter(n, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["stored"] = 100 * static_cast<double>(stored) / (n * kPage);
}

void encode(benchmark::State& state, const Codec& codec, const Bytes& bytes) {
  const auto encoder = codec.encoder(kPage);
  Bytes out(kBatch * kPage + codec.slack(kPage));
  std::vector<std::uint32_t> sizes(kBatch);
  std::vector<const std::byte*> pages;
  std::size_t at = 0;
  std::size_t done = 0;
  std::size_t stored = 0;
  // Whole rounds through the file, so that the size does not depend on how long this runs.
  for (auto _ : state) {
    do {
      at = take_batch(bytes, at, pages);
      stored += encoder->encode(pages, out, sizes);
      done += pages.size();
      benchmark::ClobberMemory();
    } while (at != 0);
  }
  count(state, done, stored);
}

Stored encode_all(const Codec& codec, const Bytes& bytes) {
  const auto encoder = codec.encoder(kPage);
  Stored all{Bytes(bytes.size() + codec.slack(kPage)),
             std::vector<std::uint32_t>(bytes.size() / kPage)};
  std::vector<const std::byte*> pages;
  for (std::size_t at = 0; at < bytes.size(); at += kPage) pages.push_back(&bytes[at]);
  all.bytes.resize(encoder->encode(pages, all.bytes, all.sizes));
  return all;
}

void decode(benchmark::State& state, const Codec& codec, const Bytes& bytes) {
  const Stored all = encode_all(codec, bytes);
  const auto decoder = codec.decoder();
  Bytes page(kPage);
  std::size_t done = 0;
  for (auto _ : state) {
    const std::byte* from = all.bytes.data();
    for (const std::uint32_t size : all.sizes) {
      if (size == kPage) {
        std::memcpy(page.data(), from, kPage);
      } else if (!decoder->decode({from, size}, page)) {
        state.SkipWithError("a page does not decode");
        return;
      }
      from += size;
      benchmark::ClobberMemory();
    }
    done += all.sizes.size();
  }
  count(state, done, all.bytes.size() * (done / all.sizes.size()));
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const char* const path = argc > 1 ? argv[1] : std::getenv("VMSIFT_PAGES");
  const Bytes bytes = path != nullptr ? read_file(path) : made_up_pages();
  if (bytes.empty()) {
    std::fprintf(stderr, "%s: holds no page\n", path);
    return 1;
  }
  for (const Codec* codec : all_codecs()) {
    const std::string name(codec->name);
    benchmark::RegisterBenchmark(("encode/" + name).c_str(), [codec, &bytes](auto& state) {
      encode(state, *codec, bytes);
    })->Unit(benchmark::kMillisecond);
    if (codec->decoder() == nullptr) continue;
    benchmark::RegisterBenchmark(("decode/" + name).c_str(), [codec, &bytes](auto& state) {
      decode(state, *codec, bytes);
    })->Unit(benchmark::kMillisecond);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace vmsift

int main(int argc, char** argv) {
  return vmsift::run(argc, argv);
}
