// SPDX-License-Identifier: GPL-2.0-or-later
// The log of 3.5 to 5.9: records one behind the other in log_buf, each a header (`struct log`,
// renamed `printk_log` in 3.11), text and dictionary, `len` bytes in all. log_first_idx and
// log_next_idx are the offsets of the oldest record and of the next to come. A header with len 0
// sends the reader to the start of the buffer. From 5.1 on a header may say who logged.
#include "mm-model/printk_reader.h"

#include <algorithm>
#include <array>
#include <vector>

namespace vmsift {
namespace {

constexpr std::uint32_t kMaxHeader = 64;  // 16 bytes, 24 with caller_id

struct RecordLayout {
  std::uint32_t size = 0;  // of the header
  std::uint32_t ts_nsec = 0;
  std::uint32_t len = 0;
  std::uint32_t text_len = 0;
  std::optional<std::uint32_t> caller_id;

  static Result<RecordLayout> detect(const Vmcoreinfo& note) {
    RecordLayout layout;
    const std::string_view name = note.size("printk_log") ? "printk_log" : "log";
    layout.size = note.size(name).value_or(0);
    const struct {
      std::string_view field;
      std::uint32_t bytes;
      std::uint32_t& to;
    } fields[] = {
        {"ts_nsec", 8, layout.ts_nsec}, {"len", 2, layout.len}, {"text_len", 2, layout.text_len}};
    if (layout.size == 0 || layout.size > kMaxHeader) {
      return error("SIZE(printk_log) is missing or impossible");
    }
    for (const auto& f : fields) {
      const auto offset = note.offset(fmt::format("{}.{}", name, f.field));
      if (!offset || *offset + f.bytes > layout.size) {
        return error("OFFSET({}.{}) is missing or outside of SIZE({})", name, f.field, name);
      }
      f.to = *offset;
    }
    layout.caller_id = note.offset(fmt::format("{}.caller_id", name));
    if (layout.caller_id && *layout.caller_id + 4 > layout.size) layout.caller_id.reset();
    return layout;
  }
};

struct Record {
  std::uint64_t ts_nsec = 0;
  std::uint32_t len = 0;
  std::uint32_t text_len = 0;
  std::optional<std::uint32_t> caller;
};

class RecordLog {
 public:
  RecordLog(const LogReader& log, const RecordLayout& layout) : log_(log), layout_(layout) {}

  Result<void> read();

 private:
  Result<void> find();
  // Calls `visit(offset, record)` for each record from the oldest on, and for the header that ends
  // the buffer, which has no length but may be where the log was cleared. It moves forward at every
  // step and may pass the end of the buffer once, so that no links can make it go on for ever.
  // Returns why it ended before log_next_idx; empty: it did not.
  template <class Visit>
  std::string walk(const Visit& visit);
  std::optional<Record> header(std::uint32_t at);
  bool clear_mark_is_a_record();
  void write(std::uint32_t at, const Record& record);

  const LogReader& log_;
  const RecordLayout& layout_;
  VirtAddr buffer_;
  std::uint32_t size_ = 0;
  std::uint32_t first_ = 0;
  std::uint32_t next_ = 0;
  std::uint64_t bad_ = 0;
  std::vector<std::byte> text_;
};

Result<void> RecordLog::find() {
  auto buffer = log_.pointer("log_buf");
  if (!buffer) return buffer.take_error();
  auto size = log_.variable<std::uint32_t>("log_buf_len");
  if (!size) return size.take_error();
  auto first = log_.variable<std::uint32_t>("log_first_idx");
  if (!first) return first.take_error();
  auto next = log_.variable<std::uint32_t>("log_next_idx");
  if (!next) return next.take_error();
  if (*size < layout_.size || *size > LogReader::kMaxBufferBytes) {
    return error("log_buf_len {:#x} cannot be", *size);
  }
  if (*first >= *size || *next > *size) {
    return error("log_first_idx {:#x} or log_next_idx {:#x} is beyond log_buf_len {:#x}", *first,
                 *next, *size);
  }
  buffer_ = *buffer;
  size_ = *size;
  first_ = *first;
  next_ = *next;
  return {};
}

std::optional<Record> RecordLog::header(std::uint32_t at) {
  std::array<std::byte, kMaxHeader> raw;
  if (!log_.memory.read(buffer_ + at, std::span(raw).first(layout_.size))) return std::nullopt;
  Record r;
  r.ts_nsec = load<std::uint64_t>(&raw[layout_.ts_nsec], log_.order);
  r.len = load<std::uint16_t>(&raw[layout_.len], log_.order);
  r.text_len = load<std::uint16_t>(&raw[layout_.text_len], log_.order);
  if (layout_.caller_id) r.caller = load<std::uint32_t>(&raw[*layout_.caller_id], log_.order);
  return r;
}

template <class Visit>
std::string RecordLog::walk(const Visit& visit) {
  std::uint32_t at = first_;
  bool wrapped = false;
  while (at != next_ && log_.text.good()) {
    // Beyond it is what was never written, or the oldest record once more.
    const std::uint32_t end = wrapped || first_ < next_ ? next_ : size_;
    if (at > end || layout_.size > end - at) {
      return fmt::format("a record at {:#x} is out of place", at);
    }
    const auto record = header(at);
    if (!record) return fmt::format("the record at {:#x} is not in the dump", at);
    if (record->len == 0) {
      if (wrapped || first_ < next_) return fmt::format("the record at {:#x} has no length", at);
      visit(at, *record);
      wrapped = true;
      at = 0;
      continue;
    }
    if (record->len < layout_.size || record->len > end - at) {
      return fmt::format("the record at {:#x} has an impossible length of {}", at, record->len);
    }
    visit(at, *record);
    at += record->len;
  }
  return {};
}

// clear_idx stays where it is when newer records are written over that place. 0 is where it begins:
// the log was never cleared (no record but the first is stored while log_next_idx is 0).
bool RecordLog::clear_mark_is_a_record() {
  const auto clear = log_.variable<std::uint32_t>("clear_idx");
  if (!clear) {
    log_.warn("is given from its begin: {}", clear.message());
    return false;
  }
  if (*clear == 0) return false;
  bool found = *clear == next_;
  walk([&](std::uint32_t at, const Record&) { found = found || at == *clear; });
  return found;
}

void RecordLog::write(std::uint32_t at, const Record& record) {
  if (record.len == 0) return;
  if (record.text_len > record.len - layout_.size) {
    ++bad_;
    return;
  }
  text_.resize(record.text_len);
  if (!log_.memory.read(buffer_ + at + layout_.size, text_)) {
    ++bad_;
    return;
  }
  log_.text.record(record.ts_nsec, record.caller, text_);
}

Result<void> RecordLog::read() {
  if (auto found = find(); !found) return found;
  bool shown = true;
  std::uint32_t clear = 0;
  if (log_.since_clear && clear_mark_is_a_record()) {
    clear = *log_.variable<std::uint32_t>("clear_idx");
    shown = false;
  }
  const auto ended = walk([&](std::uint32_t at, const Record& record) {
    shown = shown || at == clear;
    if (shown) write(at, record);
  });
  if (!ended.empty()) log_.damaged("ends early: {}", ended);
  if (bad_ != 0) log_.damaged("lacks {} records that are damaged or not in the dump", bad_);
  return {};
}

}  // namespace

Result<void> read_record_log(const LogReader& log) {
  auto layout = RecordLayout::detect(log.note);
  if (!layout) return layout.take_error();
  return RecordLog(log, *layout).read();
}

}  // namespace vmsift
