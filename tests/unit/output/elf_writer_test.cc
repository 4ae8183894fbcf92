// SPDX-License-Identifier: GPL-2.0-or-later
// ELF cores that were written are opened again: each page is what it was, also where the writer
// was stopped in the middle.
#include "src/output/elf_writer.h"

#include "tests/unit/output/output_fixture.h"
#include "tests/unit/support/elf_builder.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace vmsift {
namespace {

using test::Bytes;
using test::HowToPut;
using test::Kind;
using test::Machine;
using test::peek;
using test::put_machine;
using test::Random;

constexpr std::size_t kPage = Machine::kPage;

// Headers as they stand in the file, read by hand.
struct Header {
  std::uint32_t type;
  std::uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct Parsed {
  std::vector<Header> headers;
  std::uint32_t flags = 0;
  std::uint16_t phnum = 0;
  [[nodiscard]] std::vector<Header> loads() const {
    std::vector<Header> found;
    for (const Header& h : headers) {
      if (h.type == PT_LOAD) found.push_back(h);
    }
    return found;
  }
};

Parsed parse(const Bytes& file, const ElfSpec& spec) {
  const test::ElfShape& s = spec.is_64bit ? test::kElf64Shape : test::kElf32Shape;
  const auto word = [&](std::size_t at) {
    return spec.is_64bit ? peek<std::uint64_t>(file, at, spec.order)
                         : peek<std::uint32_t>(file, at, spec.order);
  };
  Parsed parsed;
  parsed.flags = peek<std::uint32_t>(file, s.flags, spec.order);
  parsed.phnum = peek<std::uint16_t>(file, s.phnum, spec.order);
  std::uint64_t count = parsed.phnum;
  const auto shnum = peek<std::uint16_t>(file, s.shnum, spec.order);
  EXPECT_EQ(shnum, count == PN_XNUM ? 1 : 0);
  if (count == PN_XNUM) {
    count = peek<std::uint32_t>(file, word(s.shoff) + s.sh_info, spec.order);
  }
  EXPECT_EQ(peek<std::uint16_t>(file, s.phentsize, spec.order), s.phdr);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t at = word(s.phoff) + i * s.phdr;
    parsed.headers.push_back({peek<std::uint32_t>(file, at, spec.order), word(at + s.p_offset),
                              word(at + s.p_vaddr), word(at + s.p_paddr), word(at + s.p_filesz),
                              word(at + s.p_memsz)});
  }
  return parsed;
}

class ElfWriterTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("core"); }

  [[nodiscard]] std::unique_ptr<ElfWriter> writer(const Machine& machine, const ElfSpec& spec,
                                                  std::uint64_t limit = ByteSink::kNoLimit) const {
    auto sink = FileSink::create(path(), true, limit);
    EXPECT_TRUE(sink);
    return std::make_unique<ElfWriter>(std::move(*sink), spec, machine.source);
  }
  [[nodiscard]] std::string write(const Machine& machine, const ElfSpec& spec,
                                  const HowToPut& how = {}) const {
    return put_machine(*writer(machine, spec), machine, how);
  }

  // What the core tells of each page. Where it was cut short pages may be missing, but never wrong.
  void expect_pages(const Machine& machine, const ElfSpec& spec, bool whole) const {
    auto opened = open_dump(path(), ReadMode::map);
    ASSERT_TRUE(opened) << opened.message();
    const MemorySource& core = **opened;
    EXPECT_EQ(core.info().incomplete, !whole);
    for (const std::string& w : core.info().warnings) {
      EXPECT_EQ(w.find("truncated"), std::string::npos) << "a header points beyond the file: " << w;
    }
    const auto memory = test::stored_pages(core, false);
    const auto data = test::stored_pages(core);
    const std::set<Pfn> exists(memory.begin(), memory.end());
    const std::set<Pfn> stored(data.begin(), data.end());
    for (const Pfn pfn : memory) ASSERT_TRUE(machine.source.has(pfn)) << pfn;
    for (Pfn pfn = 0; pfn < machine.source.info().max_pfn && whole; ++pfn) {
      const auto kept = machine.kept.find(pfn);
      const bool gone = kept != machine.kept.end() && kept->second == Kind::lost;
      ASSERT_EQ(exists.count(pfn) != 0, machine.source.has(pfn) && !gone) << pfn;
    }
    const auto pages = test::read_all(core).pages;
    for (const Pfn pfn : memory) {
      const auto kept = machine.kept.find(pfn);
      if (kept == machine.kept.end()) {
        ASSERT_FALSE(stored.count(pfn)) << pfn << " was dropped";
        continue;
      }
      ASSERT_NE(kept->second, Kind::lost) << pfn;
      // Zeros may have no data, when they are left out.
      if (!stored.count(pfn)) {
        ASSERT_TRUE(kept->second == Kind::zero && spec.leave_out_zeros) << pfn;
        continue;
      }
      ASSERT_TRUE(pages.at(pfn)) << pfn;
      ASSERT_EQ(*pages.at(pfn), machine.bytes(pfn)) << pfn;
    }
  }
  // No header may tell of bytes that are not there.
  void expect_sound_headers(const ElfSpec& spec) const {
    const Bytes file = test::read_file(path());
    for (const Header& h : parse(file, spec).headers) {
      ASSERT_LE(h.filesz, file.size());
      ASSERT_LE(h.offset, file.size() - h.filesz);
      if (h.type == PT_LOAD) {
        ASSERT_LE(h.filesz, h.memsz);
        ASSERT_NE(h.memsz, 0U);
        ASSERT_EQ(h.filesz % kPage, 0U);
        ASSERT_EQ(h.memsz % kPage, 0U);
      }
    }
  }

  test::TempDir dir_;
};

