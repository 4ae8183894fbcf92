// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/open.h"

#include "src/input/elf_core.h"
#include "src/input/elf_headers.h"
#include "src/input/kdump_core.h"
#include "src/kdump/format.h"

#include <fcntl.h>

#include <array>

namespace vmsift {
namespace {

struct Format {
  bool (*recognises)(std::span<const std::byte> start);
  Result<std::unique_ptr<MemorySource>> (*open)(std::unique_ptr<ByteStore> file, ReadMode mode);
};

constexpr std::array<Format, 2> kFormats = {{
    {looks_like_elf, open_elf_core},
    {kdump::has_signature, open_kdump_core},
}};

}  // namespace

Result<std::unique_ptr<MemorySource>> open_dump(const std::string& path, ReadMode mode) {
  auto file = File::open(path, O_RDONLY);
  if (!file) return file.take_error();
  auto store = PlainStore::open(std::move(*file));
  if (!store) return store.take_error();
  std::array<std::byte, 16> start{};
  auto got = (*store)->read_at(0, start);
  if (!got) return got.take_error();
  const auto bytes = std::span<const std::byte>(start).first(*got);
  for (const Format& format : kFormats) {
    if (format.recognises(bytes)) return format.open(std::move(*store), mode);
  }
  return error("{}: neither an ELF core nor a kdump-compressed dump", path);
}

}  // namespace vmsift
