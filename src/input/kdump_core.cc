// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_core.h"

#include "compress/codec.h"
#include "src/input/kdump_member.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vmsift {
namespace {

constexpr std::uint64_t kMaxVmcoreinfo = 1U << 20;

class KdumpSource : public MemorySource {
 public:
  KdumpSource(std::vector<KdumpMember> members, ReadMode mode)
      : members_(std::move(members)), mode_(mode) {}

  Result<void> load();

  [[nodiscard]] const DumpInfo& info() const override { return info_; }
  Result<void> set_page_size(std::uint64_t bytes) override;
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const override;
  [[nodiscard]] Pfn next_window(Pfn from, std::uint64_t granule) const override {
    return index_.next_window(from, granule);
  }
  [[nodiscard]] std::unique_ptr<PageReader> reader() const override {
    return make_kdump_reader(members_, index_, zeros_, mode_);
  }
  [[nodiscard]] std::size_t reader_memory() const override {
    return kdump_reader_memory(info_.page_size, mode_);
  }
  [[nodiscard]] std::size_t memory() const override { return index_.memory(); }

 private:
  [[nodiscard]] const kdump::Header& header() const { return members_.front().header; }
  void describe();
  void find_codec();
  Result<void> load_notes();
  Result<void> place_members();
  void missing(PfnRange pages, std::uint64_t descriptors);
  static void find_zero_page(KdumpMember& member, std::uint64_t descriptors);

  std::vector<KdumpMember> members_;
  ReadMode mode_;
  DumpInfo info_;
  KdumpIndex index_;
  std::vector<std::byte> zeros_;
};

Result<void> KdumpSource::load() {
  describe();
  find_codec();
  zeros_.resize(info_.page_size);
  if (auto notes = load_notes(); !notes) return notes;
  for (const KdumpMember& member : members_) {
    info_.incomplete |=
        (member.header.status & kdump::kIncomplete) != 0 || member.file->truncated();
    for (std::string& w : member.file->warnings()) info_.warnings.push_back(std::move(w));
  }
  if (auto loaded = index_.load(*members_.front().file, header()); !loaded) return loaded;
  return place_members();
}

void KdumpSource::describe() {
  const kdump::Header& h = header();
  info_.path = members_.front().file->path();
  if (members_.size() > 1) info_.path += fmt::format(" and {} more", members_.size() - 1);
  info_.format = "kdump-compressed";
  info_.machine_name = h.utsname[4];
  info_.order = members_.front().order;
  info_.page_size = h.block_size;
  info_.max_pfn = h.max_pfn;
  info_.cpus = h.cpus;
  info_.abi = h.abi;
  info_.phys_base = h.phys_base;
  info_.crash_time = h.crash_time;
  info_.utsname = h.utsname;
  info_.dump_level = h.dump_level & 31U;
  info_.excluded_vmemmap = (h.status & kdump::kExcludedVmemmap) != 0;
}

void KdumpSource::find_codec() {
  info_.stores_encoded = true;
  for (const Codec* codec : all_codecs()) {
    const auto used = [codec](const KdumpMember& m) {
      return (m.header.status & codec->header_flag) != 0;
    };
    if (std::all_of(members_.begin(), members_.end(), used)) info_.codec_flag = codec->page_flag;
  }
}

Result<void> KdumpSource::load_notes() {
  auto notes = read_kdump_notes(members_.front());
  if (!notes) return notes.take_error();
  info_.notes = std::move(notes->bytes);
  info_.vmcoreinfo = std::move(notes->vmcoreinfo);
  info_.warnings = std::move(notes->warnings);
  if (info_.vmcoreinfo.empty() && header().vmcoreinfo_offset != 0) {
    info_.vmcoreinfo.resize(
        static_cast<std::size_t>(std::min(header().vmcoreinfo_size, kMaxVmcoreinfo)));
    return members_.front().file->read_exactly(header().vmcoreinfo_offset,
                                               std::as_writable_bytes(std::span(info_.vmcoreinfo)));
  }
  return {};
}

// A member's first descriptor is of the first page with one at or behind its start.
Result<void> KdumpSource::place_members() {
  KdumpIndex::Cursor cursor(index_);
  PfnRange gap{0, 0};
  std::uint64_t before_gap = 0;
  for (KdumpMember& member : members_) {
    const auto begin = cursor.rank(member.pages.begin);
    const auto end = cursor.rank(member.pages.end);
    if (!begin || !end) return Error(cursor.error());
    member.first = begin->before;
    gap.end = member.pages.begin;
    missing(gap, begin->before - before_gap);
    gap.begin = member.pages.end;
    before_gap = end->before;

    const std::uint64_t own = end->before - begin->before;
    const std::uint64_t at = member.header.descriptors_offset();
    const std::uint64_t room = (member.file->size() - at) / kdump::kDescriptorBytes;
    if (own > room) {
      info_.incomplete = true;
      info_.warnings.push_back(
          fmt::format("{}truncated: {} of {} page descriptors are beyond the end of the file",
                      members_.size() > 1 ? member.file->path() + " is " : "", own - room, own));
    } else {
      find_zero_page(member, own);
    }
  }
  gap.end = info_.max_pfn;
  missing(gap, index_.descriptors() - before_gap);
  return {};
}

void KdumpSource::missing(PfnRange pages, std::uint64_t descriptors) {
  if (descriptors == 0) return;
  info_.incomplete = true;
  info_.warnings.push_back(fmt::format(
      "{} pages of page frames {:#x} to {:#x} are missing: {}", descriptors, pages.begin, pages.end,
      members_.size() > 1 ? "no member of the split set that was given has them"
                          : "this is one member of a split set"));
}

// Writers that let zero pages share one put it in front of all other data.
void KdumpSource::find_zero_page(KdumpMember& member, std::uint64_t descriptors) {
  const std::uint64_t at =
      member.header.descriptors_offset() + descriptors * kdump::kDescriptorBytes;
  std::vector<std::byte> page(member.header.block_size);
  auto got = member.file->read_at(at, page);
  // What cannot be read is no zero page; whoever wants it will hear why.
  const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
  if (got && *got == page.size() && std::all_of(page.begin(), page.end(), is_zero)) {
    member.zero_offset = at;
  }
}

Result<void> KdumpSource::set_page_size(std::uint64_t bytes) {
  if (bytes == info_.page_size) return {};
  return error("{}: the note says pages of {} bytes, the header blocks of {}", info_.path, bytes,
               info_.page_size);
}

Result<void> KdumpSource::presence(PfnRange window, BitSpan exists, BitSpan stored) const {
  if (auto known = index_.presence(window, exists, stored); !known) return known;
  Pfn at = window.begin;
  const auto clear_up_to = [&](Pfn end) {
    for (; at < std::min(end, window.end); ++at) {
      stored.clear(static_cast<std::size_t>(at - window.begin));
    }
  };
  for (const KdumpMember& member : members_) {
    clear_up_to(member.pages.begin);
    at = std::max(at, member.pages.end);
  }
  clear_up_to(window.end);
  return {};
}

}  // namespace

