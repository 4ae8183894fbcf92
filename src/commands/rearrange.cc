// SPDX-License-Identifier: GPL-2.0-or-later
// -R DUMPFILE: a flattened stream on the standard input becomes a dump.
#include "src/base/stop_request.h"
#include "src/commands/commands.h"
#include "src/flattened/rebuild.h"
#include "src/input/stream_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace vmsift {
namespace {

using flattened::Rebuild;
using flattened::RecordHeader;

// The next `into.size()` bytes of the stream; false: it ends before. `into` holds what came.
Result<bool> take(StreamReader& stream, std::span<std::byte> into) {
  while (!into.empty()) {
    auto bytes = stream.next(into.size());
    if (!bytes) return bytes.take_error();
    if (bytes->empty()) return false;
    std::copy(bytes->begin(), bytes->end(), into.begin());
    into = into.subspan(bytes->size());
  }
  return true;
}

Error no_flattened_stream(std::string_view why) {
  return error("standard input: not a flattened dump{}{}", why.empty() ? "" : ": ", why);
}

Result<void> take_header(StreamReader& stream) {
  std::array<std::byte, flattened::kHeaderBytes> header{};
  auto whole = take(stream, header);
  if (!whole && stop_requested()) return whole.take_error();
  if (!whole) return no_flattened_stream(whole.message());
  if (auto known =
          flattened::check_flat_header(std::span(header).first<flattened::kHeaderFieldBytes>());
      !known) {
    return no_flattened_stream(flattened::has_signature(header) ? known.message() : "");
  }
  if (!*whole) return error("standard input: ends within the header of the stream");
  return {};
}

Result<RecordHeader> take_record_header(StreamReader& stream) {
  const std::uint64_t at = stream.position();
  flattened::EncodedRecordHeader bytes{};
  auto whole = take(stream, bytes);
  if (!whole) return whole.take_error();
  if (!*whole)
    return error("standard input: ends at offset {:#x}, without an end record", stream.position());
  auto header = flattened::decode_record_header(bytes);
  if (!header) return header.take_error().context(fmt::format("standard input: offset {:#x}", at));
  return header;
}

// One record after the other up to the end record. `unwritten`: it is the file that stopped it.
Result<void> copy_records(StreamReader& stream, RecordHeader header, Rebuild& rebuild,
                          bool& unwritten) {
  while (!header.is_end()) {
    for (std::uint64_t done = 0; done < header.size;) {
      auto bytes = stream.next(static_cast<std::size_t>(
          std::min<std::uint64_t>(header.size - done, StreamReader::kBufferBytes)));
      if (!bytes) return bytes.take_error();
      if (bytes->empty()) {
        return error("standard input: ends at offset {:#x}, within a record", stream.position());
      }
      if (auto put = rebuild.put(header.offset + done, *bytes); !put) {
        unwritten = true;
        return put;
      }
      done += bytes->size();
    }
    auto next = take_record_header(stream);
    if (!next) return next.take_error();
    header = *next;
  }
  auto finished = rebuild.finish();
  unwritten = !finished;
  return finished;
}

// Makes the best of what arrived; the last line says what to do.
void keep_part(const File& file, bool unwritten, const Log& log) {
  auto marked = flattened::mark_incomplete(file);
  if (marked) {
    if (auto synced = file.sync(); !synced) marked = synced.take_error();
  }
  if (!marked) log.error(marked.message());
  const std::string_view what =
      marked && *marked ? "is incomplete and marked so; what was saved may still be analysed"
                        : "holds what arrived; it is too little to be opened";
  log.error(fmt::format(
      "{} {}{}", file.path(), what,
      unwritten ? "; make room or name another place, and send the stream once more" : ""));
}

}  // namespace

Result<int> run_rearrange(const Options& options, const Log& log) {
  const StopListener listener;
  const std::string& path = options.outputs.front();
  const File input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0), "standard input");
  if (!input.is_open()) return system_error(errno, input.path());
  if (same_file(input, path)) return error("{}: is the standard input too", path);
  StreamReader stream(input);
  if (auto taken = take_header(stream); !taken) return taken.take_error();
  // The first record is waited for, so that a stream of nothing leaves no file.
  auto first = take_record_header(stream);
  if (!first) return first.take_error();
  auto file = File::create_dump(path, options.overwrite);
  if (!file) return file.take_error();
  Rebuild rebuild(*file);
  bool unwritten = false;
  if (auto copied = copy_records(stream, *first, rebuild, unwritten); !copied) {
    log.error(copied.message());
    keep_part(*file, unwritten, log);
    return kExitFailed;
  }
  if (auto closed = file->close(); !closed) return closed.take_error();
  log.common("The dumpfile is saved to {}.", path);
  return kExitOk;
}

}  // namespace vmsift
