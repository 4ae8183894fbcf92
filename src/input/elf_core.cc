// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/elf_core.h"

#include "src/input/elf_headers.h"
#include "src/input/extent_map.h"
#include "src/input/live_note.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vmsift {
namespace {

// Physical addresses end at 56 bits on every architecture (riscv64 has the most). One stray segment
// beyond must not make a dump that no format can describe.
constexpr std::uint64_t kMaxPhysicalAddress = std::uint64_t{1} << 56;

// Beyond any file. Larger p_offsets are taken for this one, so that sums with sizes cannot wrap.
constexpr std::uint64_t kBeyondFiles = std::uint64_t{1} << 62;

class ElfCore;

class ElfCoreReader : public PageReader {
 public:
  explicit ElfCoreReader(const ElfCore& core);

  std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) override;
  bool intact() override { return window_.intact(); }
  [[nodiscard]] std::string last_error() const override { return last_error_; }

 private:
  const Extent* extent_at(PhysAddr a);
  [[nodiscard]] FileWindow::Plan plan(const Extent& e, std::span<const Pfn> pfns) const;
  bool assemble(PhysAddr begin);

  const ElfCore& core_;
  FileWindow window_;
  std::size_t cursor_ = 0;
  std::vector<std::byte> partial_;  // a page that no single extent holds in full
  std::string last_error_;
};

class ElfCore : public MemorySource {
 public:
  ElfCore(std::unique_ptr<ByteStore> file, ReadMode mode) : file_(std::move(file)), mode_(mode) {}

  Result<void> load();

  [[nodiscard]] const DumpInfo& info() const override { return info_; }
  Result<void> set_page_size(std::uint64_t bytes) override;
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const override;
  [[nodiscard]] Pfn next_window(Pfn from, std::uint64_t granule) const override;
  [[nodiscard]] std::unique_ptr<PageReader> reader() const override {
    return std::make_unique<ElfCoreReader>(*this);
  }
  [[nodiscard]] std::size_t reader_memory() const override {
    return elf_core_reader_memory(info_.page_size, mode_);
  }
  [[nodiscard]] std::size_t memory() const override {
    return info_.virtual_ranges.size() * kElfCoreSegmentMemory;
  }

 private:
  friend class ElfCoreReader;

  void add_segments(const ElfHeaders& headers);
  void take_live_note();
  [[nodiscard]] bool read_physical(PhysAddr from, std::span<std::byte> into) const;
  void mark(const ExtentMap& map, PfnRange window, BitSpan bits) const;

  std::unique_ptr<ByteStore> file_;
  ReadMode mode_;
  DumpInfo info_;
  ExtentMap memory_;  // what the headers describe
  ExtentMap data_;    // what the file holds of it
};

// Every segment at 0, and more than one: nobody filled that field in.
bool lacks_physical_addresses(const ElfHeaders& headers) {
  std::size_t at_zero = 0;
  for (const ElfSegment& s : headers.loads) {
    if (s.paddr == kNoPhysicalAddress || std::max(s.memsz, s.filesz) == 0) continue;
    if (s.paddr != 0) return false;
    ++at_zero;
  }
  return at_zero > 1;
}

Result<void> ElfCore::load() {
  auto headers = read_elf_headers(*file_);
  if (!headers) return headers.take_error();
  auto notes = read_elf_notes(*file_, *headers);
  if (!notes) return notes.take_error();
  info_.path = file_->path();
  info_.format = "ELF core";
  info_.machine = headers->machine;
  info_.order = headers->order;
  info_.notes = std::move(notes->bytes);
  info_.vmcoreinfo = std::move(notes->vmcoreinfo);
  info_.cpus = notes->cpus;
  info_.warnings = std::move(notes->warnings);
  for (std::string& w : file_->warnings()) info_.warnings.push_back(std::move(w));
  info_.incomplete = file_->truncated();
  info_.abi = kdump::abi_of_elf(headers->word_bits == 64, headers->machine);
  info_.elf_flags = headers->flags & ~kElfIncomplete;
  info_.elf_os_abi = headers->os_abi;
  info_.elf_class = headers->word_bits;
  if ((headers->flags & kElfIncomplete) != 0) {
    info_.incomplete = true;
    info_.warnings.emplace_back("marked incomplete (e_flags): memory is missing");
  }
  if (lacks_physical_addresses(*headers)) {
    return error(
        "{}: its program headers hold no physical addresses (a core of a process, or "
        "/proc/kcore before Linux 4.11)",
        info_.path);
  }
  add_segments(*headers);
  if (memory_.extents().empty()) {
    return error("{}: no PT_LOAD with a physical address, nothing to save", info_.path);
  }
  for (const Extent& e : memory_.extents()) info_.memory.push_back({e.begin, e.end});
  info_.live = file_->live();
  if (info_.live && info_.vmcoreinfo.empty()) take_live_note();
  return set_page_size(info_.page_size);
}

