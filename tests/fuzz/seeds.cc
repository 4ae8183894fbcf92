// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/fuzz/targets.h"
#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/flat_builder.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/raw_kdump.h"

namespace vmsift::fuzz {
namespace {

constexpr std::string_view kNote =
    "OSRELEASE=6.1.0\nBUILD-ID=0123456789abcdef\nPAGESIZE=4096\nSYMBOL(init_uts_ns)="
    "ffffffff82a1a000\n"
    "SYMBOL(swapper_pg_dir)=ffffffff82a10000\nSYMBOL(_stext)=ffffffff81000000\nSIZE(page)=64\n"
    "OFFSET(page.flags)=0\nOFFSET(page._refcount)=52\nOFFSET(page._mapcount)=48\n"
    "OFFSET(page.mapping)=24\nOFFSET(page.private)=40\nOFFSET(page.compound_head)=8\n"
    "OFFSET(page.lru)=8\nNUMBER(PG_lru)=4\nNUMBER(PG_private)=12\nNUMBER(PG_swapcache)=10\n"
    "NUMBER(PG_slab)=9\nNUMBER(PG_hwpoison)=23\nNUMBER(PG_head_mask)=65536\n"
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n"
    "NUMBER(phys_base)=0x1000000\nLENGTH(mem_section)=2048\nKERNELOFFSET=0\nCRASHTIME=1700000000\n";

// Two pages that shrink, one that does not, and a page of zeros.
std::map<Pfn, std::optional<test::Bytes>> few_pages() {
  return {{1, test::words(4096, 1)},
          {2, test::noise(4096, 2)},
          {3, test::zeros(4096)},
          {9, test::words(4096, 9)}};
}

test::RawKdump raw_kdump(test::Flavour flavour, ByteOrder order, std::uint32_t version) {
  test::RawKdump raw{.flavour = flavour, .order = order, .version = version};
  raw.codec = find_codec_by_name("zlib");
  for (const auto& [pfn, bytes] : few_pages()) raw.pages[pfn] = *bytes;
  return raw;
}

}  // namespace

std::vector<std::vector<std::byte>> elf_core_seeds() {
  std::vector<std::vector<std::byte>> seeds;
  for (const test::ElfLayout& layout :
       {test::ElfLayout{}, test::ElfLayout{.order = ByteOrder::big, .program_headers_last = true},
        test::ElfLayout{.section_headers_first = true, .extended_count = true},
        test::ElfLayout{.elf32 = true}}) {
    test::ElfBuilder elf(layout);
    elf.notes(test::elf_note("CORE", NT_PRSTATUS, test::noise(32, 1), layout.order));
    elf.notes(test::elf_note("VMCOREINFO", 0, test::text_bytes(kNote.substr(0, 40)), layout.order));
    elf.part({.paddr = 0x1000, .data = test::words(4096, 1)});
    elf.part({.paddr = 0x2000, .data = test::words(4096, 2), .memsz = 0x3000, .gap = 5});
    elf.part({.paddr = 0x1800, .data = test::words(100, 3)});
    seeds.push_back(elf.build());
  }
  return seeds;
}

std::vector<std::vector<std::byte>> kdump_core_seeds() {
  std::vector<std::vector<std::byte>> seeds;
  const test::TempDir dir;
  for (const Codec* codec : all_codecs()) {
    test::KdumpSpec spec;
    spec.codec = codec;
    spec.pages = few_pages();
    spec.order = seeds.size() % 2 == 0 ? ByteOrder::little : ByteOrder::big;
    spec.notes = test::elf_note("VMCOREINFO", 0, test::text_bytes(kNote.substr(0, 40)), spec.order);
    spec.vmcoreinfo_at = 24;
    spec.vmcoreinfo_size = 40;
    test::write_kdump(dir.file("dump"), spec);
    seeds.push_back(test::read_file(dir.file("dump")));
  }
  for (const test::Flavour flavour : test::kFlavours) {
    for (const std::uint32_t version : {1U, 3U, 5U, 6U}) {
      const auto order = version % 2 == 0 ? ByteOrder::big : ByteOrder::little;
      seeds.push_back(raw_kdump(flavour, order, version).build());
    }
  }
  return seeds;
}

std::vector<std::vector<std::byte>> kdump_set_seeds() {
  std::vector<std::vector<std::byte>> seeds;
  for (const test::Flavour flavour : test::kFlavours) {
    std::vector<std::byte> seed(4);
    for (const PfnRange range : {PfnRange{2, 10}, PfnRange{0, 2}}) {
      test::RawKdump raw = raw_kdump(flavour, ByteOrder::little, 6);
      raw.split = range;
      const test::Bytes member = raw.build();
      if (seed.size() == 4) test::poke(seed, 0, static_cast<std::uint32_t>(member.size()));
      test::append(seed, member);
    }
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

std::vector<std::vector<std::byte>> vmcoreinfo_seeds() {
  return {test::text_bytes(kNote), test::text_bytes("OSRELEASE=5.10.0\nNUMBER(x)=0x1\n")};
}

// A core in order; one whose headers come last; one that is written over.
std::vector<std::vector<std::byte>> flattened_seeds() {
  const test::Bytes core = elf_core_seeds().front();
  test::FlatBuilder late;
  late.record(200, test::Bytes(core.begin() + 200, core.end()));
  late.record(0, test::Bytes(core.begin(), core.begin() + 200)).end();
  test::FlatBuilder twice;
  twice.dump(test::noise(core.size(), 1), 900).dump(core, 700).end();
  return {test::FlatBuilder().dump(core, 300).end().bytes(), late.bytes(), twice.bytes()};
}

std::vector<std::vector<std::byte>> framed_seeds() {
  std::vector<std::vector<std::byte>> seeds;
  for (const bool with_size : {true, false}) {
    test::Bytes file = test::zstd_frame(test::words(300, 1), with_size);
    test::append(file, test::lz4_frame(test::words(500, 2), with_size));
    test::append(file, test::skippable_frame(9));
    test::append(file, test::zstd_frame(test::noise(40, 3), with_size, false));
    test::append(file, test::lz4_frame(test::noise(40, 4), with_size, false));
    test::append(file, test::zstd_frame(test::zeros(200'000), with_size));
    seeds.push_back(file);
  }
  return seeds;
}

}  // namespace vmsift::fuzz
