// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/open.h"

#include "src/flattened/format.h"
#include "src/input/elf_core.h"
#include "src/input/elf_headers.h"
#include "src/input/flattened_store.h"
#include "src/input/frame_format.h"
#include "src/input/framed_store.h"
#include "src/input/kdump_core.h"
#include "src/input/kdump_set.h"
#include "src/kdump/format.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <vector>

namespace vmsift {
namespace {

constexpr std::size_t kStartBytes = 16;

// What a dump may be wrapped in, from the outside to the inside; each at most once.
struct Wrapping {
  bool (*recognises)(std::span<const std::byte> start);
  Result<std::unique_ptr<ByteStore>> (*open)(std::unique_ptr<ByteStore> wrapped);
};
constexpr std::array<Wrapping, 2> kWrappings = {{
    {looks_framed, FramedStore::open},
    {flattened::has_signature, FlattenedStore::open},
}};

struct Format {
  bool (*recognises)(std::span<const std::byte> start);
  Result<std::unique_ptr<MemorySource>> (*open)(std::unique_ptr<ByteStore> file, ReadMode mode);
};
constexpr std::array<Format, 2> kFormats = {{
    {looks_like_elf, open_elf_core},
    {kdump::has_signature, open_kdump_core},
}};

struct Start {
  std::array<std::byte, kStartBytes> bytes{};
  std::size_t size = 0;
  [[nodiscard]] std::span<const std::byte> span() const { return std::span(bytes).first(size); }
};

Result<Start> start_of(const ByteStore& store) {
  Start start;
  auto got = store.read_at(0, start.bytes);
  if (!got) return got.take_error();
  start.size = *got;
  return start;
}

// A dump is read here and there, some of it more than once.
Result<void> check_seekable(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) return {};  // opening it says why
  // What a read of a directory fails with depends on its file system.
  if (S_ISDIR(st.st_mode)) return system_error(EISDIR, path);
  if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode)) return {};
  return error(
      "{}: a pipe cannot be read here and there; save it first: vmsift -R DUMPFILE takes a "
      "flattened dump from a pipe",
      path);
}

Error unknown(const std::string& path) {
  return error("{}: neither an ELF core nor a kdump-compressed dump", path);
}

}  // namespace

Result<std::unique_ptr<ByteStore>> open_store(const std::string& path) {
  if (auto seekable = check_seekable(path); !seekable) return seekable.take_error();
  auto file = File::open(path, O_RDONLY);
  if (!file) return file.take_error();
  auto store = PlainStore::open(std::move(*file));
  if (!store) return store.take_error();
  for (const Wrapping& wrapping : kWrappings) {
    auto start = start_of(**store);
    if (!start) return start.take_error();
    if (!wrapping.recognises(start->span())) continue;
    store = wrapping.open(std::move(*store));
    if (!store) return store.take_error();
  }
  return store;
}

Result<std::unique_ptr<MemorySource>> open_dump(const std::string& path, ReadMode mode) {
  auto store = open_store(path);
  if (!store) return store.take_error();
  auto start = start_of(**store);
  if (!start) return start.take_error();
  for (const Format& format : kFormats) {
    if (format.recognises(start->span())) return format.open(std::move(*store), mode);
  }
  return unknown(path);
}

Result<std::unique_ptr<MemorySource>> open_dump(std::span<const std::string> paths, ReadMode mode) {
  if (paths.size() == 1) return open_dump(paths.front(), mode);
  std::vector<std::unique_ptr<ByteStore>> members;
  for (const std::string& path : paths) {
    auto store = open_store(path);
    if (!store) return store.take_error();
    auto start = start_of(**store);
    if (!start) return start.take_error();
    if (!kdump::has_signature(start->span())) {
      return error("{}: no member of a split dump: not kdump-compressed", path);
    }
    members.push_back(std::move(*store));
  }
  return open_kdump_set(std::move(members), mode);
}

}  // namespace vmsift
