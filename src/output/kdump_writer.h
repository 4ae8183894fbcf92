// SPDX-License-Identifier: GPL-2.0-or-later
// Writes a kdump-compressed dump, born incomplete: the first bytes on disk carry the incomplete
// flag, bitmaps stand in full before any page, a descriptor is written only after its data, and the
// flag goes when all of it is on disk. A full disk, a kill or a power cut leaves what was saved
// until then readable; pages that did not make it have a descriptor of zeros.
// A stream can take nothing back: there the flag is written last, and a stream that was cut short
// is told by its missing end.
#pragma once

#include "compress/codec.h"
#include "src/kdump/format.h"
#include "src/output/dump_writer.h"
#include "src/output/shared_pages.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vmsift {

// What describes a dump, beside its pages.
struct KdumpSpec {
  // plan() has been called, and no memory is below first_pfn, a multiple of 8; places of notes are
  // set here.
  kdump::Header header;
  ByteOrder order = ByteOrder::little;
  std::span<const std::byte> notes;  // behind the sub header
  std::uint64_t vmcoreinfo_at = 0;   // of the VMCOREINFO text within the notes
  const Codec* codec = nullptr;
  bool share_zero_page = false;         // one raw zero page in front of all page data
  const MemorySource* dedup = nullptr;  // compare pages of this source and share equal ones
};

class KdumpWriter final : public DumpWriter {
 public:
  // Writes the headers. An error leaves nothing behind.
  static Result<std::unique_ptr<KdumpWriter>> create(std::unique_ptr<ByteSink> sink,
                                                     const KdumpSpec& spec);

  Result<void> put_window(Pfn first, std::span<const std::byte> exists,
                          std::span<const std::byte> kept) override;
  [[nodiscard]] bool remembers_kept() const override { return sink_->can_read_back(); }
  Result<void> read_kept(Pfn first, std::span<std::byte> kept) const override;
  Result<void> set_range(PfnRange range, std::uint64_t pages) override;
  Result<void> begin_pages() override;
  Result<void> put_pages(const StoredPages& pages) override;
  Result<void> finish(bool complete) override;
  [[nodiscard]] ByteSink& sink() override { return *sink_; }
  [[nodiscard]] std::uint64_t shared_pages() const { return shared_ ? shared_->shared() : 0; }

 private:
  KdumpWriter(std::unique_ptr<ByteSink> sink, const KdumpSpec& spec);

  Result<void> write_headers(std::span<const std::byte> notes);
  Result<void> write_sub_header();
  // Of the bits of a window of page frames in a bitmap.
  [[nodiscard]] std::uint64_t byte_of(Pfn first) const;
  [[nodiscard]] std::size_t bytes_outside(Pfn first, std::size_t bytes) const;
  Result<void> put_bitmap_bytes(std::uint64_t bitmap_offset, std::uint64_t at,
                                std::span<const std::byte> bytes);
  Result<void> place_fill(std::byte fill);
  Result<void> place_data(const StoredPages& pages);
  Result<void> write_data(std::span<const std::byte> data, std::span<const std::byte> frame);
  void describe(const StoredPages& pages);
  Result<void> flush_descriptors();

  std::unique_ptr<ByteSink> sink_;
  kdump::Header header_;
  ByteOrder order_;
  const Codec& codec_;
  bool share_zero_page_;
  std::unique_ptr<Encoder> encoder_;  // for pages that one byte value fills
  std::optional<SharedPages> shared_;
  std::uint64_t bitmap_bytes_ = 0;              // of each bitmap that are written or zeros for good
  std::uint64_t pages_ = 0;                     // that are kept
  std::uint64_t end_ = 0;                       // where the next page data goes
  kdump::Descriptor zero_page_;                 // the shared one
  std::array<kdump::Descriptor, 256> fills_{};  // data of pages that a byte fills, once written
  std::array<std::uint64_t, 128> placed_{};     // offsets of the batch's data
  std::uint64_t descriptors_end_ = 0;           // where the next descriptor goes
  std::vector<std::byte> descriptors_;          // not written yet
};

}  // namespace vmsift