struct Shape {
  bool is_64bit;
  ByteOrder order;
};
constexpr Shape kShapes[] = {{true, ByteOrder::little},
                             {true, ByteOrder::big},
                             {false, ByteOrder::little},
                             {false, ByteOrder::big}};

ElfSpec spec_of(const Shape& shape, bool leave_out_zeros = true) {
  ElfSpec spec;
  spec.is_64bit = shape.is_64bit;
  spec.order = shape.order;
  spec.machine = shape.is_64bit ? EM_X86_64 : EM_386;
  spec.leave_out_zeros = leave_out_zeros;
  return spec;
}

TEST_F(ElfWriterTest, PagesComeBack) {
  for (const Shape& shape : kShapes) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const Machine machine = Machine::random(seed, 1200);
      const ElfSpec spec = spec_of(shape, seed % 2 == 0);
      HowToPut how;
      how.batch = 1 + seed * 31;
      ASSERT_EQ(write(machine, spec, how), "");
      ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, true)) << seed;
      ASSERT_NO_FATAL_FAILURE(expect_sound_headers(spec));
    }
  }
}

TEST_F(ElfWriterTest, NotesFlagsAndMachineAreTheInputs) {
  for (const Shape& shape : kShapes) {
    const Machine machine = Machine::random(5, 500, false);
    Bytes notes = test::elf_note("CORE", NT_PRSTATUS, test::noise(336, 1), shape.order);
    test::append(notes,
                 test::elf_note("VMCOREINFO", 0, test::text_bytes("OSRELEASE=6.1\n"), shape.order));
    test::append(notes, test::elf_note("OTHER", 77, test::noise(5001, 2), shape.order));
    ElfSpec spec = spec_of(shape);
    spec.notes = notes;
    spec.flags = 0x50001002;  // of MIPS, say
    spec.os_abi = 9;
    ASSERT_EQ(write(machine, spec), "");
    auto core = open_dump(path(), ReadMode::map);
    ASSERT_TRUE(core) << core.message();
    EXPECT_EQ((*core)->info().notes, notes);
    EXPECT_EQ((*core)->info().vmcoreinfo, "OSRELEASE=6.1\n");
    EXPECT_EQ((*core)->info().cpus, 1U);
    EXPECT_EQ((*core)->info().machine, spec.machine);
    EXPECT_EQ((*core)->info().elf_flags, 0x50001002U);
    EXPECT_EQ((*core)->info().elf_os_abi, 9U);
    const Parsed parsed = parse(test::read_file(path()), spec);
    EXPECT_EQ(parsed.headers.front().type, PT_NOTE);
    EXPECT_EQ(parsed.headers.front().filesz, notes.size());
  }
}

