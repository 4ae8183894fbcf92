// SPDX-License-Identifier: GPL-2.0-or-later
// Writes a kdump-compressed file, born incomplete: the first bytes on disk carry the incomplete
// flag, bitmaps stand in full before any page, a descriptor is written only after its data, and the
// flag goes when all of it is on disk. A full disk, a kill or a power cut leaves what was saved
// until then readable; pages that did not make it have a descriptor of zeros.
#pragma once

#include "src/base/file.h"
#include "src/base/types.h"
#include "src/kdump/format.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vmsift {

class KdumpWriter {
 public:
  // Creates `path` with mode 0600; an existing file only with `overwrite`. header.plan() has been
  // called; `notes` go behind the sub header and header.notes_size etc. are set here.
  // `vmcoreinfo_at` is the offset of the VMCOREINFO text within the notes.
  static Result<KdumpWriter> create(const std::string& path, bool overwrite, kdump::Header header,
                                    ByteOrder order, std::span<const std::byte> notes,
                                    std::uint64_t vmcoreinfo_at);

  // Both bitmaps of some page frames from `first` (a multiple of 8) on; bytes of zeros are not
  // written, so that holes of any size cost nothing.
  Result<void> put_bitmaps(Pfn first, std::span<const std::byte> exists,
                           std::span<const std::byte> kept);
  // What put_bitmaps() wrote as bitmap 2, zeros where it wrote nothing.
  Result<void> read_kept(Pfn first, std::span<std::byte> kept) const;

  // After the last bitmap: room for `pages` descriptors. With `share_zero_page` one zero page is
  // written that all kStoredZero descriptors share.
  Result<void> begin_pages(std::uint64_t pages, bool share_zero_page);

  // Pages in pfn order: the data of some of them, and the stored size of each (kStoredZero and
  // kStoredLost have no data). Data are written first, descriptors only behind them.
  Result<void> put_pages(std::span<const std::byte> data, std::span<const std::uint32_t> sizes,
                         std::uint32_t codec_flag);

  // Writes what is still in memory; `complete` also takes the incomplete flag off once everything
  // is on disk.
  Result<void> finish(bool complete);

  // Removes the file: for failures before anything worth keeping was written.
  void discard();

  [[nodiscard]] const std::string& path() const { return file_.path(); }

 private:
  KdumpWriter(File file, kdump::Header header, ByteOrder order)
      : file_(std::move(file)), header_(std::move(header)), order_(order) {}

  Result<void> write_headers(std::span<const std::byte> notes);
  Result<void> write_main_header();
  Result<void> write_sparse(std::uint64_t offset, std::span<const std::byte> bytes);
  Result<void> flush_descriptors();

  File file_;
  kdump::Header header_;
  ByteOrder order_;
  std::uint64_t end_ = 0;               // where the next page data goes
  std::uint64_t zero_page_ = 0;         // file offset of the shared zero page
  std::uint64_t descriptors_end_ = 0;   // where the next descriptor goes
  std::vector<std::byte> descriptors_;  // not written yet
};

}  // namespace vmsift
