// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/elf_writer.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace vmsift {
namespace {

constexpr std::uint32_t kIncomplete = 1;  // of e_flags, as makedumpfile has it
constexpr std::size_t kPendingHeaders = 1024;
constexpr std::uint64_t kPiecesDue = 8;  // writes behind the pages, one more than there are
constexpr std::uint64_t kDataPerFlush = std::uint64_t{64} << 20;

// Sizes and the places of what is written last.
struct Layout {
  std::size_t file_header;
  std::size_t program_header;
  std::size_t section_header;
  std::size_t shoff;   // offset and flags are neighbours
  std::size_t ehsize;  // what stands between is known from the start
  std::size_t phnum;   // from here to the end
};
constexpr Layout kLayout64 = {
    sizeof(Elf64_Ehdr), sizeof(Elf64_Phdr), sizeof(Elf64_Shdr), 40, 52, 56};
constexpr Layout kLayout32 = {
    sizeof(Elf32_Ehdr), sizeof(Elf32_Phdr), sizeof(Elf32_Shdr), 32, 40, 44};

constexpr const Layout& layout_of(const ElfSpec& spec) {
  return spec.is_64bit ? kLayout64 : kLayout32;
}

// Fields one behind another.
class FieldWriter {
 public:
  FieldWriter(std::byte* to, const ElfSpec& spec) : to_(to), spec_(spec) {}
  FieldWriter& half(std::uint64_t v) { return put(static_cast<std::uint16_t>(v)); }
  FieldWriter& word(std::uint64_t v) { return put(static_cast<std::uint32_t>(v)); }
  FieldWriter& address(std::uint64_t v) { return spec_.is_64bit ? put(v) : word(v); }
  [[nodiscard]] std::byte* at() const { return to_; }

 private:
  template <class T>
  FieldWriter& put(T v) {
    store(to_, v, spec_.order);
    to_ += sizeof v;
    return *this;
  }

  std::byte* to_;
  const ElfSpec& spec_;
};

// What a virtual address of a 32-bit machine cannot say is 0, as in a vmcore of highmem.
std::uint64_t virtual_of(const ElfSpec& spec, std::uint64_t paddr, std::uint64_t bytes) {
  if (!spec.direct_map) return 0;
  const std::uint64_t vaddr = *spec.direct_map + paddr;
  const bool narrow = spec.word_bytes == 4 || !spec.is_64bit;
  if (narrow && (vaddr >> 32 != 0 || (vaddr + bytes) >> 32 != 0)) return 0;
  return vaddr;
}

}  // namespace

ElfWriter::ElfWriter(std::unique_ptr<ByteSink> sink, ElfSpec spec, const MemorySource& source)
    : sink_(std::move(sink)),
      spec_(std::move(spec)),
      source_(source),
      page_size_(source.info().page_size) {
  spec_.flags |= kIncomplete;
}

Result<void> ElfWriter::put_window(Pfn first, std::span<const std::byte> exists,
                                   std::span<const std::byte> kept) {
  counts_.add(first, exists, kept);
  return {};
}

Result<void> ElfWriter::begin_pages() {
  counts_.finish();
  const SegmentPlan plan = SegmentPlan::choose(counts_, page_size_);
  // Each segment once more at most for each other mapping of its pages.
  std::uint64_t mapped_pages = 0;
  for (const VirtualRange& r : spec_.other_maps) mapped_pages += r.size / page_size_ + 2;
  most_headers_ = 2 + plan.most_segments + std::min(mapped_pages, 2 * plan.most_segments);
  choose_class();
  const Layout& layout = layout_of(spec_);

  const std::uint64_t headers_end = layout.file_header + most_headers_ * layout.program_header;
  std::uint64_t notes = align_up<std::uint64_t>(headers_end, 8);
  if (most_headers_ >= PN_XNUM) {
    section_header_ = notes;
    notes += layout.section_header;
  }
  const std::uint64_t data = align_up(notes + spec_.notes.size(), kHeaderAlignment);
  if (auto set = sink_->set_header_bytes(data); !set) return set;
  if (auto sized = sink_->set_least_size(data); !sized) return sized;
  if (auto reserved = sink_->reserve(0, data); !reserved) return reserved;
  written_end_ = flushed_at_ = data;
  segments_.emplace(source_, plan, data, [this](const Segment& s) { return add(s); });

  if (auto written = write_file_header(); !written) return written;
  pending_.push_back({PT_NOTE, notes, 0, 0, spec_.notes.size(), spec_.notes.size()});
  if (auto written = sink_->write_at(notes, spec_.notes); !written) return written;
  return flush_headers();
}

