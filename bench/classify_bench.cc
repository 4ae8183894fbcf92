// SPDX-License-Identifier: GPL-2.0-or-later
// Classification alone, on the struct pages of a real vmcore: nanoseconds a page frame on one core.
//
//   classify_bench VMCORE [--benchmark_...]
//
// "walk" is what a run does: windows are mapped, struct pages decided, bitmaps and counts made.
// "decode" is the decision alone, from struct pages already in the cache, with no block skipped: the
// price of a page in memory that is full of small pages.
#include "mm-model/page_decoder.h"
#include "src/classify/window_scan.h"
#include "src/input/open.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace {

using namespace vmsift;

struct Dump {
  std::unique_ptr<MemorySource> source;
  std::unique_ptr<KernelModel> model;
};

std::vector<Pfn> windows_of(const MemorySource& source) {
  std::vector<Pfn> firsts;
  for (Pfn pfn = source.next_window(0, kWindowPages); pfn < source.info().max_pfn;
       pfn = source.next_window(pfn + kWindowPages, kWindowPages)) {
    firsts.push_back(pfn);
  }
  return firsts;
}

void walk(benchmark::State& state, const Dump& dump, unsigned level) {
  const auto firsts = windows_of(*dump.source);
  WindowScanner scanner(*dump.model, *dump.source, dropped_classes(level));
  const auto result = std::make_unique<WindowResult>();
  std::uint64_t pages = 0;
  for (auto _ : state) {
    pages = 0;
    for (const Pfn first : firsts) {
      if (!scanner.scan(first, *result)) state.SkipWithError("scan failed");
      pages += BitSpan(result->exists).count();
    }
  }
  state.counters["ns/page"] =
      benchmark::Counter(static_cast<double>(pages) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["pages"] = static_cast<double>(pages);
}

void decode(benchmark::State& state, const Dump& dump) {
  // 16384 struct pages, 1 MiB: they stay in the second-level cache.
  constexpr std::size_t kPages = 16384;
  const std::size_t size = dump.model->pages().size;
  AddressSpace memory(dump.model->addresses(), *dump.source);
  std::vector<std::byte> structs;
  for (Pfn pfn = 0; pfn < dump.source->info().max_pfn && structs.size() < kPages * size; pfn += 64) {
    std::vector<std::byte> some(64 * size);
    const auto at = dump.model->memory_map()->page_struct(pfn, memory);
    if (at && memory.read(*at, some)) structs.insert(structs.end(), some.begin(), some.end());
  }
  const PageDecoder<false> decoder(dump.model->pages());
  const RuleTable& rules = dump.model->rules();
  const std::size_t pages = structs.size() / size;
  std::vector<PageClass> classes(pages);
  for (auto _ : state) {
    for (std::size_t i = 0; i < pages; ++i) {
      classes[i] = rules.classify(decoder.decode(&structs[i * size], i + 1 < pages));
    }
    benchmark::ClobberMemory();
  }
  state.counters["ns/page"] =
      benchmark::Counter(static_cast<double>(pages) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fputs("usage: classify_bench VMCORE [--benchmark_...]\n", stderr);
    return 1;
  }
  Dump dump;
  auto source = open_dump(argv[1], ReadMode::map);
  if (!source) {
    std::fprintf(stderr, "%s\n", source.message().c_str());
    return 1;
  }
  dump.source = std::move(*source);
  dump.model = std::make_unique<KernelModel>(
      KernelModel::detect(Vmcoreinfo(dump.source->info().vmcoreinfo), *dump.source));
  if (!dump.model->memory_map()) {
    std::fputs("the vmcore's kernel is not understood\n", stderr);
    return 1;
  }
  benchmark::RegisterBenchmark("walk/level:31", [&](benchmark::State& s) { walk(s, dump, 31); });
  benchmark::RegisterBenchmark("walk/level:0", [&](benchmark::State& s) { walk(s, dump, 0); });
  benchmark::RegisterBenchmark("decode", [&](benchmark::State& s) { decode(s, dump); });
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