TEST_F(ElfWriterTest, TheMarkIsThereUntilTheEnd) {
  const Machine machine = Machine::random(3, 500, false);
  for (const bool complete : {true, false}) {
    ElfSpec spec = spec_of(kShapes[0]);
    spec.flags = 0x10;
    const auto core = writer(machine, spec);
    ASSERT_TRUE(core->begin_pages());  // as for a machine of which nothing is kept
    EXPECT_EQ(parse(test::read_file(path()), spec).flags, 0x11U);
    ASSERT_TRUE(core->finish(complete));
    EXPECT_EQ(parse(test::read_file(path()), spec).flags, complete ? 0x10U : 0x11U);
  }
  // An input's own mark does not stay.
  ElfSpec spec = spec_of(kShapes[0]);
  spec.flags = 1;
  ASSERT_EQ(write(machine, spec), "");
  EXPECT_EQ(parse(test::read_file(path()), spec).flags, 0U);
}

TEST_F(ElfWriterTest, MoreHeadersThanAHalfWordCounts) {
  constexpr Pfn kRuns = 66000;
  Machine machine(2 * kRuns + 3);
  for (Pfn i = 0; i < kRuns; ++i) machine.source.add(2 * i + 3);
  for (const Pfn pfn : {Pfn{3}, Pfn{65535 * 2 - 1}, Pfn{2 * kRuns + 1}}) {
    machine.kept[pfn] = Kind::words;
  }
  for (const Shape& shape : kShapes) {
    const ElfSpec spec = spec_of(shape);
    ASSERT_EQ(write(machine, spec), "");
    const Parsed parsed = parse(test::read_file(path()), spec);
    EXPECT_EQ(parsed.phnum, PN_XNUM);
    EXPECT_EQ(parsed.headers.size(), kRuns + 1);
    ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, true));
  }
}

// One header less than the least that needs PN_XNUM, that, and one more.
TEST_F(ElfWriterTest, CountsAroundTheLargestHalfWord) {
  for (const Pfn runs : {PN_XNUM - 2, PN_XNUM - 1, PN_XNUM}) {
    Machine machine(2 * runs);
    for (Pfn i = 0; i < runs; ++i) machine.source.add(2 * i);
    const ElfSpec spec = spec_of(kShapes[0]);
    ASSERT_EQ(write(machine, spec), "");
    const Parsed parsed = parse(test::read_file(path()), spec);
    EXPECT_EQ(parsed.phnum, std::min<Pfn>(runs + 1, PN_XNUM));
    EXPECT_EQ(parsed.headers.size(), runs + 1);
  }
}

TEST_F(ElfWriterTest, LevelsThatKeepZerosHaveTheirBytes) {
  Machine machine(100);
  machine.source.add(0, 100);
  for (Pfn pfn = 20; pfn < 90; ++pfn) machine.kept[pfn] = pfn % 30 < 2 ? Kind::noise : Kind::zero;
  const ElfSpec spec = spec_of(kShapes[0], false);
  ASSERT_EQ(write(machine, spec), "");
  auto core = open_dump(path(), ReadMode::map);
  ASSERT_TRUE(core);
  EXPECT_EQ(test::stored_pages(**core).size(), 70U) << "none was left out";
  ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, true));
  ASSERT_NO_FATAL_FAILURE(expect_sound_headers(spec));
}

TEST_F(ElfWriterTest, ASingleLoadIsSplitWhereItsFileEnds) {
  Machine machine(100);
  machine.source.add(10, 100);
  for (Pfn pfn = 10; pfn < 30; ++pfn) machine.kept[pfn] = Kind::words;
  ElfSpec spec = spec_of(kShapes[0]);
  spec.direct_map = 0xffff888000000000;
  ASSERT_EQ(write(machine, spec), "");
  const auto loads = parse(test::read_file(path()), spec).loads();
  ASSERT_EQ(loads.size(), 2U);
  EXPECT_EQ(loads[0].paddr, 10 * kPage);
  EXPECT_EQ(loads[0].filesz, 20 * kPage);
  EXPECT_EQ(loads[0].memsz, 20 * kPage);
  EXPECT_EQ(loads[1].paddr, 30 * kPage);
  EXPECT_EQ(loads[1].vaddr, 0xffff888000000000 + 30 * kPage);
  EXPECT_EQ(loads[1].filesz, 0U);
  EXPECT_EQ(loads[1].memsz, 70 * kPage);
  expect_pages(machine, spec, true);
  // With nothing behind, one is enough.
  for (Pfn pfn = 30; pfn < 100; ++pfn) machine.kept[pfn] = Kind::words;
  ASSERT_EQ(write(machine, spec), "");
  EXPECT_EQ(parse(test::read_file(path()), spec).loads().size(), 1U);
}

