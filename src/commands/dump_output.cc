// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/dump_output.h"

#include "filters/filter.h"
#include "mm-model/virtual_maps.h"
#include "src/memory/available.h"
#include "src/memory/memory_plan.h"
#include "src/output/elf_writer.h"
#include "src/output/file_sink.h"
#include "src/output/flat_sink.h"
#include "src/output/framed_file_sink.h"
#include "src/output/kdump_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace vmsift {
namespace {

Result<std::unique_ptr<ByteSink>> flat_sink(const Options& options, std::uint64_t limit) {
  // A dry run of a stream is one that nobody reads.
  const int fd = options.dry_run ? ::open("/dev/null", O_WRONLY | O_CLOEXEC)
                                 : ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return system_error(errno, "standard output");
  auto sink = FlatSink::create(File(fd, "standard output"), frames_of(options), limit);
  if (!sink) return sink.take_error();
  return std::unique_ptr<ByteSink>(std::move(*sink));
}

Result<std::unique_ptr<ByteSink>> make_sink(const Options& options, const std::string& path) {
  const std::uint64_t limit = options.size_limit.value_or(ByteSink::kNoLimit);
  if (options.flattened) return flat_sink(options, limit);
  if (options.dry_run)
    return std::unique_ptr<ByteSink>(std::make_unique<NullSink>(limit, frames_of(options)));
  for (const std::string& input : options.inputs) {
    auto in = File::open(input, O_RDONLY);
    if (in && same_file(*in, path)) return error("{} is the input itself", path);
  }
  auto file = FileSink::create(path, options.overwrite, limit, is_small(available_memory()));
  if (!file) return file.take_error();
  if (const FrameFormat* frames = frames_of(options)) {
    return std::unique_ptr<ByteSink>(std::make_unique<FramedFileSink>(std::move(*file), *frames));
  }
  return std::unique_ptr<ByteSink>(std::move(*file));
}

std::unique_ptr<DumpWriter> make_elf_writer(const Input& input, unsigned level,
                                            std::unique_ptr<ByteSink> sink) {
  const DumpInfo& dump = input.source->info();
  const KernelModel& model = *input.model;
  VirtualMaps maps =
      find_virtual_maps(*input.source, model.can_translate() ? &model.addresses() : nullptr);
  ElfSpec spec;
  spec.word_bytes = kdump::word_bytes(dump.abi);
  spec.is_64bit = dump.elf_class != 0 ? dump.elf_class == 64 : spec.word_bytes == 8;
  spec.order = dump.order;
  spec.machine = dump.machine != 0         ? dump.machine
                 : model.arch() != nullptr ? model.arch()->elf_machine
                                           : std::uint16_t{0};
  spec.os_abi = dump.elf_os_abi;
  spec.flags = dump.elf_flags;
  spec.notes = input.notes;
  spec.leave_out_zeros = (level & kLevelZero) != 0;
  spec.direct_map = maps.direct_map;
  spec.other_maps = std::move(maps.image);
  return std::make_unique<ElfWriter>(std::move(sink), std::move(spec), *input.source);
}

Result<std::unique_ptr<DumpWriter>> make_kdump_writer(const Options& options, const Input& input,
                                                      unsigned level,
                                                      std::unique_ptr<ByteSink> sink) {
  auto header = describe_dump(input, level);
  if (!header) {
    sink->discard();
    return header.take_error();
  }
  header->status = options.codec->header_flag;
  if (options.exclude_unused_vm || input.source->info().excluded_vmemmap) {
    header->status |= kdump::kExcludedVmemmap;
  }
  header->is_private = is_private(*options.codec);
  KdumpSpec spec;
  spec.header = std::move(*header);
  spec.order = input.source->info().order;
  spec.notes = input.notes;
  spec.vmcoreinfo_at = input.vmcoreinfo_at;
  spec.codec = options.codec;
  spec.share_zero_page = (level & kLevelZero) != 0;
  spec.dedup = options.dedup ? input.source.get() : nullptr;
  auto writer = KdumpWriter::create(std::move(sink), spec);
  if (!writer) return writer.take_error();
  return std::unique_ptr<DumpWriter>(std::move(*writer));
}

}  // namespace

const FrameFormat* frames_of(const Options& options) {
  switch (options.stream) {
    case StreamFormat::zstd:
      return find_frame_format("zstd");
    case StreamFormat::lz4:
      return find_frame_format("lz4");
    case StreamFormat::none:
      break;
  }
  return nullptr;
}

Sharing sharing_of(const Options& options, unsigned dump_level) {
  // Zeros of an ELF core are holes; in frames they cost next to nothing, and a frame has to hold
  // all of its batch.
  if (options.elf) return {.zeros = options.stream == StreamFormat::none, .fills = false};
  return {.zeros = (dump_level & kLevelZero) != 0, .fills = true};
}

Result<std::unique_ptr<DumpWriter>> make_writer(const Options& options, const Input& input,
                                                unsigned level, const std::string& path) {
  auto sink = make_sink(options, path);
  if (!sink) return sink.take_error();
  if (options.elf) return make_elf_writer(input, level, std::move(*sink));
  return make_kdump_writer(options, input, level, std::move(*sink));
}

}  // namespace vmsift
