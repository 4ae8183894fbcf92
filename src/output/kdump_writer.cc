// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/kdump_writer.h"

#include "src/base/bitmap.h"
#include "src/copy/batch.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace vmsift {
namespace {

constexpr std::size_t kDescriptorBuffer = 64U << 10;

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

std::uint64_t count_bits(std::span<const std::byte> bytes) {
  // BitSpan is a view of what may be changed; counting changes nothing.
  return BitSpan({const_cast<std::byte*>(bytes.data()), bytes.size()}).count();
}

}  // namespace

KdumpWriter::KdumpWriter(std::unique_ptr<ByteSink> sink, const KdumpSpec& spec)
    : sink_(std::move(sink)),
      header_(spec.header),
      order_(spec.order),
      codec_(*spec.codec),
      share_zero_page_(spec.share_zero_page),
      encoder_(spec.codec->encoder(spec.header.block_size)) {
  if (!encoder_) throw std::bad_alloc();
  if (spec.dedup != nullptr) shared_.emplace(*spec.dedup);
  header_.status |= kdump::kIncomplete;
  if (spec.notes.empty()) return;
  header_.notes_offset = header_.block_size + header_.sub_header_bytes();
  header_.notes_size = spec.notes.size();
  if (header_.vmcoreinfo_size != 0) {
    header_.vmcoreinfo_offset = header_.notes_offset + spec.vmcoreinfo_at;
  }
}

Result<std::unique_ptr<KdumpWriter>> KdumpWriter::create(std::unique_ptr<ByteSink> sink,
                                                         const KdumpSpec& spec) {
  std::unique_ptr<KdumpWriter> writer(new KdumpWriter(std::move(sink), spec));
  if (auto written = writer->write_headers(spec.notes); !written) {
    writer->sink_->discard();
    return writer->sink_->no_beginning(written.take_error());
  }
  return writer;
}

Result<void> KdumpWriter::write_headers(std::span<const std::byte> notes) {
  std::vector<std::byte> block(header_.block_size);
  kdump::encode_main(header_, order_, block);
  const std::span<const std::byte> bytes(block);
  const std::size_t status = header_.status_offset();
  // Everything but the status, which comes in the end; until then it says "incomplete".
  if (auto written = sink_->write_provisional(0, bytes); !written) return written;
  if (!sink_->can_read_back()) {
    if (auto written = sink_->write_at(0, bytes.first(status)); !written) return written;
    const auto rest = bytes.subspan(status + kdump::kStatusBytes);
    if (auto written = sink_->write_at(status + kdump::kStatusBytes, rest); !written) {
      return written;
    }
  }
  if (auto written = write_sub_header(); !written) return written;
  const std::uint64_t notes_at = header_.block_size + header_.sub_header_bytes();
  if (auto written = sink_->write_at(notes_at, notes); !written) return written;
  if (!sink_->can_read_back()) {
    const std::uint64_t end = notes_at + notes.size();
    if (auto written = sink_->write_zeros(end, header_.bitmap1_offset() - end); !written) {
      return written;
    }
  }
  // Readers refuse a file that is shorter than its bitmaps.
  descriptors_end_ = end_ = header_.descriptors_offset();
  return sink_->set_least_size(end_);
}

Result<void> KdumpWriter::write_sub_header() {
  std::vector<std::byte> sub(header_.sub_header_bytes());
  kdump::encode_sub(header_, order_, sub);
  return sink_->write_at(header_.block_size, sub);
}

// Zeros are not written to files, so that holes of any size cost nothing there.
Result<void> KdumpWriter::put_bitmap_bytes(std::uint64_t bitmap_offset, std::uint64_t at,
                                           std::span<const std::byte> bytes) {
  if (at > bitmap_bytes_ && !sink_->can_read_back()) {
    if (auto written = sink_->write_zeros(bitmap_offset + bitmap_bytes_, at - bitmap_bytes_);
        !written) {
      return written;
    }
  }
  return all_zero(bytes) ? sink_->write_zeros(bitmap_offset + at, bytes.size())
                         : sink_->write_at(bitmap_offset + at, bytes);
}

