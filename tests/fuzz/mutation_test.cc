// SPDX-License-Identifier: GPL-2.0-or-later
// The fuzz targets on mutated seeds, the same ones in every run.
#include "tests/fuzz/targets.h"
#include "tests/unit/support/test_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace vmsift::fuzz {
namespace {

using test::Bytes;
using test::Random;

// Where counts, sizes and offsets stand; most edits go there and the rest anywhere.
struct Field {
  std::size_t begin;
  std::size_t end;
};

void put_number(Bytes& bytes, std::size_t at, Random& random) {
  constexpr std::array<std::uint64_t, 16> kNumbers = {
      0,          1,          2,          0xff,       0xffff,
      0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 20, 1ULL << 40,
      1ULL << 59, 1ULL << 62, 1ULL << 63, ~0ULL,      ~0ULL - 4095,
      4096};
  std::uint64_t value = kNumbers[random.below(kNumbers.size())];
  if (random.below(4) == 0) value = bytes.size() + random.below(9) - 4;
  if (random.below(8) == 0) value = random.next();
  const std::size_t width = std::size_t{1} << random.below(4);
  const bool big = random.below(2) != 0;
  for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i) {
    bytes[at + i] = static_cast<std::byte>(value >> (8 * (big ? width - 1 - i : i)));
  }
}

void mutate(Bytes& bytes, std::span<const Field> fields, Random& random) {
  for (auto edits = 1 + random.below(5); edits != 0 && !bytes.empty(); --edits) {
    std::size_t at = random.below(bytes.size());
    if (!fields.empty() && random.below(4) != 0) {
      const Field& f = fields[random.below(fields.size())];
      at = f.begin + random.below(f.end - f.begin);
      if (random.below(2) != 0) at &= ~std::size_t{3};
    }
    if (at >= bytes.size()) continue;
    switch (random.below(8)) {
      case 0:
        bytes[at] ^= static_cast<std::byte>(1U << random.below(8));
        break;
      case 1:
        bytes[at] = static_cast<std::byte>(random.next());
        break;
      case 2:
        if (random.below(4) == 0) bytes.resize(at);
        break;
      case 3: {  // a piece of the input somewhere else
        const auto from = static_cast<std::size_t>(random.below(bytes.size()));
        const std::size_t n = std::min({static_cast<std::size_t>(1 + random.below(64)),
                                        bytes.size() - from, bytes.size() - at});
        std::copy_n(Bytes(bytes).begin() + static_cast<std::ptrdiff_t>(from), n,
                    bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      }
      default:
        put_number(bytes, at, random);
    }
  }
}

void run(void (*target)(Input), const std::vector<Bytes>& seeds, std::span<const Field> fields,
         int rounds) {
  for (const Bytes& seed : seeds) target(seed);
  target({});
  Random random(20240229);
  for (int i = 0; i < rounds; ++i) {
    Bytes input = seeds[static_cast<std::size_t>(i) % seeds.size()];
    mutate(input, fields, random);
    target(input);
  }
}

TEST(Mutations, ElfCore) {
  constexpr std::array<Field, 3> kFields = {{{0, 64}, {64, 64 + 5 * 56 + 64}, {340, 520}}};
  run(fuzz_elf_core, elf_core_seeds(), kFields, 6000);
}

TEST(Mutations, KdumpCore) {
  constexpr std::array<Field, 6> kFields = {
      {{8, 12}, {404, 464}, {4096, 4200}, {8192, 8194}, {12288, 12290}, {16384, 16384 + 4 * 24}}};
  run(fuzz_kdump_core, kdump_core_seeds(), kFields, 8000);
}

TEST(Mutations, KdumpSet) {
  constexpr std::array<Field, 4> kFields = {
      {{4100 + 4, 4100 + 104}, {16388, 16388 + 3 * 24}, {0, 4}, {4 + 404, 4 + 464}}};
  run(fuzz_kdump_set, kdump_set_seeds(), kFields, 4000);
}

// Headers of the first records, and the core within them.
TEST(Mutations, Flattened) {
  constexpr std::array<Field, 4> kFields = {
      {{0, 32}, {4096, 4112}, {4112, 4112 + 300}, {4412, 4412 + 16}}};
  run(fuzz_flattened, flattened_seeds(), kFields, 4000);
}

TEST(Mutations, Framed) {
  run(fuzz_framed, framed_seeds(), {}, 4000);
}

TEST(Mutations, Vmcoreinfo) {
  run(fuzz_vmcoreinfo, vmcoreinfo_seeds(), {}, 3000);
}

TEST(Mutations, PrintkLog) {
  // The note; behind it variables, the ring's header, and the first records, descriptors or infos.
  constexpr std::array<Field, 5> kFields = {{{0, 1100},
                                             {2048 + 0x100, 2048 + 0x240},
                                             {2048 + 0x1000, 2048 + 0x1060},
                                             {2048 + 0x2000, 2048 + 0x2200},
                                             {2048 + 0x4000, 2048 + 0x4560}}};
  run(fuzz_printk_log, printk_log_seeds(), kFields, 4000);
}

TEST(Mutations, FreeLists) {
  // The note; the node's first zones and numbers; the struct pages that are linked.
  constexpr std::array<Field, 3> kFields = {
      {{0, 1100}, {2048, 2048 + 1280}, {2048 + 0x1000, 2048 + 0x1000 + 0x3000}}};
  run(fuzz_free_lists, free_lists_seeds(), kFields, 4000);
}

TEST(Mutations, Btf) {
  constexpr std::array<Field, 2> kFields = {{{0, 32}, {24, 600}}};  // header, types
  run(fuzz_btf, btf_seeds(), kFields, 6000);
}

TEST(Mutations, KernelTypes) {
  // Tokens, their index, names, addresses; the number of symbols and the base; BTF.
  constexpr std::array<Field, 6> kFields = {{{0x10000, 0x10200},
                                             {0x11000, 0x11200},
                                             {0x12000, 0x12120},
                                             {0x30000, 0x30018},
                                             {0x3f000, 0x3f018},
                                             {0x40004, 0x40300}}};
  run(fuzz_kernel_types, kernel_types_seeds(), kFields, 1000);
}

}  // namespace
}  // namespace vmsift::fuzz
