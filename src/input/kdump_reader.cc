// SPDX-License-Identifier: GPL-2.0-or-later
// From page frames to stored bytes and pages. Descriptors are read some hundred at a time; stored
// bytes are handed out where a window maps them. Writers put page data in the order of the pages,
// so the window only goes forward; data behind it (pages that share theirs) are read one by one.
#include "compress/codec.h"
#include "src/input/kdump_member.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace vmsift {
namespace {

constexpr std::size_t kStoredPerFetch = 256;
constexpr std::size_t kPagesPerFetch = 64;
constexpr std::size_t kMinDescriptors = 64;  // that are read in one go
constexpr std::size_t kMaxDescriptors = 512;
constexpr FileWindow::Plan kDataAhead = {FileWindow::kReadBytes, 1U << 20};
// Page data that stand apart and are kept: pages that are equal to them tend to come often.
constexpr std::size_t kMaxStrays = 16;
constexpr std::size_t kStrayBytes = 64U << 10;

class KdumpReader : public PageReader {
 public:
  KdumpReader(std::span<const KdumpMember> members, const KdumpIndex& index,
              std::span<const std::byte> zeros, ReadMode mode)
      : members_(members),
        zeros_(zeros),
        mode_(mode),
        cursor_(index),
        strays_(std::clamp<std::size_t>(kStrayBytes / zeros.size(), 1, kMaxStrays)) {}

  std::size_t fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) override;
  std::size_t fetch_stored(std::span<const Pfn> pfns, std::span<StoredPage> pages) override;
  bool intact() override { return !windows_[0].data || windows_[0].data->intact(); }
  [[nodiscard]] std::string last_error() const override { return last_error_; }

 private:
  struct Window {
    const KdumpMember* member = nullptr;
    std::unique_ptr<FileWindow> data;
    std::uint64_t begin = 0;  // of what it was moved to
  };
  struct Stray {
    const KdumpMember* member = nullptr;
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
    std::uint64_t used_by = 0;  // fetch that handed it out
    std::vector<std::byte> bytes;
  };
  enum class Outcome : std::uint8_t { done, next_fetch };

  std::size_t enter(std::span<const Pfn> pfns);
  void use_member(const KdumpMember& member);
  Outcome stored(Pfn pfn, std::uint64_t wanted, StoredPage& page);
  const std::byte* descriptor(std::uint64_t nth, std::uint64_t wanted, Pfn pfn);
  [[nodiscard]] Result<void> check(const kdump::Descriptor& d);
  Outcome find_data(const kdump::Descriptor& d, StoredPage& page);
  Outcome find_stray(const kdump::Descriptor& d, StoredPage& page);
  const std::byte* unpack(const StoredPage& stored, std::span<std::byte> page);
  Decoder* decoder(std::uint32_t page_flag);

  std::span<const KdumpMember> members_;
  std::span<const std::byte> zeros_;
  ReadMode mode_;
  KdumpIndex::Cursor cursor_;
  const KdumpMember* member_ = nullptr;  // of the last fetch, has windows_[0]
  std::array<Window, 2> windows_;        // struct pages may lie in another member than their pages
  bool handed_out_ = false;              // bytes of windows_[0], in this fetch
  std::vector<std::byte> descriptors_;
  std::uint64_t first_descriptor_ = 0;
  std::uint64_t known_descriptors_ = 0;
  std::vector<Stray> strays_;
  std::size_t next_stray_ = 0;
  std::uint64_t stray_end_ = 0;  // where the last one ended
  std::uint64_t fetches_ = 0;
  std::uint32_t known_flag_ = 0;
  std::vector<std::byte> pages_;
  std::array<StoredPage, kPagesPerFetch> stored_;
  std::vector<std::pair<std::uint32_t, std::unique_ptr<Decoder>>> decoders_;
  std::string last_error_;
};

// How many of the pages are in the member that has the first of them; it is used from here on. For
// pages of no member: how many follow each other, and there is no member.
std::size_t KdumpReader::enter(std::span<const Pfn> pfns) {
  const auto member = std::find_if(members_.begin(), members_.end(), [&](const KdumpMember& m) {
    return pfns.front() < m.pages.end;
  });
  const bool inside = member != members_.end() && pfns.front() >= member->pages.begin;
  const Pfn end = member == members_.end() ? ~Pfn{0}
                  : inside                 ? member->pages.end
                                           : member->pages.begin;
  if (inside) {
    use_member(*member);
  } else {
    member_ = nullptr;
  }
  if (pfns.back() < end) return pfns.size();
  const auto last = std::lower_bound(pfns.begin(), pfns.end(), end);
  return std::max<std::size_t>(1, static_cast<std::size_t>(last - pfns.begin()));
}