TEST_F(ElfWriterTest, VirtualAddressesAreTheDirectMaps) {
  const Machine machine = Machine::random(8, 2000, false);
  for (const bool is_64bit : {true, false}) {
    ElfSpec spec = spec_of({is_64bit, ByteOrder::little});
    ASSERT_EQ(write(machine, spec), "");
    for (const Header& h : parse(test::read_file(path()), spec).loads()) EXPECT_EQ(h.vaddr, 0U);
    spec.direct_map = is_64bit ? 0xffff888000000000 : 0xffc00000;  // 4 MiB are left of 4 GiB
    ASSERT_EQ(write(machine, spec), "");
    for (const Header& h : parse(test::read_file(path()), spec).loads()) {
      const bool fits = is_64bit || h.paddr + h.memsz <= 0x400000;
      if (h.paddr + h.memsz == 0x400000) continue;
      EXPECT_EQ(h.vaddr, fits ? *spec.direct_map + h.paddr : 0) << h.paddr;
    }
  }
}

// i386 with PAE and arm with LPAE have ELF64 cores, and addresses of 32 bits in them.
TEST_F(ElfWriterTest, VirtualAddressesOfA32BitKernelInAnElf64) {
  const Machine machine = Machine::random(8, 2000, false);
  ElfSpec spec = spec_of({true, ByteOrder::little});
  spec.word_bytes = 4;
  for (const std::uint64_t direct_map : {0xffc00000ULL, 0ULL - 0x100000}) {
    spec.direct_map = direct_map;
    ASSERT_EQ(write(machine, spec), "");
    bool some = false;
    for (const Header& h : parse(test::read_file(path()), spec).loads()) {
      const std::uint64_t vaddr = direct_map + h.paddr;
      const bool fits = vaddr >> 32 == 0 && (vaddr + h.memsz) >> 32 == 0;
      EXPECT_EQ(h.vaddr, fits ? vaddr : 0);
      some |= h.vaddr != 0;
    }
    EXPECT_TRUE(some);
  }
}

TEST_F(ElfWriterTest, OtherMappingsShareTheDataOfTheirPages) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const Machine machine = Machine::random(seed, 3000);
    ElfSpec spec = spec_of(kShapes[seed % 4]);
    const std::uint64_t base = spec.is_64bit ? 0xffffffff80000000 : 0xc0000000;
    const Pfn begin = random.below(2500);
    const std::uint64_t size = (1 + random.below(1000)) * kPage;
    spec.other_maps = {{{base}, {begin * kPage}, size}};
    ASSERT_EQ(write(machine, spec), "");
    ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, true));
    ASSERT_NO_FATAL_FAILURE(expect_sound_headers(spec));
    std::map<std::uint64_t, std::optional<std::uint64_t>> first;  // paddr: place in the file
    std::map<std::uint64_t, std::optional<std::uint64_t>> other;
    for (const Header& h : parse(test::read_file(path()), spec).loads()) {
      auto& pages = h.vaddr == 0 ? first : other;
      for (std::uint64_t at = 0; at < h.memsz; at += kPage) {
        if (h.vaddr != 0) {
          ASSERT_EQ(h.vaddr + at, base + h.paddr + at - begin * kPage);
        }
        pages[h.paddr + at] = at < h.filesz ? std::optional(h.offset + at) : std::nullopt;
      }
    }
    for (const auto& [paddr, place] : first) {
      const bool mapped = paddr >= begin * kPage && paddr < begin * kPage + size;
      ASSERT_EQ(other.count(paddr) != 0, mapped) << paddr;
      if (mapped) {
        ASSERT_EQ(other[paddr], place) << paddr;
      }
    }
    for (const auto& [paddr, place] : other) ASSERT_TRUE(first.count(paddr)) << paddr;
  }
}