// Memory of 4 GiB and more (highmem, LPAE) does not go into an ELF32; the kernel and kexec write
// ELF64 cores of such machines too.
void ElfWriter::choose_class() {
  const std::uint64_t memory_end = source_.info().max_pfn * page_size_;
  const std::uint64_t file_end = kLayout64.file_header + most_headers_ * kLayout64.program_header +
                                 spec_.notes.size() + 2 * kHeaderAlignment +
                                 counts_.memory_pages() * page_size_;
  if (std::max(memory_end, file_end) >> 32 != 0) spec_.is_64bit = true;
}

Result<void> ElfWriter::write_file_header() {
  const Layout& layout = layout_of(spec_);
  std::array<std::byte, sizeof(Elf64_Ehdr)> raw{};
  std::memcpy(raw.data(), ELFMAG, SELFMAG);
  raw[EI_CLASS] = static_cast<std::byte>(spec_.is_64bit ? ELFCLASS64 : ELFCLASS32);
  raw[EI_DATA] =
      static_cast<std::byte>(spec_.order == ByteOrder::little ? ELFDATA2LSB : ELFDATA2MSB);
  raw[EI_VERSION] = std::byte{EV_CURRENT};
  raw[EI_OSABI] = std::byte{spec_.os_abi};
  FieldWriter(&raw[EI_NIDENT], spec_)
      .half(ET_CORE)
      .half(spec_.machine)
      .word(EV_CURRENT)
      .address(0)
      .address(layout.file_header);
  FieldWriter(&raw[layout.ehsize], spec_).half(layout.file_header).half(layout.program_header);
  if (auto written = write_counts(false); !written) return written;
  const auto bytes = std::span<const std::byte>(raw).first(layout.file_header);
  if (auto written = sink_->write_at(0, bytes.first(layout.shoff)); !written) return written;
  return sink_->write_at(layout.ehsize, bytes.subspan(layout.ehsize, layout.phnum - layout.ehsize));
}

// The fields that are known last: e_shoff and e_flags, e_phnum and what follows it.
Result<void> ElfWriter::write_counts(bool last) {
  const Layout& layout = layout_of(spec_);
  const bool extended = flushed_ >= PN_XNUM;
  std::array<std::byte, sizeof(Elf64_Ehdr)> raw{};
  FieldWriter(&raw[layout.shoff], spec_).address(extended ? section_header_ : 0).word(spec_.flags);
  FieldWriter(&raw[layout.phnum], spec_)
      .half(extended ? PN_XNUM : flushed_)
      .half(layout.section_header)
      .half(extended ? 1 : 0)
      .half(SHN_UNDEF);
  const auto bytes = std::span<const std::byte>(raw).first(layout.file_header);
  const auto write = [&](std::uint64_t at, std::span<const std::byte> part) {
    return last ? sink_->write_at(at, part) : sink_->write_provisional(at, part);
  };
  if (extended) {
    std::array<std::byte, sizeof(Elf64_Shdr)> section{};
    // sh_info stands behind name, type, flags, addr, offset, size and link.
    const std::size_t info = spec_.is_64bit ? 44 : 28;
    FieldWriter(&section[info], spec_).word(flushed_);
    const auto part = std::span<const std::byte>(section).first(layout.section_header);
    if (auto written = write(section_header_, part); !written) return written;
  }
  if (auto written = write(layout.shoff, bytes.subspan(layout.shoff, layout.ehsize - layout.shoff));
      !written) {
    return written;
  }
  return write(layout.phnum, bytes.subspan(layout.phnum));
}