void KdumpReader::use_member(const KdumpMember& member) {
  member_ = &member;
  if (windows_[0].member == &member) return;
  std::swap(windows_[0], windows_[1]);
  known_descriptors_ = 0;
  if (windows_[0].member == &member) return;
  windows_[0] = {&member, std::make_unique<FileWindow>(*member.file, mode_), 0};
}

std::size_t KdumpReader::fetch_stored(std::span<const Pfn> pfns, std::span<StoredPage> pages) {
  last_error_.clear();
  handed_out_ = false;
  ++fetches_;
  const std::size_t n = enter(pfns.first(std::min({pfns.size(), pages.size(), kStoredPerFetch})));
  for (std::size_t i = 0; i < n; ++i) {
    pages[i] = {};
    if (member_ == nullptr) continue;
    if (stored(pfns[i], pfns[n - 1] - pfns[i] + 1, pages[i]) == Outcome::next_fetch) return i;
  }
  return n;
}

auto KdumpReader::stored(Pfn pfn, std::uint64_t wanted, StoredPage& page) -> Outcome {
  const auto rank = cursor_.rank(pfn);
  if (!rank) {
    last_error_ = cursor_.error();
    return Outcome::done;
  }
  if (!rank->set) return Outcome::done;  // left out, which is no failure
  const std::byte* const raw = descriptor(rank->before - member_->first, wanted, pfn);
  if (raw == nullptr) return Outcome::done;
  const kdump::Descriptor d = kdump::decode_descriptor(raw, member_->order);
  if (d.offset == member_->zero_offset && d.offset != 0 && d.flags == 0 &&
      d.size == zeros_.size()) {
    page = {zeros_, 0, true};
    return Outcome::done;
  }
  if (auto checked = check(d); !checked) {
    last_error_ = checked.message();
    return Outcome::done;
  }
  return find_data(d, page);
}

const std::byte* KdumpReader::descriptor(std::uint64_t nth, std::uint64_t wanted, Pfn pfn) {
  if (nth < first_descriptor_ || nth - first_descriptor_ >= known_descriptors_) {
    const auto n = static_cast<std::size_t>(
        std::clamp<std::uint64_t>(wanted, kMinDescriptors, kMaxDescriptors));
    descriptors_.resize(kMaxDescriptors * kdump::kDescriptorBytes);
    known_descriptors_ = 0;
    const std::uint64_t at = member_->header.descriptors_offset() + nth * kdump::kDescriptorBytes;
    const auto read = [&](std::size_t count) {
      return member_->file->read_at(at,
                                    std::span(descriptors_).first(count * kdump::kDescriptorBytes));
    };
    auto got = read(n);
    if (!got) got = read(1);  // a bad place must not take its neighbours with it
    if (!got) {
      last_error_ = got.message();
      return nullptr;
    }
    first_descriptor_ = nth;
    known_descriptors_ = *got / kdump::kDescriptorBytes;
    if (known_descriptors_ == 0) {
      last_error_ = fmt::format("{}: the descriptor of page {:#x} is beyond the end of the file",
                                member_->file->path(), pfn);
      return nullptr;
    }
  }
  return &descriptors_[static_cast<std::size_t>(nth - first_descriptor_) * kdump::kDescriptorBytes];
}

Result<void> KdumpReader::check(const kdump::Descriptor& d) {
  const std::uint64_t file_size = member_->file->size();
  if (d.offset == 0) return error("the page was lost when the dump was written");
  if (d.size == 0 || d.size > zeros_.size() || d.offset > file_size ||
      d.size > file_size - d.offset) {
    return error("page data of {} bytes at {:#x} is outside of the file", d.size, d.offset);
  }
  if (d.flags == 0) {
    if (d.size != zeros_.size()) return error("raw page of {} bytes", d.size);
  } else if (d.flags != known_flag_) {
    if (find_codec_by_page_flag(d.flags) == nullptr) {
      return error("page flags {:#x} name no known codec", d.flags);
    }
    known_flag_ = d.flags;
  }
  return {};
}