// /proc/kcore has a VMCOREINFO note since Linux 4.19 (23c85094fe18); before, and where the kernel
// was built without, sysfs says where in memory it is.
void ElfCore::take_live_note() {
  const auto place = live_note_place();
  if (!place) return;
  std::vector<std::byte> bytes(place->size);
  if (!read_physical(place->begin, bytes)) return;
  ElfNotes notes = parse_notes(std::move(bytes), info_.order);
  if (notes.vmcoreinfo.empty()) return;
  info_.notes.insert(info_.notes.end(), notes.bytes.begin(), notes.bytes.end());
  info_.notes.resize(align_up(info_.notes.size(), std::size_t{4}));
  info_.vmcoreinfo = std::move(notes.vmcoreinfo);
}

bool ElfCore::read_physical(PhysAddr from, std::span<std::byte> into) const {
  const std::size_t i = data_.find(from);
  if (i >= data_.extents().size()) return false;
  const Extent& e = data_.extents()[i];
  return e.contains(from) && into.size() <= e.end - from &&
         file_->read_exactly(e.offset_of(from), into).ok();
}

void ElfCore::add_segments(const ElfHeaders& headers) {
  std::vector<Extent> memory;
  std::vector<Extent> data;
  std::vector<Extent> cut_off;
  const std::uint64_t file_size = file_->size();
  std::uint64_t missing = 0;
  for (const ElfSegment& s : headers.loads) {
    const std::uint64_t size = std::max(s.memsz, s.filesz);
    if (s.paddr == kNoPhysicalAddress || size == 0) continue;
    if (s.paddr >= kMaxPhysicalAddress || size > kMaxPhysicalAddress - s.paddr) {
      info_.warnings.push_back(fmt::format(
          "PT_LOAD with impossible p_paddr {:#x} or size {:#x} left out", s.paddr, size));
      continue;
    }
    const std::uint64_t in_file =
        s.offset > file_size ? 0 : std::min(s.filesz, file_size - s.offset);
    missing += s.filesz - in_file;
    memory.push_back({{s.paddr}, {s.paddr + size}, 0});
    const std::uint64_t offset = std::min(s.offset, kBeyondFiles);
    data.push_back({{s.paddr}, {s.paddr + in_file}, offset});
    cut_off.push_back({{s.paddr + in_file}, {s.paddr + s.filesz}, offset + in_file});
    if (s.vaddr != kNoVirtualAddress) info_.virtual_ranges.push_back({{s.vaddr}, {s.paddr}, size});
  }
  // What a truncated file lacks stays listed, behind what it has: those pages are lost and not left
  // out on purpose.
  data.insert(data.end(), cut_off.begin(), cut_off.end());
  memory_ = ExtentMap::from_overlapping(std::move(memory));
  data_ = ExtentMap::from_overlapping(std::move(data));
  if (missing != 0) {
    info_.incomplete = true;
    info_.warnings.push_back(
        fmt::format("truncated: {} bytes of memory are beyond the end of the file "
                    "at {:#x}",
                    missing, file_size));
  }
}

Result<void> ElfCore::set_page_size(std::uint64_t bytes) {
  if (!std::has_single_bit(bytes) || bytes < 4096 || bytes > FileWindow::kReadBytes) {
    return error("{}: page size of {} bytes is not a power of two from 4096 to {}", info_.path,
                 bytes, FileWindow::kReadBytes);
  }
  info_.page_size = static_cast<std::size_t>(bytes);
  info_.max_pfn = ceil_div<Pfn>(memory_.extents().back().end.value, bytes);
  return {};
}

