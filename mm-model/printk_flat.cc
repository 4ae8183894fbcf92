// SPDX-License-Identifier: GPL-2.0-or-later
// The log before 3.5: one ring of characters, `char *log_buf` of log_buf_len bytes. log_end counts
// all characters ever logged, logged_chars those since the last clear, up to log_buf_len. Lines
// begin with "<6>" and the time where the kernel was told to print it; they are given as they are.
#include "mm-model/printk_reader.h"

#include <algorithm>
#include <array>
#include <bit>

namespace vmsift {
namespace {

// An unsigned long before 2.6.25 and an unsigned after. The low half is enough, since the ring is
// no larger; it comes second in an unsigned long of a big-endian machine, behind a half that is 0.
Result<std::uint32_t> read_log_end(const LogReader& log) {
  auto first = log.variable<std::uint32_t>("log_end");
  if (!first || *first != 0 || log.order == ByteOrder::little || log.word_bytes() == 4) {
    return first;
  }
  const auto second = log.memory.read_value<std::uint32_t>(*log.note.symbol("log_end") + 4);
  return second.value_or(0);
}

}  // namespace

Result<void> read_flat_log(const LogReader& log) {
  auto buffer = log.pointer("log_buf");
  if (!buffer) return buffer.take_error();
  auto size = log.variable<std::uint32_t>("log_buf_len");
  if (!size) return size.take_error();
  if (!std::has_single_bit(*size) || *size > LogReader::kMaxBufferBytes) {
    return error("log_buf_len {:#x} is no power of two", *size);
  }
  auto end = read_log_end(log);
  if (!end) return end.take_error();
  auto logged = log.variable<std::uint32_t>("logged_chars");
  if (!logged && log.since_clear) return logged.take_error();

  // A ring that is full since the last clear is full, though log_end may have wrapped to below.
  const bool full = *end >= *size || (logged && *logged >= *size);
  std::uint32_t count = full ? *size : *end;
  if (log.since_clear) count = std::min(count, *logged);

  // In pieces that do not cross a page, nor the end of the ring.
  constexpr std::uint32_t kPiece = 4096;
  std::array<std::byte, kPiece> bytes;
  std::uint64_t lost = 0;
  std::uint32_t at = *end - count;  // modulo 2^32, of which the size of the ring is a divisor
  while (count != 0 && log.text.good()) {
    const VirtAddr from = *buffer + (at & (*size - 1));
    const auto in_page = kPiece - static_cast<std::uint32_t>(from.value % kPiece);
    const std::uint32_t n = std::min({count, in_page, *size - (at & (*size - 1))});
    const auto piece = std::span(bytes).first(n);
    if (log.memory.read(from, piece)) {
      log.text.lines(piece);
    } else {
      lost += n;
    }
    at += n;
    count -= n;
  }
  if (lost != 0) log.damaged("lacks {} characters that the dump does not hold", lost);
  return {};
}

}  // namespace vmsift
