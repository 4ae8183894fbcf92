// SPDX-License-Identifier: GPL-2.0-or-later
// Classification alone, on the struct pages of a real vmcore: nanoseconds a page frame on one core.
//
//   classify_bench VMCORE [--benchmark_...]
//
// "classify" decides every page and makes bitmaps and counts, from struct pages that are in memory:
// the classification alone. "walk" also maps them from the file, as a run does: what it takes
// longer is page faults. "decode" is the decision alone, from the CPU's cache and with no block
// skipped: the price of a page in memory that is full of small pages.
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

// Keeps every page that was ever read in memory.
class ResidentSource : public MemorySource {
 public:
  explicit ResidentSource(const MemorySource& source)
      : source_(source), pages_(source.info().max_pfn) {}

  const DumpInfo& info() const override { return source_.info(); }
  Result<void> set_page_size(std::uint64_t) override { return error("too late"); }
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const override {
    return source_.presence(window, exists, stored);
  }
  Pfn next_window(Pfn from, std::uint64_t granule) const override {
    return source_.next_window(from, granule);
  }
  std::unique_ptr<PageReader> reader() const override {
    return std::make_unique<Reader>(*this, source_.reader());
  }

 private:
  class Reader : public PageReader {
   public:
    Reader(const ResidentSource& source, std::unique_ptr<PageReader> file)
        : source_(source), file_(std::move(file)) {}
    std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) override {
      for (std::size_t i = 0; i < pfns.size(); ++i) {
        auto& page = source_.pages_[pfns[i]];
        if (!page) {
          const std::byte* data = nullptr;
          file_->fetch(pfns.subspan(i, 1), {&data, 1});
          if (data == nullptr) return i;  // never for struct pages of a whole vmcore
          page = std::make_unique<std::byte[]>(source_.info().page_size);
          std::memcpy(page.get(), data, source_.info().page_size);
        }
        pages[i] = page.get();
      }
      return pfns.size();
    }
    bool intact() override { return true; }
    std::string last_error() const override { return {}; }

   private:
    const ResidentSource& source_;
    std::unique_ptr<PageReader> file_;
  };

  const MemorySource& source_;
  mutable std::vector<std::unique_ptr<std::byte[]>> pages_;
};

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

void walk(benchmark::State& state, const KernelModel& model, const MemorySource& source,
          unsigned level) {
  const auto firsts = windows_of(source);
  WindowScanner scanner(model, source, dropped_classes(level));
  const auto result = std::make_unique<WindowResult>();
  std::uint64_t pages = 0;
  for (auto _ : state) {
    pages = 0;
    for (const Pfn first : firsts) {
      if (!scanner.scan(first, *result)) state.SkipWithError("scan failed");
      pages += BitSpan(result->exists).count();
    }
  }
  state.counters["ns/page"] = benchmark::Counter(
      static_cast<double>(pages) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["pages"] = static_cast<double>(pages);
}

void decode(benchmark::State& state, const Dump& dump) {
  // 16384 struct pages, 1 MiB: they stay in the second-level cache.
  constexpr std::size_t kPages = 16384;
  const std::size_t size = dump.model->pages().size;
  AddressSpace memory(dump.model->addresses(), *dump.source);
  std::vector<std::byte> structs;
  for (Pfn pfn = 0; pfn < dump.source->info().max_pfn && structs.size() < kPages * size;
       pfn += 64) {
    std::vector<std::byte> some(64 * size);
    const auto at = dump.model->memory_map()->part(pfn, memory).structs;
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
  state.counters["ns/page"] = benchmark::Counter(
      static_cast<double>(pages) * 1e-9,
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
  const ResidentSource resident(*dump.source);
  for (const unsigned level : {31U, 0U}) {
    benchmark::RegisterBenchmark(fmt::format("classify/level:{}", level).c_str(),
                                 [&, level](auto& s) { walk(s, *dump.model, resident, level); });
    benchmark::RegisterBenchmark(fmt::format("walk/level:{}", level).c_str(), [&, level](auto& s) {
      walk(s, *dump.model, *dump.source, level);
    });
  }
  benchmark::RegisterBenchmark("decode", [&](benchmark::State& s) { decode(s, dump); });
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
