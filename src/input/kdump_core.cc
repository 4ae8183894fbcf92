// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_core.h"

#include "compress/codec.h"
#include "src/input/elf_headers.h"
#include "src/kdump/format.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace vmsift {
namespace {

constexpr std::size_t kPagesPerFetch = 64;
// Page data mostly stand in the order of their pages: what comes next is near.
constexpr FileWindow::Plan kDataAhead = {FileWindow::kReadBytes, 1U << 20};
constexpr std::uint64_t kMaxVmcoreinfo = 1U << 20;

// The descriptor of a page is found by counting bits of bitmap 2. Counts are kept for at most this
// many places, however large the bitmap is.
constexpr std::uint64_t kMaxCheckpoints = 1U << 16;
constexpr std::uint64_t kMinPagesPerCheckpoint = 1U << 15;

class KdumpCore;

class KdumpCoreReader : public PageReader {
 public:
  explicit KdumpCoreReader(const KdumpCore& core);

  std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) override;
  bool intact() override { return true; }  // pages are copies; checked while they were made
  [[nodiscard]] std::string last_error() const override { return last_error_; }

 private:
  Result<kdump::Descriptor> descriptor(Pfn pfn);
  Result<void> unpack(const kdump::Descriptor& d, std::span<std::byte> page);
  Decoder* decoder(const Codec& codec);

  const KdumpCore& core_;
  FileWindow data_;
  FileWindow descriptors_;
  std::vector<std::byte> bits_;  // bitmap 2 of one checkpoint
  std::uint64_t checkpoint_ = ~std::uint64_t{0};
  std::size_t counted_bits_ = 0;  // bits of bits_ that counted_ covers
  std::uint64_t counted_ = 0;
  std::vector<std::byte> pages_;
  std::vector<std::pair<const Codec*, std::unique_ptr<Decoder>>> decoders_;
  std::string last_error_;
};

class KdumpCore : public MemorySource {
 public:
  KdumpCore(std::unique_ptr<ByteStore> file, ReadMode mode) : file_(std::move(file)), mode_(mode) {}

  Result<void> load();

  [[nodiscard]] const DumpInfo& info() const override { return info_; }
  Result<void> set_page_size(std::size_t bytes) override;
  Result<void> presence(PfnRange window, BitSpan exists, BitSpan stored) const override;
  [[nodiscard]] Pfn next_window(Pfn from, std::uint64_t granule) const override;
  [[nodiscard]] std::unique_ptr<PageReader> reader() const override {
    return std::make_unique<KdumpCoreReader>(*this);
  }

 private:
  friend class KdumpCoreReader;

  Result<void> load_notes(const kdump::Header& header);
  Result<void> count_descriptors();
  // Bytes of a bitmap from a page frame on (a multiple of 8); what is beyond its end reads as 0.
  Result<void> read_bits(std::uint64_t bitmap_offset, Pfn from, std::span<std::byte> into) const;

  std::unique_ptr<ByteStore> file_;
  ReadMode mode_;
  DumpInfo info_;
  kdump::Header header_;
  std::uint64_t pages_per_checkpoint_ = kMinPagesPerCheckpoint;
  std::vector<std::uint64_t> checkpoints_;  // descriptors in front of each checkpoint
};

Result<void> KdumpCore::load() {
  std::array<std::byte, kdump::kMainHeaderBytes> main_bytes{};
  if (auto read = file_->read_exactly(0, main_bytes); !read) return read.take_error();
  auto main = kdump::decode_main(main_bytes, file_->size());
  if (!main) return main.take_error().context(file_->path());
  std::array<std::byte, kdump::kSubHeaderBytes> sub_bytes{};
  auto got = file_->read_at(main->header.block_size, sub_bytes);
  if (!got) return got.take_error();
  const auto sub_read = std::span<const std::byte>(sub_bytes).first(*got);
  if (auto sub = kdump::decode_sub(sub_read, file_->size(), *main); !sub) {
    return sub.take_error().context(file_->path());
  }
  header_ = main->header;
  info_.path = file_->path();
  info_.format = "kdump-compressed";
  info_.machine_name = header_.utsname[4];
  info_.order = main->order;
  info_.page_size = header_.block_size;
  info_.max_pfn = header_.max_pfn;
  info_.cpus = header_.cpus;
  info_.abi = header_.abi;
  info_.phys_base = header_.phys_base;
  info_.crash_time = header_.crash_time;
  info_.utsname = header_.utsname;
  info_.dump_level = header_.dump_level & 31U;
  info_.incomplete = (header_.status & kdump::kIncomplete) != 0;
  if (auto notes = load_notes(header_); !notes) return notes.take_error();
  for (std::string& w : file_->warnings()) info_.warnings.push_back(std::move(w));
  info_.incomplete |= file_->truncated();
  return count_descriptors();
}