TEST_F(ElfWriterTest, MemoryThat32BitsCannotSayMakesAnElf64) {
  Machine machine((Pfn{5} << 30) / kPage);
  machine.source.add(100, 200);
  machine.source.add((Pfn{4} << 30) / kPage + 7, (Pfn{4} << 30) / kPage + 9);
  machine.kept[150] = Kind::words;
  machine.kept[(Pfn{4} << 30) / kPage + 8] = Kind::noise;
  ElfSpec spec = spec_of({false, ByteOrder::little});
  ASSERT_EQ(write(machine, spec), "");
  EXPECT_EQ(test::read_file(path())[EI_CLASS], std::byte{ELFCLASS64});
  ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, true));
}

TEST_F(ElfWriterTest, NothingKept) {
  Machine machine(100);
  machine.source.add(10, 20);
  for (const Shape& shape : kShapes) {
    const ElfSpec spec = spec_of(shape);
    ASSERT_EQ(write(machine, spec), "");
    expect_pages(machine, spec, true);
  }
}

// Copying that ended early: what was not come to is not told as left out.
TEST_F(ElfWriterTest, WhatWasNotPutIsMissingAndNotZeros) {
  const Machine machine = Machine::random(4, 4000);
  for (const std::size_t batches : {0U, 1U, 5U}) {
    const ElfSpec spec = spec_of(kShapes[0]);
    HowToPut how;
    how.batch = 50;
    how.stop_after = batches;
    ASSERT_EQ(write(machine, spec, how), "");
    Pfn last = 0;
    auto it = machine.kept.begin();
    for (std::size_t i = 0; i < batches * 50; ++i) last = (it++)->first;
    for (const Header& h : parse(test::read_file(path()), spec).loads()) {
      EXPECT_LE(h.paddr + h.memsz, (last + 1) * kPage);
    }
    if (batches != 0) {
      ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, false));
    }
  }
}

TEST_F(ElfWriterTest, ALimitAtAnyPlaceLeavesASoundCore) {
  for (const bool zeros : {true, false}) {
    const Machine machine = Machine::random(9, 2500);
    const ElfSpec spec = spec_of(kShapes[0], zeros);
    ASSERT_EQ(write(machine, spec), "");
    const std::uint64_t whole = std::filesystem::file_size(path());
    Random random(1);
    std::size_t pages_before = 0;
    std::uint64_t limit = 0;
    for (int i = 0; i < 120; ++i) {
      limit += 1 + random.below(whole / 60);
      if (limit > whole + 100000) break;
      const auto core = writer(machine, spec, limit);
      const std::string failure = put_machine(*core, machine);
      ASSERT_EQ(failure.empty(), limit >= whole) << limit << " " << failure;
      ASSERT_LE(std::filesystem::file_size(path()), limit);
      ASSERT_EQ(core->sink().out_of_space(), limit < whole);
      if (std::filesystem::file_size(path()) < ElfWriter::kHeaderAlignment) continue;
      ASSERT_NO_FATAL_FAILURE(expect_sound_headers(spec)) << limit;
      auto opened = open_dump(path(), ReadMode::map);
      if (!opened) {  // no page fitted
        ASSERT_NE(opened.message().find("no PT_LOAD"), std::string::npos) << opened.message();
        continue;
      }
      ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, limit >= whole)) << limit;
      const std::size_t pages = test::stored_pages(**opened).size();
      ASSERT_GE(pages, pages_before) << "more room holds no less";
      pages_before = pages;
    }
    EXPECT_GT(pages_before, 500U);
  }
}

