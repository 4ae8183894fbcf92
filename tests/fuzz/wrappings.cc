// SPDX-License-Identifier: GPL-2.0-or-later
// What a dump may be wrapped in: flattened streams and frames of zstd and LZ4, read here and there
// and from their beginning to their end.
#include "src/input/elf_core.h"
#include "src/input/flattened_store.h"
#include "src/input/framed_store.h"
#include "src/input/stream_reader.h"
#include "tests/fuzz/read_dump.h"
#include "tests/fuzz/targets.h"

namespace vmsift::fuzz {
namespace {

// Some of it in several places; headers may claim any size.
void read_store(const ByteStore& store) {
  std::vector<std::byte> some(5000);
  const std::uint64_t size = store.size();
  for (const std::uint64_t at :
       {std::uint64_t{0}, size / 3, size / 2, size - std::min<std::uint64_t>(size, some.size()),
        size, ~std::uint64_t{0}}) {
    const auto got = store.read_at(at, some);
    if (got) require(*got == (at >= size ? 0 : std::min<std::uint64_t>(some.size(), size - at)));
    if (const auto piece = store.piece_at(at)) {
      require(piece->begin <= at && at < piece->end && piece->end <= size);
    }
    require(store.next_data(at) >= at || at > size);
  }
  require(store.truncated() == !store.warnings().empty());
}

}  // namespace

void fuzz_flattened(Input input) {
  auto store = FlattenedStore::open(file_of(input));
  if (!store) {
    require(!store.message().empty());
    return;
  }
  read_store(**store);
  const auto core = open_elf_core(std::move(*store), ReadMode::map);
  if (core) read_dump(**core);
}

void fuzz_framed(Input input) {
  auto store = FramedStore::open(file_of(input));
  if (store) read_store(**store);
  if (!store) require(!store.message().empty());

  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  require(fd >= 0);
  const File file(fd, "fuzz");
  require(file.write_at(0, input).ok());
  StreamReader stream(file);
  constexpr std::uint64_t kEnough = 8U << 20;  // a frame may claim to hold any amount
  while (stream.position() < kEnough) {
    const auto bytes = stream.next(10'000);
    if (!bytes || bytes->empty()) break;
  }
}

}  // namespace vmsift::fuzz