Result<void> KdumpCore::load_notes(const kdump::Header& header) {
  std::vector<std::byte> bytes(std::min(header.notes_size, kMaxNoteBytes));
  if (auto read = file_->read_exactly(header.notes_offset, bytes); !read) return read.take_error();
  ElfNotes notes = parse_notes(std::move(bytes), info_.order);
  info_.notes = std::move(notes.bytes);
  info_.vmcoreinfo = std::move(notes.vmcoreinfo);
  info_.warnings = std::move(notes.warnings);
  if (info_.vmcoreinfo.empty() && header.vmcoreinfo_offset != 0) {
    info_.vmcoreinfo.resize(std::min(header.vmcoreinfo_size, kMaxVmcoreinfo));
    return file_->read_exactly(header.vmcoreinfo_offset,
                               std::as_writable_bytes(std::span(info_.vmcoreinfo)));
  }
  return {};
}

Result<void> KdumpCore::count_descriptors() {
  while (ceil_div(info_.max_pfn, pages_per_checkpoint_) > kMaxCheckpoints) {
    pages_per_checkpoint_ *= 2;
  }
  std::vector<std::byte> bits(kMinPagesPerCheckpoint / 8);
  const std::uint64_t begin = header_.bitmap2_offset();
  std::uint64_t total = 0;
  const auto reach = [&](Pfn pfn) {  // checkpoints up to the one that starts at pfn
    while (checkpoints_.size() * pages_per_checkpoint_ <= pfn) checkpoints_.push_back(total);
  };
  for (Pfn pfn = 0; pfn < info_.max_pfn;) {
    reach(pfn);
    // Holes of a sparse file are pages without descriptor; they cost nothing to pass over.
    const Pfn next =
        align_down((file_->next_data(begin + pfn / 8) - begin) * 8, kMinPagesPerCheckpoint);
    if (next > pfn) {
      pfn = next;
      continue;
    }
    if (auto read = read_bits(begin, pfn, bits); !read) return read.take_error();
    total += BitSpan(bits).count();
    pfn += kMinPagesPerCheckpoint;
  }
  reach(info_.max_pfn);
  const std::uint64_t room =
      (file_->size() - header_.descriptors_offset()) / kdump::kDescriptorBytes;
  if (total > room) {
    info_.incomplete = true;
    info_.warnings.push_back(
        fmt::format("truncated: {} of {} page descriptors are beyond the end of the "
                    "file",
                    total - room, total));
  }
  return {};
}

Result<void> KdumpCore::read_bits(std::uint64_t bitmap_offset, Pfn from,
                                  std::span<std::byte> into) const {
  std::memset(into.data(), 0, into.size());
  const std::uint64_t bytes = ceil_div<std::uint64_t>(info_.max_pfn, 8);
  if (from / 8 >= bytes) return {};
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), bytes - from / 8));
  if (auto read = file_->read_exactly(bitmap_offset + from / 8, into.first(n)); !read) {
    return read.take_error();
  }
  if (from / 8 + n == bytes && info_.max_pfn % 8 != 0) {
    into[n - 1] &= static_cast<std::byte>((1U << info_.max_pfn % 8) - 1);
  }
  return {};
}

Result<void> KdumpCore::set_page_size(std::size_t bytes) {
  if (bytes == info_.page_size) return {};
  return error("{}: the note says pages of {} bytes, the header blocks of {}", info_.path, bytes,
               info_.page_size);
}

Result<void> KdumpCore::presence(PfnRange window, BitSpan exists, BitSpan stored) const {
  if (auto read = read_bits(header_.bitmap1_offset(), window.begin, exists.bytes()); !read) {
    return read;
  }
  if (auto read = read_bits(header_.bitmap2_offset(), window.begin, stored.bytes()); !read) {
    return read;
  }
  // A page with data is memory, whatever bitmap 1 says.
  for (std::size_t i = 0; i < exists.bytes().size(); ++i) exists.bytes()[i] |= stored.bytes()[i];
  return {};
}

Pfn KdumpCore::next_window(Pfn from, std::uint64_t granule) const {
  if (from >= info_.max_pfn) return info_.max_pfn;
  const std::uint64_t end = (info_.max_pfn + 7) / 8;
  Pfn first = info_.max_pfn;
  for (const std::uint64_t bitmap : {header_.bitmap1_offset(), header_.bitmap2_offset()}) {
    const std::uint64_t data = file_->next_data(bitmap + from / 8) - bitmap;
    if (data < end) first = std::min(first, data * 8);
  }
  return first == info_.max_pfn ? first : std::max(from, align_down<Pfn>(first, granule));
}

KdumpCoreReader::KdumpCoreReader(const KdumpCore& core)
    : core_(core),
      data_(*core.file_, core.mode_),
      descriptors_(*core.file_, ReadMode::read),
      bits_(core.pages_per_checkpoint_ / 8) {}