std::uint64_t KdumpWriter::byte_of(Pfn first) const {
  return (first - std::min(first, header_.first_pfn)) / 8;
}

// How much of a window lies in front of the first bit.
std::size_t KdumpWriter::bytes_outside(Pfn first, std::size_t bytes) const {
  const Pfn before = header_.first_pfn - std::min(first, header_.first_pfn);
  return static_cast<std::size_t>(std::min<std::uint64_t>(before / 8, bytes));
}

Result<void> KdumpWriter::put_window(Pfn first, std::span<const std::byte> exists,
                                     std::span<const std::byte> kept) {
  const std::size_t outside = bytes_outside(first, exists.size());
  if (outside == exists.size()) return {};
  exists = exists.subspan(outside);
  kept = kept.subspan(outside);
  const std::uint64_t at = byte_of(first);
  const std::uint64_t room = header_.bitmap_bytes() - std::min(at, header_.bitmap_bytes());
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(exists.size(), room));
  if (auto put = put_bitmap_bytes(header_.bitmap1_offset(), at, exists.first(n)); !put) return put;
  if (auto put = put_bitmap_bytes(header_.bitmap2_offset(), at, kept.first(n)); !put) return put;
  bitmap_bytes_ = at + n;
  pages_ += count_bits(kept);
  return {};
}

Result<void> KdumpWriter::read_kept(Pfn first, std::span<std::byte> kept) const {
  std::memset(kept.data(), 0, kept.size());
  kept = kept.subspan(bytes_outside(first, kept.size()));
  const std::uint64_t at = byte_of(first);
  const std::uint64_t room = header_.bitmap_bytes() - std::min(at, header_.bitmap_bytes());
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(kept.size(), room));
  return sink_->read_back(header_.bitmap2_offset() + at, kept.first(n));
}

Result<void> KdumpWriter::set_range(PfnRange range, std::uint64_t pages) {
  header_.split = true;
  header_.start_pfn = range.begin;
  header_.end_pfn = range.end;
  pages_ = pages;
  return write_sub_header();
}

Result<void> KdumpWriter::begin_pages() {
  if (auto put = put_bitmap_bytes(header_.bitmap1_offset(), header_.bitmap_bytes(), {}); !put) {
    return put;
  }
  if (auto put = put_bitmap_bytes(header_.bitmap2_offset(), header_.bitmap_bytes(), {}); !put) {
    return put;
  }
  bitmap_bytes_ = header_.bitmap_bytes();
  // Room is taken now, so that a disk that fills up later has some for the descriptors of what it
  // holds.
  const std::uint64_t bytes = pages_ * kdump::kDescriptorBytes;
  if (auto reserved = sink_->reserve(end_, bytes); !reserved) {
    return reserved.take_error().context(fmt::format("{} page descriptors", pages_));
  }
  end_ += bytes;
  if (share_zero_page_ && pages_ != 0) {
    const std::vector<std::byte> zeros(header_.block_size);
    if (auto written = sink_->write_at(end_, zeros); !written) return written;
    zero_page_ = {end_, header_.block_size, 0};
    end_ += zeros.size();
  }
  return {};
}

Result<void> KdumpWriter::place_fill(std::byte fill) {
  kdump::Descriptor& d = fills_[std::to_integer<std::size_t>(fill)];
  if (d.offset != 0) return {};
  const std::vector<std::byte> page(header_.block_size, fill);
  std::vector<std::byte> out(page.size() + codec_.slack(page.size()));
  const std::byte* from = page.data();
  std::uint32_t size = 0;
  encoder_->encode({&from, 1}, out, {&size, 1});
  if (auto written = write_data(std::span(out).first(size), {}); !written) return written;
  d = {end_ - size, size, size == header_.block_size ? 0 : codec_.page_flag};
  return {};
}