void ElfCore::mark(const ExtentMap& map, PfnRange window, BitSpan bits) const {
  const std::uint64_t page = info_.page_size;
  bits.clear_all();
  const auto extents = map.extents();
  for (std::size_t i = map.find({window.begin * page}); i < extents.size(); ++i) {
    const Pfn begin = std::max(window.begin, extents[i].begin.value / page);
    const Pfn end = std::min(window.end, ceil_div(extents[i].end.value, page));
    if (begin >= window.end) break;
    bits.set_range(static_cast<std::size_t>(begin - window.begin),
                   static_cast<std::size_t>(end - window.begin));
  }
}

Result<void> ElfCore::presence(PfnRange window, BitSpan exists, BitSpan stored) const {
  mark(memory_, window, exists);
  mark(data_, window, stored);
  return {};
}

Pfn ElfCore::next_window(Pfn from, std::uint64_t granule) const {
  if (from >= info_.max_pfn) return info_.max_pfn;
  const std::size_t i = memory_.find({from * info_.page_size});
  if (i >= memory_.extents().size()) return info_.max_pfn;
  const Pfn first = memory_.extents()[i].begin.value / info_.page_size;
  return std::max(from, align_down<Pfn>(first, granule));
}

ElfCoreReader::ElfCoreReader(const ElfCore& core)
    : core_(core), window_(*core.file_, core.mode_), partial_(core.info_.page_size) {}

const Extent* ElfCoreReader::extent_at(PhysAddr a) {
  const auto extents = core_.data_.extents();
  if (cursor_ >= extents.size() || !extents[cursor_].contains(a)) cursor_ = core_.data_.find(a);
  return cursor_ < extents.size() && extents[cursor_].contains(a) ? &extents[cursor_] : nullptr;
}

// What of the extent the pages of `pfns` are going to take, from the first one on.
FileWindow::Plan ElfCoreReader::plan(const Extent& e, std::span<const Pfn> pfns) const {
  const std::uint64_t page = core_.info_.page_size;
  const Pfn end = e.end.value / page;
  std::size_t n = 1;
  while (n < pfns.size() && pfns[n] == pfns[0] + n && pfns[n] < end) ++n;
  return {n * page, (std::min(pfns.back() + 1, end) - pfns[0]) * page};
}

// A page at the edge of a segment: the bytes that exist, and zeros for those that do not.
bool ElfCoreReader::assemble(PhysAddr begin) {
  const std::size_t page = partial_.size();
  const PhysAddr end = begin + page;
  std::memset(partial_.data(), 0, page);
  bool any = false;
  const auto extents = core_.data_.extents();
  for (std::size_t i = core_.data_.find(begin); i < extents.size() && extents[i].begin < end; ++i) {
    const PhysAddr from = std::max(begin, extents[i].begin);
    const PhysAddr until = std::min(end, extents[i].end);
    const auto into = std::span(partial_).subspan(static_cast<std::size_t>(from - begin),
                                                  static_cast<std::size_t>(until - from));
    if (auto read = core_.file_->read_exactly(extents[i].offset_of(from), into); !read) {
      last_error_ = read.message();
      return false;
    }
    any = true;
  }
  return any;
}

std::size_t ElfCoreReader::fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) {
  const std::size_t page = core_.info_.page_size;
  last_error_.clear();
  for (std::size_t i = 0; i < pfns.size(); ++i) {
    const PhysAddr begin{pfns[i] * page};
    const Extent* e = extent_at(begin);
    if (e == nullptr || begin + page > e->end) {
      if (i != 0) return i;  // pages handed out so far stay valid; this one needs partial_
      pages[0] = assemble(begin) ? partial_.data() : nullptr;
      return 1;
    }
    const std::uint64_t offset = e->offset_of(begin);
    pages[i] = window_.at(offset, page);
    if (pages[i] != nullptr) continue;
    if (i != 0) return i;  // the window must move, which takes the others away
    if (auto moved = window_.move_to(offset, page, plan(*e, pfns)); !moved) {
      last_error_ = moved.message();
      return 1;
    }
    pages[0] = window_.at(offset, page);
  }
  return pfns.size();
}

}  // namespace

Result<std::unique_ptr<MemorySource>> open_elf_core(std::unique_ptr<ByteStore> file,
                                                    ReadMode mode) {
  auto core = std::make_unique<ElfCore>(std::move(file), mode);
  if (auto loaded = core->load(); !loaded) return loaded.take_error();
  return std::unique_ptr<MemorySource>(std::move(core));
}

}  // namespace vmsift