Result<void> ElfWriter::add_load(const ProgramHeader& header) {
  if (flushed_ + pending_.size() + 1 >= most_headers_) {
    return error("more segments than the memory had at first: it changed while it was read");
  }
  pending_.push_back(header);
  return {};
}

// No header may tell of data that did not make it into the file.
void ElfWriter::trim(ProgramHeader& h) const {
  if (h.type != PT_LOAD || h.offset + h.filesz <= written_end_) return;
  const std::uint64_t there = written_end_ - std::min(written_end_, h.offset);
  h.filesz = h.memsz = align_down<std::uint64_t>(there, page_size_);
}

Result<void> ElfWriter::add(const Segment& s) {
  const std::uint64_t paddr = s.begin * page_size_;
  const std::uint64_t filesz = (s.stored_end - s.begin) * page_size_;
  const std::uint64_t memsz = (s.end - s.begin) * page_size_;
  const std::uint64_t vaddr = virtual_of(spec_, paddr, memsz);
  if (auto added = add_load({PT_LOAD, s.offset, vaddr, paddr, filesz, memsz}); !added) return added;
  for (const VirtualRange& r : spec_.other_maps) {
    const std::uint64_t begin = std::max(paddr, r.paddr.value);
    const std::uint64_t end = std::min(paddr + memsz, r.paddr.value + r.size);
    if (begin >= end) continue;
    const std::uint64_t inside = begin - paddr;
    const std::uint64_t stored = std::min(end - begin, filesz - std::min(filesz, inside));
    if (auto added =
            add_load({PT_LOAD, s.offset + std::min(inside, filesz),
                      r.vaddr.value + (begin - r.paddr.value), begin, stored, end - begin});
        !added) {
      return added;
    }
  }
  return {};
}

// Only after the data that they tell of.
Result<void> ElfWriter::flush_headers() {
  const Layout& layout = layout_of(spec_);
  std::vector<std::byte> raw(pending_.size() * layout.program_header);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const ProgramHeader& h = pending_[i];
    const std::uint32_t flags = h.type == PT_LOAD ? PF_R | PF_W | PF_X : 0;
    FieldWriter to(&raw[i * layout.program_header], spec_);
    to.word(h.type);
    if (spec_.is_64bit) to.word(flags);
    to.address(h.offset).address(h.vaddr).address(h.paddr).address(h.filesz).address(h.memsz);
    if (!spec_.is_64bit) to.word(flags);
    to.address(0);
  }
  const std::uint64_t at = layout.file_header + flushed_ * layout.program_header;
  if (auto written = sink_->write_at(at, raw); !written) return written;
  flushed_ += pending_.size();
  pending_.clear();
  flushed_at_ = written_end_;
  return write_counts(false);
}

// What is to be written behind the pages, should there be no room for more of them.
std::uint64_t ElfWriter::headers_due() const {
  const Layout& layout = layout_of(spec_);
  return (pending_.size() + 4) * layout.program_header + layout.section_header + layout.file_header;
}

// What stands between the data and this offset are zeros.
Result<void> ElfWriter::fill_to(std::uint64_t offset) {
  if (offset <= written_end_) return {};
  const std::uint64_t zeros = offset - written_end_;
  if (zeros > sink_->room_for_data(headers_due(), kPiecesDue)) return sink_->over_limit();
  if (auto written = sink_->write_zeros(written_end_, zeros); !written) return written;
  written_end_ = offset;
  return {};
}

// A failed write still may have brought some whole pages into the file.
Result<void> ElfWriter::write_data(std::uint64_t at, std::span<const std::byte> data,
                                   std::span<const std::byte> frame) {
  if (data.empty()) return {};
  if (auto filled = fill_to(at); !filled) return filled;
  const std::uint64_t room = sink_->room_for_data(headers_due(), kPiecesDue);
  const std::size_t stored = frame.empty() ? data.size() : frame.size();
  // Of data that are framed all or nothing.
  const std::size_t fits = room >= stored  ? data.size()
                           : frame.empty() ? static_cast<std::size_t>(room)
                                           : 0;
  auto written = sink_->write_framed(at, data.first(fits),
                                     fits == data.size() ? frame : std::span<const std::byte>());
  written_end_ += written.bytes;
  if (written.failure) return std::move(*written.failure);
  if (fits < data.size()) return sink_->over_limit();
  return {};
}

