// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/memory_request.h"

#include "src/classify/classify_dump.h"
#include "src/commands/dump_output.h"
#include "src/commands/split_ranges.h"
#include "src/copy/copy_pages.h"
#include "src/input/elf_core.h"
#include "src/memory/available.h"
#include "src/output/shared_pages.h"
#include "src/pipeline/pipeline.h"

#include <algorithm>

namespace vmsift {
namespace {

// Measured with one thread, 0.6 MiB: the libraries' relocations and data, what the note and BTF
// became, the stack, and what else is small.
constexpr std::uint64_t kProgramMemory = std::uint64_t{1} << 20;
// Of a thread: the stack as far as it is used, and its part of the allocator.
constexpr std::uint64_t kThreadMemory = 96U << 10;
// A writer's buffer and its own codec for fill pages.
constexpr std::uint64_t kWriterMemory = 128U << 10;

// Files that are written side by side.
unsigned members_of(const Options& options) {
  return options.split ? std::max(1U, static_cast<unsigned>(options.outputs.size())) : 1;
}

std::uint64_t fixed_bytes(const Options& options, const InputShape& input) {
  std::uint64_t bytes = kProgramMemory + input.source_memory;
  bytes += members_of(options) * (kWriterMemory + options.codec->memory(input.page_size));
  if (options.split) bytes += SplitRanges::kMostMemory;
  if (options.dedup) bytes += SharedPages::kMemory + input.reader_memory;
  if (input.live) bytes += input.max_pfn / 8;
  return bytes;
}

std::uint64_t thread_bytes(const Options& options, const InputShape& input, unsigned threads) {
  const unsigned pipelines = std::min(members_of(options), threads);
  CopyOptions copying;
  copying.codec = options.codec;
  copying.threads = threads / pipelines;
  copying.frames = frames_of(options);
  const std::uint64_t copy = copy_memory(copying, input.page_size, input.reader_memory);
  // Which pages are kept is known from the file, or from windows that are classified again.
  const bool scans_again = options.flattened || options.elf || options.dry_run;
  const std::uint64_t windows =
      scans_again ? classify_memory(1, input.page_size, input.reader_memory) : kWindowBytes;
  return threads * kThreadMemory +
         std::max<std::uint64_t>(classify_memory(threads, input.page_size, input.reader_memory),
                                 pipelines * copy + members_of(options) * windows);
}

}  // namespace

InputShape shape_of(const Input& input) {
  const DumpInfo& dump = input.source->info();
  const KernelModel& model = *input.model;
  InputShape shape;
  shape.page_size = dump.page_size;
  shape.max_pfn = dump.max_pfn;
  shape.reader_memory = input.source->reader_memory();
  shape.source_memory = input.source->memory();
  shape.live = dump.live;
  shape.free_list_stride = model.free_lists() ? model.free_list_stride() : 0;
  shape.uses_free_lists = model.free_list_pages() != nullptr;
  return shape;
}

InputShape shape_of_crash(std::size_t page_size, Pfn max_pfn, std::size_t loads,
                          std::optional<std::uint64_t> available) {
  InputShape shape;
  shape.page_size = page_size;
  shape.max_pfn = max_pfn;
  shape.source_memory = loads * kElfCoreSegmentMemory;
  shape.reader_memory =
      elf_core_reader_memory(page_size, is_small(available) ? ReadMode::map_little : ReadMode::map);
  return shape;
}

MemoryRequest memory_request(const Options& options, const InputShape& input, unsigned threads) {
  MemoryRequest request;
  request.threads = threads;
  request.fixed_bytes = fixed_bytes(options, input);
  request.thread_bytes = [options, input](unsigned n) { return thread_bytes(options, input, n); };
  request.stride_bytes = input.free_list_stride / 8;
  request.least_stride_bytes =
      std::min(FreeListPages::kLeastStridePages, input.free_list_stride) / 8;
  request.uses_strides = input.uses_free_lists;
  return request;
}

ReadMode read_mode(const Options& options, std::optional<std::uint64_t> available) {
  if (options.non_mmap) return ReadMode::read;
  return is_small(available) ? ReadMode::map_little : ReadMode::map;
}

MemoryPlan plan_run(const Options& options, Input& input, const Log& log) {
  // What is read of /proc/kcore goes through one buffer for each time that it is open
  // (fs/proc/kcore.c), so that two threads would get each other's bytes.
  const unsigned threads = input.source->info().live ? 1 : thread_count(options.threads);
  const MemoryPlan plan =
      plan_memory(memory_request(options, shape_of(input), threads), available_memory());
  if (plan.stride_bytes != 0) input.model->set_free_list_stride(plan.stride_bytes * 8);
  constexpr auto kib = [](std::uint64_t bytes) { return ceil_div<std::uint64_t>(bytes, 1024); };
  if (!plan.fits()) {
    log.warning(
        "{} KiB of memory are needed, of {} KiB that are available and have to do for the "
        "page cache too: it is tried all the same",
        kib(plan.needed), kib(*plan.available));
  } else if (plan.threads < threads) {
    log.common("{} of {} threads are used, since {} KiB of memory are available.", plan.threads,
               threads, kib(plan.available.value_or(0)));
  }
  log.debug("memory: {} KiB planned, {} KiB available", kib(plan.needed),
            kib(plan.available.value_or(0)));
  return plan;
}

}  // namespace vmsift