Result<kdump::Descriptor> KdumpCoreReader::descriptor(Pfn pfn) {
  const std::uint64_t checkpoint = pfn / core_.pages_per_checkpoint_;
  const Pfn first = checkpoint * core_.pages_per_checkpoint_;
  if (checkpoint != checkpoint_) {
    checkpoint_ = ~std::uint64_t{0};
    if (auto read = core_.read_bits(core_.header_.bitmap2_offset(), first, bits_); !read) {
      return read.take_error();
    }
    checkpoint_ = checkpoint;
    counted_bits_ = 0;
    counted_ = core_.checkpoints_[checkpoint];
  }
  const auto bit = static_cast<std::size_t>(pfn - first);
  if (bit < counted_bits_) {
    counted_bits_ = 0;
    counted_ = core_.checkpoints_[checkpoint];
  }
  const BitSpan bits(bits_);
  // Whole bytes between the last counted bit's byte and this one, then single bits.
  while (counted_bits_ % 8 != 0 && counted_bits_ < bit) counted_ += bits.test(counted_bits_++);
  const std::size_t whole = (bit - counted_bits_) / 8;
  counted_ += BitSpan(std::span(bits_).subspan(counted_bits_ / 8, whole)).count();
  counted_bits_ += whole * 8;
  while (counted_bits_ < bit) counted_ += bits.test(counted_bits_++);
  if (!bits.test(bit)) return error("");  // not in the dump, which is no failure

  const std::uint64_t offset =
      core_.header_.descriptors_offset() + counted_ * kdump::kDescriptorBytes;
  if (offset + kdump::kDescriptorBytes > core_.file_->size()) {
    return error("{}: the descriptor of page {:#x} is beyond the end of the file", core_.info_.path,
                 pfn);
  }
  const std::byte* raw = descriptors_.at(offset, kdump::kDescriptorBytes);
  if (raw == nullptr) {
    constexpr std::uint64_t kBytes = kPagesPerFetch * kdump::kDescriptorBytes;
    if (auto moved = descriptors_.move_to(offset, kdump::kDescriptorBytes, {kBytes, kBytes});
        !moved) {
      return moved.take_error();
    }
    raw = descriptors_.at(offset, kdump::kDescriptorBytes);
  }
  return kdump::decode_descriptor(raw, core_.info_.order);
}

Decoder* KdumpCoreReader::decoder(const Codec& codec) {
  for (const auto& [known, decoder] : decoders_) {
    if (known == &codec) return decoder.get();
  }
  decoders_.emplace_back(&codec, codec.decoder());
  return decoders_.back().second.get();
}

Result<void> KdumpCoreReader::unpack(const kdump::Descriptor& d, std::span<std::byte> page) {
  if (d.offset == 0) return error("the page was lost when the dump was written");
  if (d.size == 0 || d.size > page.size() || d.offset > core_.file_->size() ||
      d.size > core_.file_->size() - d.offset) {
    return error("page data of {} bytes at {:#x} is outside of the file", d.size, d.offset);
  }
  const Codec* codec = nullptr;
  if (d.flags != 0) {
    codec = find_codec_by_page_flag(d.flags);
    if (codec == nullptr) return error("page flags {:#x} name no known codec", d.flags);
  } else if (d.size != page.size()) {
    return error("raw page of {} bytes", d.size);
  }
  Decoder* const decode = codec == nullptr ? nullptr : decoder(*codec);
  bool valid = true;
  do {  // once more where the mapping faulted: what was decoded is void, whatever came of it
    if (data_.at(d.offset, d.size) == nullptr) {
      if (auto moved = data_.move_to(d.offset, d.size, kDataAhead); !moved) return moved;
    }
    const std::span stored(data_.at(d.offset, d.size), d.size);
    if (codec == nullptr) {
      std::memcpy(page.data(), stored.data(), page.size());
    } else {
      valid = decode != nullptr && decode->decode(stored, page);
    }
  } while (!data_.intact());
  if (!valid) return error("page data at {:#x} is no valid {} stream", d.offset, codec->name);
  return {};
}

std::size_t KdumpCoreReader::fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) {
  const std::size_t page = core_.info_.page_size;
  const std::size_t most = std::max<std::size_t>(1, FileWindow::kReadBytes / page);
  const std::size_t n = std::min({pfns.size(), kPagesPerFetch, most});
  pages_.resize(std::max(pages_.size(), n * page));
  last_error_.clear();
  for (std::size_t i = 0; i < n; ++i) {
    const auto into = std::span(pages_).subspan(i * page, page);
    auto d = descriptor(pfns[i]);
    auto done = d ? unpack(*d, into) : Result<void>(d.take_error());
    pages[i] = done ? into.data() : nullptr;
    if (!done && !done.message().empty()) last_error_ = done.message();
  }
  return n;
}

}  // namespace

Result<std::unique_ptr<MemorySource>> open_kdump_core(std::unique_ptr<ByteStore> file,
                                                      ReadMode mode) {
  auto core = std::make_unique<KdumpCore>(std::move(file), mode);
  if (auto loaded = core->load(); !loaded) return loaded.take_error();
  return std::unique_ptr<MemorySource>(std::move(core));
}

}  // namespace vmsift