// A file whose writes fail from one on, once or for good.
class FailingSink : public ByteSink {
 public:
  FailingSink(std::unique_ptr<FileSink> file, std::size_t good, bool for_good)
      : ByteSink(kNoLimit), file_(std::move(file)), good_(good), for_good_(for_good) {}

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  Written write_some(std::uint64_t offset, std::span<const std::byte> bytes) override {
    if (!fails()) return file_->write_some(offset, bytes);
    auto part = file_->write_some(offset, bytes.first(bytes.size() / 2));  // torn
    return {part.bytes, error("{}: no more", name())};
  }
  Result<void> write_zeros(std::uint64_t offset, std::uint64_t bytes) override {
    if (fails()) return error("{}: no more", name());
    return file_->write_zeros(offset, bytes);
  }
  Result<void> write_provisional(std::uint64_t offset, std::span<const std::byte> bytes) override {
    return write_at(offset, bytes);
  }
  Result<void> set_least_size(std::uint64_t bytes) override {
    if (fails()) return error("{}: no more", name());
    return file_->set_least_size(bytes);
  }
  Result<void> sync() override {
    if (fails()) return error("{}: no more", name());
    return file_->sync();
  }
  Result<void> finish() override { return file_->finish(); }
  [[nodiscard]] std::uint64_t output_bytes() const override { return file_->output_bytes(); }

 private:
  bool fails() { return calls_++ == good_ || (for_good_ && calls_ > good_); }

  std::unique_ptr<FileSink> file_;
  std::size_t good_;
  bool for_good_;
  std::size_t calls_ = 0;
};

TEST_F(ElfWriterTest, AFailureOfAnyWriteLeavesASoundCore) {
  const Machine machine = Machine::random(12, 1200);
  for (const bool for_good : {true, false}) {
    for (const bool zeros : {true, false}) {
      const ElfSpec spec = spec_of(kShapes[0], zeros);
      std::string failure = "none yet";
      bool had_pages = false;
      for (std::size_t good = 0; !failure.empty(); ++good) {
        auto sink = FileSink::create(path(), true, ByteSink::kNoLimit);
        ASSERT_TRUE(sink);
        ElfWriter core(std::make_unique<FailingSink>(std::move(*sink), good, for_good), spec,
                       machine.source);
        HowToPut how;
        how.batch = 40;
        failure = put_machine(core, machine, how);
        auto opened = open_dump(path(), ReadMode::map);
        if (!opened) continue;  // it failed while the headers were begun
        had_pages = true;
        ASSERT_NO_FATAL_FAILURE(expect_sound_headers(spec)) << good;
        // When the last write of all failed the mark is gone already, with all that is to be there.
        if (!failure.empty() && !(*opened)->info().incomplete) {
          ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, true)) << good;
        } else {
          ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, failure.empty())) << good;
        }
      }
      EXPECT_TRUE(had_pages);
    }
  }
}

// Headers are brought up to date in between, also where pages of zeros are last.
TEST_F(ElfWriterTest, HeadersOnTheWayTellOfNothingThatIsNotThere) {
  for (const Kind first : {Kind::words, Kind::zero}) {
    Machine machine(20000);
    machine.source.add(0, 20000);
    for (Pfn pfn = 0; pfn < 20000; pfn += 4) {
      machine.kept[pfn] = (pfn % 512 < 256) == (first == Kind::words) ? Kind::words : Kind::zero;
    }
    const ElfSpec spec = spec_of(kShapes[0], false);
    for (const std::size_t batches : {17U, 18U, 34U, 70U, 79U}) {
      const auto core = writer(machine, spec);
      HowToPut how;
      how.batch = 64;
      how.stop_after = batches;
      // As after a kill: nothing is finished.
      struct Kill : DumpWriter {
        explicit Kill(ElfWriter& w) : inner(w) {}
        Result<void> put_window(Pfn first, std::span<const std::byte> exists,
                                std::span<const std::byte> kept) override {
          return inner.put_window(first, exists, kept);
        }
        Result<void> begin_pages() override { return inner.begin_pages(); }
        Result<void> put_pages(const StoredPages& p) override { return inner.put_pages(p); }
        Result<void> finish(bool) override { return {}; }
        ByteSink& sink() override { return inner.sink(); }
        ElfWriter& inner;
      } kill(*core);
      ASSERT_EQ(put_machine(kill, machine, how), "");
      ASSERT_NO_FATAL_FAILURE(expect_sound_headers(spec)) << batches;
      EXPECT_GT(parse(test::read_file(path()), spec).headers.size(), 1000U);
      ASSERT_NO_FATAL_FAILURE(expect_pages(machine, spec, false));
    }
  }
}

}  // namespace
}  // namespace vmsift
