// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/kdump_writer.h"

#include "src/copy/batch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace vmsift {
namespace {

constexpr std::size_t kDescriptorBuffer = 64U << 10;

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

Result<KdumpWriter> KdumpWriter::create(const std::string& path, bool overwrite,
                                        kdump::Header header, ByteOrder order,
                                        std::span<const std::byte> notes,
                                        std::uint64_t vmcoreinfo_at) {
  const int flags = O_RDWR | O_CREAT | (overwrite ? O_TRUNC : O_EXCL);
  auto file = File::open(path, flags, S_IRUSR | S_IWUSR);
  if (!file) {
    const bool exists = !overwrite && ::access(path.c_str(), F_OK) == 0;
    return error("cannot create the dump file {}{}", file.message(),
                 exists ? " (-f overwrites it)" : "");
  }
  struct stat st;
  if (::fstat(file->fd(), &st) != 0 || !S_ISREG(st.st_mode)) {
    return error("{}: not a regular file", path);
  }
  // A file that is overwritten keeps its mode otherwise, and memory is nobody else's to read.
  if (::fchmod(file->fd(), S_IRUSR | S_IWUSR) != 0) return system_error(errno, path);
  header.status |= kdump::kIncomplete;
  if (!notes.empty()) {
    header.notes_offset = header.block_size + kdump::kSubHeaderBytes;
    header.notes_size = notes.size();
    if (header.vmcoreinfo_size != 0) {
      header.vmcoreinfo_offset = header.notes_offset + vmcoreinfo_at;
    }
  }
  KdumpWriter writer(std::move(*file), std::move(header), order);
  if (auto written = writer.write_headers(notes); !written) {
    writer.discard();
    return written.take_error();
  }
  return writer;
}

Result<void> KdumpWriter::write_main_header() {
  std::vector<std::byte> block(header_.block_size);
  kdump::encode_main(header_, order_, block);
  return file_.write_at(0, block);
}

Result<void> KdumpWriter::write_headers(std::span<const std::byte> notes) {
  if (auto written = write_main_header(); !written) return written;
  std::array<std::byte, kdump::kSubHeaderBytes> sub{};
  kdump::encode_sub(header_, order_, sub);
  if (auto written = file_.write_at(header_.block_size, sub); !written) return written;
  if (auto written = file_.write_at(header_.block_size + sub.size(), notes); !written)
    return written;
  descriptors_end_ = end_ = header_.descriptors_offset();
  // Readers refuse a file that is shorter than its bitmaps.
  if (::ftruncate(file_.fd(), static_cast<off_t>(end_)) != 0) {
    return system_error(errno, fmt::format("{}: making room for bitmaps", path()));
  }
  return {};
}

Result<void> KdumpWriter::write_sparse(std::uint64_t offset, std::span<const std::byte> bytes) {
  return all_zero(bytes) ? Result<void>() : file_.write_at(offset, bytes);
}

Result<void> KdumpWriter::put_bitmaps(Pfn first, std::span<const std::byte> exists,
                                      std::span<const std::byte> kept) {
  if (auto written = write_sparse(header_.bitmap1_offset() + first / 8, exists); !written) {
    return written;
  }
  return write_sparse(header_.bitmap2_offset() + first / 8, kept);
}

Result<void> KdumpWriter::read_kept(Pfn first, std::span<std::byte> kept) const {
  const std::uint64_t room = header_.bitmap_bytes() - std::min(first / 8, header_.bitmap_bytes());
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(kept.size(), room));
  std::memset(kept.data(), 0, kept.size());
  return file_.read_exactly(header_.bitmap2_offset() + first / 8, kept.first(n));
}

Result<void> KdumpWriter::begin_pages(std::uint64_t pages, bool share_zero_page) {
  const std::uint64_t begin = header_.descriptors_offset();
  const std::uint64_t bytes = pages * kdump::kDescriptorBytes;
  // Taken now, so that a disk that fills up later has room for the descriptors of what it holds.
  if (bytes != 0 &&
      ::fallocate(file_.fd(), 0, static_cast<off_t>(begin), static_cast<off_t>(bytes)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
    return system_error(errno,
                        fmt::format("{}: making room for {} page descriptors", path(), pages));
  }
  end_ = begin + bytes;
  if (share_zero_page && pages != 0) {
    zero_page_ = end_;
    const std::vector<std::byte> zeros(header_.block_size);
    if (auto written = file_.write_at(end_, zeros); !written) return written;
    end_ += zeros.size();
  }
  return {};
}

Result<void> KdumpWriter::put_pages(std::span<const std::byte> data,
                                    std::span<const std::uint32_t> sizes,
                                    std::uint32_t codec_flag) {
  if (auto written = file_.write_at(end_, data); !written) return written;
  std::array<std::byte, kdump::kDescriptorBytes> raw{};
  std::uint64_t at = end_;
  for (const std::uint32_t size : sizes) {
    kdump::Descriptor d;  // all zeros: lost
    if (size == kStoredZero) {
      d = {zero_page_, header_.block_size, 0};
    } else if (size != kStoredLost) {
      d = {at, size, size == header_.block_size ? 0 : codec_flag};
      at += size;
    }
    kdump::encode_descriptor(d, order_, raw.data());
    descriptors_.insert(descriptors_.end(), raw.begin(), raw.end());
  }
  end_ += data.size();
  return descriptors_.size() >= kDescriptorBuffer ? flush_descriptors() : Result<void>();
}

Result<void> KdumpWriter::flush_descriptors() {
  auto written = file_.write_at(descriptors_end_, descriptors_);
  if (written) descriptors_end_ += descriptors_.size();
  descriptors_.clear();
  return written;
}

Result<void> KdumpWriter::finish(bool complete) {
  if (auto written = flush_descriptors(); !written) return written;
  if (auto synced = file_.sync(); !synced) return synced;
  if (complete) {
    header_.status &= ~kdump::kIncomplete;
    if (auto written = write_main_header(); !written) return written;
    if (auto synced = file_.sync(); !synced) return synced;
  }
  return file_.close();
}

void KdumpWriter::discard() {
  struct stat st;
  if (file_.is_open() && ::fstat(file_.fd(), &st) == 0 && S_ISREG(st.st_mode)) {
    ::unlink(path().c_str());
  }
}

}  // namespace vmsift