// At `end_`, as much as there is room for; `end_` says how much that was.
Result<void> KdumpWriter::write_data(std::span<const std::byte> data,
                                     std::span<const std::byte> frame) {
  if (data.empty()) return {};
  const std::uint64_t due = descriptors_.size() + kMaxBatchPages * kdump::kDescriptorBytes;
  const std::uint64_t room = sink_->room_for_data(due + kdump::kStatusBytes, 2);
  const std::size_t stored = frame.empty() ? data.size() : frame.size();
  // Of data that are framed all or nothing.
  const std::size_t fits = room >= stored  ? data.size()
                           : frame.empty() ? static_cast<std::size_t>(room)
                                           : 0;
  auto written = sink_->write_framed(end_, data.first(fits),
                                     fits == data.size() ? frame : std::span<const std::byte>());
  end_ += written.bytes;
  if (written.failure) return std::move(*written.failure);
  if (fits < data.size()) return sink_->over_limit();
  return {};
}

// Data first, descriptors only behind them. What is in the dump already is not written again.
Result<void> KdumpWriter::place_data(const StoredPages& p) {
  std::size_t at = 0;     // in p.data, of the next page
  std::size_t begin = 0;  // of what is not written yet
  const std::uint64_t first = end_;
  std::uint64_t left_out = 0;
  placed_.fill(0);
  for (std::size_t i = 0; i < p.sizes.size(); ++i) {
    if (!has_data(p.sizes[i])) continue;
    if (shared_ && p.frame.empty() && !p.hashes.empty()) {
      if (const auto known = shared_->find(p.pfns[i], p.hashes[i], p.sizes[i])) {
        if (auto done = write_data(p.data.subspan(begin, at - begin), {}); !done) return done;
        placed_[i] = *known;
        left_out += p.sizes[i];
        begin = at += p.sizes[i];
        continue;
      }
      shared_->remember(p.pfns[i], p.hashes[i], p.sizes[i], first + at - left_out);
    }
    placed_[i] = first + at - left_out;
    at += p.sizes[i];
  }
  return write_data(p.data.subspan(begin), begin == 0 ? p.frame : std::span<const std::byte>());
}

void KdumpWriter::describe(const StoredPages& p) {
  std::array<std::byte, kdump::kDescriptorBytes> raw{};
  for (std::size_t i = 0; i < p.sizes.size(); ++i) {
    const std::uint32_t size = p.sizes[i];
    kdump::Descriptor d;  // all zeros: lost
    if (size == kStoredZero) {
      d = zero_page_;
    } else if (is_fill(size)) {
      d = fills_[std::to_integer<std::size_t>(fill_of(size))];
    } else if (size != kStoredLost && placed_[i] + size <= end_) {
      d = {placed_[i], size, size == header_.block_size ? 0 : codec_.page_flag};
    }
    kdump::encode_descriptor(d, order_, raw.data());
    descriptors_.insert(descriptors_.end(), raw.begin(), raw.end());
  }
}

Result<void> KdumpWriter::put_pages(const StoredPages& pages) {
  for (const std::uint32_t size : pages.sizes) {
    if (!is_fill(size)) continue;
    if (auto placed = place_fill(fill_of(size)); !placed) return placed;
  }
  auto placed = place_data(pages);
  describe(pages);
  if (!placed) return placed;
  return descriptors_.size() >= kDescriptorBuffer ? flush_descriptors() : Result<void>();
}

Result<void> KdumpWriter::flush_descriptors() {
  auto written = sink_->write_at(descriptors_end_, descriptors_);
  if (written) descriptors_end_ += descriptors_.size();
  descriptors_.clear();
  return written;
}

Result<void> KdumpWriter::finish(bool complete) {
  if (auto written = flush_descriptors(); !written) return written;
  if (auto synced = sink_->sync(); !synced) return synced;
  if (complete) header_.status &= ~kdump::kIncomplete;
  std::array<std::byte, kdump::kStatusBytes> status;
  store(status.data(), header_.status, order_);
  if (auto written = sink_->write_at(header_.status_offset(), status); !written) return written;
  if (auto synced = sink_->sync(); !synced) return synced;
  return sink_->finish();
}

}  // namespace vmsift
