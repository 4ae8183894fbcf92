// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/synthetic_log.h"

#include <algorithm>

namespace vmsift::test {

SyntheticLog::SyntheticLog(ByteOrder order, unsigned word)
    : base{word == 4 ? 0x80000000 : 0xffffffff80000000}, memory(kPages, order), word_(word) {
  memory.add({0, kPages});
  note.set("SIZE(list_head)", 2 * word);
}

SyntheticLog::Read SyntheticLog::read(bool since_clear) const {
  AddressLayout layout;
  layout.linear.push_back({base, {0}, kPages * 4096});
  AddressSpace space(layout, memory);
  Read result;
  auto done = read_printk_log(Vmcoreinfo(note.text()), memory.info().order, space, since_clear,
                              [&](std::string_view text) -> Result<void> {
                                result.text += text;
                                return {};
                              });
  if (!done) {
    result.error = done.message();
    return result;
  }
  result.complete = done->complete;
  for (const std::string& w : done->warnings) result.warnings += w + "\n";
  return result;
}

void SyntheticLog::put_word(std::uint64_t at, std::uint64_t value) {
  if (word_ == 4) {
    put(at, static_cast<std::uint32_t>(value));
  } else {
    put(at, value);
  }
}

void SyntheticLog::put_text(std::uint64_t at, std::string_view text) {
  for (const char c : text) put(at++, static_cast<std::uint8_t>(c));
}

std::uint64_t SyntheticLog::variable(const std::string& name) {
  const std::uint64_t at = next_variable_;
  next_variable_ += 64;
  note.set_hex("SYMBOL(" + name + ")", base.value + at);
  return at;
}

// ---- flat ring ----

FlatLog::FlatLog(std::uint32_t size, ByteOrder order, bool long_log_end, unsigned word)
    : SyntheticLog(order, word), size_(size), long_log_end_(long_log_end) {
  log_buf_at = variable("log_buf");
  log_end_at = variable("log_end");
  log_buf_len_at = variable("log_buf_len");
  logged_chars_at = variable("logged_chars");
  store();
}

void FlatLog::log(std::string_view text) {
  for (const char c : text) {
    put(kBuffer + (log_end++ & (size_ - 1)), static_cast<std::uint8_t>(c));
    if (logged_chars < size_) ++logged_chars;
  }
  store();
}

void FlatLog::clear() {
  logged_chars = 0;
  store();
}

void FlatLog::store() {
  put_word(log_buf_at, base.value + kBuffer);
  if (long_log_end_) {
    put_word(log_end_at, log_end);
  } else {
    put(log_end_at, static_cast<std::uint32_t>(log_end));
  }
  put(log_buf_len_at, size_);
  put(logged_chars_at, logged_chars);
}

// ---- variable records ----

RecordsLog::RecordsLog(std::uint32_t size, std::string_view struct_name, bool caller,
                       ByteOrder order, unsigned word)
    : SyntheticLog(order, word), size_(size), header_(caller ? 20 : 16) {
  log_buf_at = variable("log_buf");
  log_buf_len_at = variable("log_buf_len");
  first_at = variable("log_first_idx");
  clear_at = variable("clear_idx");
  next_at = variable("log_next_idx");
  const std::string name(struct_name);
  note.set("SIZE(" + name + ")", header_);
  note.set("OFFSET(" + name + ".ts_nsec)", 0LL);
  note.set("OFFSET(" + name + ".len)", 8);
  note.set("OFFSET(" + name + ".text_len)", 10);
  note.set("OFFSET(" + name + ".dict_len)", 12);
  if (caller) note.set("OFFSET(" + name + ".caller_id)", 16);
  store();
}

std::uint32_t RecordsLog::len_at(std::uint32_t index) {
  std::uint32_t len = 0;
  for (unsigned i = 0; i < 2; ++i) {
    const auto byte = memory.get<std::uint8_t>({kBuffer + index + 8 + i});
    const unsigned shift = memory.info().order == ByteOrder::little ? 8 * i : 8 * (1 - i);
    len |= std::uint32_t{byte} << shift;
  }
  return len;
}

std::uint32_t RecordsLog::log(std::uint64_t ts_nsec, std::string_view text, std::uint32_t caller) {
  const std::uint32_t len = align_up(header_ + static_cast<std::uint32_t>(text.size()), 4U);
  // As log_make_free_space() and log_store() do: there is always room for one more empty header.
  const auto room = [&] {
    if (first_idx == next_idx) return size_ - next_idx >= len + header_ || first_idx >= len;
    if (next_idx > first_idx) {
      return std::max(size_ - next_idx, first_idx) >= len + header_;
    }
    return first_idx - next_idx >= len + header_;
  };
  while (first_idx != next_idx && !room()) {
    const std::uint32_t oldest = len_at(first_idx);
    first_idx = oldest == 0 ? len_at(0) : first_idx + oldest;
  }
  if (next_idx + len + header_ > size_) {
    for (std::uint32_t i = 0; i < header_; ++i) put(kBuffer + next_idx + i, std::uint8_t{0});
    if (first_idx == next_idx) first_idx = 0;
    next_idx = 0;
  }
  const std::uint32_t index = next_idx;
  const std::uint64_t at = kBuffer + index;
  put(at, ts_nsec);
  put(at + 8, static_cast<std::uint16_t>(len));
  put(at + 10, static_cast<std::uint16_t>(text.size()));
  put(at + 12, std::uint32_t{0});
  if (header_ == 20) put(at + 16, caller);
  put_text(at + header_, text);
  next_idx += len;
  store();
  return index;
}

void RecordsLog::clear() {
  clear_idx = next_idx;
  store();
}

void RecordsLog::store() {
  put_word(log_buf_at, base.value + kBuffer);
  put(log_buf_len_at, size_);
  put(first_at, first_idx);
  put(next_at, next_idx);
  put(clear_at, clear_idx);
}

// ---- lockless ring ----

RingLog::RingLog(const RingShape& shape)
    : SyntheticLog(shape.order, shape.word), shape_(shape), desc_(3 * shape.word) {
  prb_at = variable("prb");
  clear_seq_at = variable("clear_seq");
  ring_at = 0x1000;
  const unsigned w = word_;
  const auto offset = [&](const std::string& name, long long value) {
    note.set("OFFSET(" + name + ")", value);
  };
  note.set("SIZE(printk_ringbuffer)", 11 * w);
  offset("printk_ringbuffer.desc_ring", 0);
  offset("printk_ringbuffer.text_data_ring", 6 * w);
  offset("prb_desc_ring.count_bits", 0);
  offset("prb_desc_ring.descs", w);
  offset("prb_desc_ring.infos", 2 * w);
  offset("prb_desc_ring.head_id", 3 * w);
  offset("prb_desc_ring.tail_id", 4 * w);
  note.set("SIZE(prb_desc)", desc_);
  offset("prb_desc.state_var", 0);
  offset("prb_desc.text_blk_lpos", w);
  offset("prb_data_blk_lpos.begin", 0);
  offset("prb_data_blk_lpos.next", w);
  note.set("SIZE(printk_info)", kInfoBytes);
  offset("printk_info.seq", 0);
  offset("printk_info.ts_nsec", 8);
  offset("printk_info.text_len", 16);
  offset("printk_info.caller_id", 20);
  offset("prb_data_ring.size_bits", 0);
  offset("prb_data_ring.data", w);
  note.set("SIZE(atomic_long_t)", w);
  offset("atomic_long_t.counter", 0);
  if (shape.latched) {
    note.set("SIZE(latched_seq)", 24);
    offset("latched_seq.val", 8);
  }
  // DESC0_ID and BLK0_LPOS: both counters wrap early in the life of a kernel.
  const std::uint64_t count = std::uint64_t{1} << shape.count_bits;
  head_id = tail_id = (0 - (count + 1)) & id_mask();
  head_lpos_ = trim(0 - (std::uint64_t{1} << shape.size_bits));
  for (std::uint64_t slot = 0; slot < count; ++slot) put_word(desc_at(slot), 0);
  set_state(head_id, kReusable);
  store();
}

void RingLog::set_state(std::uint64_t id, State state) {
  const std::uint64_t slot = id & ((std::uint64_t{1} << shape_.count_bits) - 1);
  put_word(desc_at(slot), std::uint64_t{state} << (8 * word_ - 2) | id);
}

void RingLog::evict_oldest() {
  set_state(live_.front().id, kReusable);
  live_.pop_front();
}

std::uint64_t RingLog::log(std::uint64_t ts_nsec, std::string_view text, State state) {
  const std::uint64_t count = std::uint64_t{1} << shape_.count_bits;
  const std::uint64_t size = std::uint64_t{1} << shape_.size_bits;
  const std::uint64_t id = (head_id + 1) & id_mask();
  if (((id - tail_id) & id_mask()) >= count) {
    if (!live_.empty() && live_.front().id == tail_id) evict_oldest();
    tail_id = (tail_id + 1) & id_mask();
  }
  head_id = id;
  const std::uint64_t slot = id & (count - 1);
  std::uint64_t begin = 3;  // an empty line
  std::uint64_t next = 3;
  if (!text.empty()) {
    const std::uint64_t block = word_ + align_up<std::uint64_t>(text.size(), word_);
    begin = head_lpos_;
    next = trim(begin + block);
    const std::uint64_t last = shape_.fits_exactly ? trim(next - 1) : next;
    const bool wraps = begin / size != last / size;
    if (wraps) next = trim((begin & ~(size - 1)) + size + block);
    head_lpos_ = next;
    while (!live_.empty() && (!live_.front().has_text || trim(next - live_.front().begin) > size)) {
      if (!live_.front().has_text && live_.size() == 1) break;
      evict_oldest();
      tail_id = live_.empty() ? id : live_.front().id;
    }
    const std::uint64_t at = kText + (wraps ? 0 : begin & (size - 1));
    put_word(at, id);
    put_text(at + word_, text);
  }
  put_word(desc_at(slot) + word_, begin);
  put_word(desc_at(slot) + 2 * word_, next);
  put(info_at(slot), seq_++);
  put(info_at(slot) + 8, ts_nsec);
  put(info_at(slot) + 16, static_cast<std::uint16_t>(text.size()));
  put(info_at(slot) + 20, std::uint32_t{1});
  set_state(id, state);
  live_.push_back({id, begin, !text.empty()});
  store();
  return slot;
}

void RingLog::clear() {
  clear_seq = seq_;
  store();
}

void RingLog::store() {
  put_word(prb_at, base.value + ring_at);
  put(count_bits_at(), shape_.count_bits);
  put_word(ring_at + word_, base.value + kDescs);
  put_word(ring_at + 2 * word_, base.value + kInfos);
  put_word(head_at(), head_id);
  put_word(tail_at(), tail_id);
  put(size_bits_at(), shape_.size_bits);
  put_word(ring_at + 7 * word_, base.value + kText);
  if (shape_.latched) {
    put(clear_seq_at, std::uint32_t{7});  // odd: the second value holds
    put(clear_seq_at + 8, ~std::uint64_t{0});
    put(clear_seq_at + 16, clear_seq);
  } else {
    put(clear_seq_at, clear_seq);
  }
}

}  // namespace vmsift::test