namespace {

// The first page frame of the bitmaps of an arm dump. phys_base is that of the lowest memory, so
// where page frames are counted from 0, none below it is memory; where they are counted from
// phys_base, the very first is.
Result<Pfn> find_first_pfn(const ByteStore& file, const kdump::Header& header) {
  if (!header.may_count_from_phys_base()) return Pfn{0};
  const Pfn base = header.phys_base / header.block_size;
  if (header.max_pfn <= base) return base;
  std::vector<std::byte> bits(static_cast<std::size_t>(ceil_div<Pfn>(base, 8)));
  for (const std::uint64_t bitmap : {header.bitmap1_offset(), header.bitmap2_offset()}) {
    if (auto read = file.read_exactly(bitmap, bits); !read) return read.take_error();
    if (base % 8 != 0) bits.back() &= static_cast<std::byte>((1U << base % 8) - 1);
    if (BitSpan(bits).count() != 0) return base;
  }
  return Pfn{0};
}

}  // namespace

Result<KdumpMember> read_kdump_member(std::unique_ptr<ByteStore> file) {
  std::array<std::byte, kdump::kMainHeaderBytes> main_bytes{};
  if (auto read = file->read_exactly(0, main_bytes); !read) return read.take_error();
  auto main = kdump::decode_main(main_bytes, file->size());
  if (!main) return main.take_error().context(file->path());
  std::array<std::byte, kdump::kSubHeaderBytes> sub_bytes{};
  auto got = file->read_at(main->header.block_size, sub_bytes);
  if (!got) return got.take_error();
  const auto sub_read = std::span<const std::byte>(sub_bytes).first(*got);
  if (auto sub = kdump::decode_sub(sub_read, file->size(), *main); !sub) {
    return sub.take_error().context(file->path());
  }
  KdumpMember member;
  member.file = std::move(file);
  member.header = std::move(main->header);
  member.order = main->order;
  auto first = find_first_pfn(*member.file, member.header);
  if (!first) return first.take_error();
  member.header.count_from(*first);
  const kdump::Header& h = member.header;
  member.pages = h.split ? PfnRange{h.start_pfn, h.end_pfn} : PfnRange{0, h.max_pfn};
  return member;
}

Result<ElfNotes> read_kdump_notes(const KdumpMember& member) {
  std::vector<std::byte> bytes(
      static_cast<std::size_t>(std::min(member.header.notes_size, kMaxNoteBytes)));
  if (auto read = member.file->read_exactly(member.header.notes_offset, bytes); !read) {
    return read.take_error();
  }
  return parse_notes(std::move(bytes), member.order);
}

Result<std::unique_ptr<MemorySource>> open_kdump_members(std::vector<KdumpMember> members,
                                                         ReadMode mode) {
  auto source = std::make_unique<KdumpSource>(std::move(members), mode);
  if (auto loaded = source->load(); !loaded) return loaded.take_error();
  return std::unique_ptr<MemorySource>(std::move(source));
}

Result<std::unique_ptr<MemorySource>> open_kdump_core(std::unique_ptr<ByteStore> file,
                                                      ReadMode mode) {
  auto member = read_kdump_member(std::move(file));
  if (!member) return member.take_error();
  std::vector<KdumpMember> members;
  members.push_back(std::move(*member));
  return open_kdump_members(std::move(members), mode);
}

}  // namespace vmsift