auto KdumpReader::find_data(const kdump::Descriptor& d, StoredPage& page) -> Outcome {
  Window& window = windows_[0];
  const std::byte* data = window.data->at(d.offset, d.size);
  if (data == nullptr) {
    if (d.offset < window.begin && d.offset != stray_end_) return find_stray(d, page);
    // What was handed out already would go with the window.
    if (handed_out_) return Outcome::next_fetch;
    if (auto moved = window.data->move_to(d.offset, d.size, kDataAhead); !moved) {
      last_error_ = moved.message();
      return Outcome::done;
    }
    window.begin = d.offset;
    data = window.data->at(d.offset, d.size);
  }
  handed_out_ = true;
  page = {{data, d.size}, d.flags, false};
  return Outcome::done;
}

auto KdumpReader::find_stray(const kdump::Descriptor& d, StoredPage& page) -> Outcome {
  auto stray = std::find_if(strays_.begin(), strays_.end(), [&](const Stray& s) {
    return s.member == member_ && s.offset == d.offset && s.size == d.size;
  });
  if (stray == strays_.end()) {
    stray = strays_.begin() + static_cast<std::ptrdiff_t>(next_stray_);
    if (stray->used_by == fetches_) return Outcome::next_fetch;
    next_stray_ = (next_stray_ + 1) % strays_.size();
    stray->member = nullptr;
    stray->bytes.resize(zeros_.size());
    if (auto read = member_->file->read_exactly(d.offset, std::span(stray->bytes).first(d.size));
        !read) {
      last_error_ = read.message();
      return Outcome::done;
    }
    stray->member = member_;
    stray->offset = d.offset;
    stray->size = d.size;
    stray_end_ = d.offset + d.size;
  }
  stray->used_by = fetches_;
  page = {std::span(stray->bytes).first(d.size), d.flags, false};
  return Outcome::done;
}

Decoder* KdumpReader::decoder(std::uint32_t page_flag) {
  for (const auto& [flag, decoder] : decoders_) {
    if (flag == page_flag) return decoder.get();
  }
  decoders_.emplace_back(page_flag, find_codec_by_page_flag(page_flag)->decoder());
  return decoders_.back().second.get();
}

const std::byte* KdumpReader::unpack(const StoredPage& stored, std::span<std::byte> page) {
  if (stored.bytes.empty()) return nullptr;
  if (stored.page_flag == 0) return stored.bytes.data();
  Decoder* const decode = decoder(stored.page_flag);
  if (decode != nullptr && decode->decode(stored.bytes, page)) return page.data();
  last_error_ = fmt::format("page data of {} bytes is no valid {} stream", stored.bytes.size(),
                            find_codec_by_page_flag(stored.page_flag)->name);
  return nullptr;
}

std::size_t KdumpReader::fetch(std::span<const Pfn> pfns, std::span<const std::byte*> pages) {
  const std::size_t page = zeros_.size();
  const std::size_t most =
      std::clamp<std::size_t>(FileWindow::kReadBytes / page, 1, kPagesPerFetch);
  const std::size_t n = std::min({pfns.size(), pages.size(), most});
  pages_.resize(std::max(pages_.size(), n * page));
  std::size_t got = 0;
  do {  // once more where the mapping faulted: what was decoded is void, whatever came of it
    got = fetch_stored(pfns.first(n), stored_);
    for (std::size_t i = 0; i < got; ++i) {
      pages[i] = unpack(stored_[i], std::span(pages_).subspan(i * page, page));
    }
  } while (!intact());
  return got;
}

}  // namespace

std::unique_ptr<PageReader> make_kdump_reader(std::span<const KdumpMember> members,
                                              const KdumpIndex& index,
                                              std::span<const std::byte> zeros, ReadMode mode) {
  return std::make_unique<KdumpReader>(members, index, zeros, mode);
}

std::size_t kdump_reader_memory(std::size_t page_size, ReadMode mode) {
  const std::size_t pages = std::max(FileWindow::kReadBytes, page_size);
  const std::size_t strays = std::max(kStrayBytes, page_size);
  return pages + strays + kMaxDescriptors * kdump::kDescriptorBytes + 2 * FileWindow::memory(mode);
}

}  // namespace vmsift