Result<void> ElfWriter::put_pages(const StoredPages& pages) {
  auto placed = place(pages);
  if (placed) {
    put_ += pages.sizes.size();
    const bool due =
        pending_.size() >= kPendingHeaders || written_end_ - flushed_at_ >= kDataPerFlush;
    // They may tell of zeros that no data followed yet.
    if (due) placed = fill_to(segments_->end_offset());
    if (due && placed) placed = flush_headers();
  }
  if (!placed) failed_ = true;
  return placed;
}

Result<void> ElfWriter::place(const StoredPages& p) {
  std::size_t begin = 0;       // in p.data, of what is not written yet
  std::size_t end = 0;         // and of the page that is looked at
  std::uint64_t begin_at = 0;  // where it goes
  const auto write = [&]() {
    const bool whole = begin == 0 && end == p.data.size();
    auto done = write_data(begin_at, p.data.subspan(begin, end - begin),
                           whole ? p.frame : std::span<const std::byte>());
    begin = end;
    return done;
  };
  for (std::size_t i = 0; i < p.sizes.size(); ++i) {
    const Pfn pfn = p.pfns[i];
    if (p.sizes[i] == kStoredLost) {
      if (auto lost = segments_->lose(pfn); !lost) return lost;
    } else if (p.sizes[i] == kStoredZero && spec_.leave_out_zeros) {
      if (auto zero = segments_->zero(pfn); !zero) return zero;
    } else {
      auto at = segments_->store(pfn);
      if (!at) return at.take_error();
      if (p.sizes[i] == kStoredZero) continue;  // a page of zeros in front of what follows
      if (begin == end) begin_at = *at;
      if (*at != begin_at + (end - begin)) {
        if (auto done = write(); !done) return done;
        begin_at = *at;
      }
      end += page_size_;
    }
  }
  return write();
}

// Where there is a single PT_LOAD, crash reads what is beyond p_filesz from behind the file.
void ElfWriter::split_single_load() {
  if (flushed_ != 1 || pending_.size() != 1) return;  // the first one is the notes
  ProgramHeader& load = pending_.front();
  if (load.filesz == 0 || load.memsz == load.filesz) return;
  ProgramHeader rest = load;
  load.memsz = load.filesz;
  rest.offset += rest.filesz;
  rest.vaddr += rest.vaddr == 0 ? 0 : rest.filesz;
  rest.paddr += rest.filesz;
  rest.memsz -= rest.filesz;
  rest.filesz = 0;
  pending_.push_back(rest);
}

Result<void> ElfWriter::finish(bool complete) {
  // What was not put is not known to be left out.
  failed_ |= put_ < counts_.kept_pages();
  std::optional<Error> failure;
  if (!failed_) {
    if (auto filled = fill_to(segments_->end_offset()); !filled) {
      failure = filled.take_error();
      failed_ = true;
    }
  }
  auto ended = failed_ ? segments_->finish_short() : segments_->finish();
  if (!ended) return ended;
  if (failed_) {
    for (ProgramHeader& h : pending_) trim(h);
    std::erase_if(pending_,
                  [](const ProgramHeader& h) { return h.type == PT_LOAD && h.memsz == 0; });
  }
  split_single_load();
  if (auto flushed = flush_headers(); !flushed) return flushed;
  if (auto synced = sink_->sync(); !synced) return synced;
  spec_.flags = complete && !failed_ ? spec_.flags & ~kIncomplete : spec_.flags | kIncomplete;
  if (auto written = write_counts(true); !written) return written;
  if (auto synced = sink_->sync(); !synced) return synced;
  if (auto finished = sink_->finish(); !finished) return finished;
  if (failure) return std::move(*failure);
  return {};
}

}  // namespace vmsift
