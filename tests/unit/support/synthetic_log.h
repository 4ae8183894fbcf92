// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel logs made up in memory: each class logs as the kernel of its generation does, on buffers
// that are small enough to wrap within a test. All of it lies in one linear range, so that it is
// read without page tables, and any word of it can be overwritten.
#pragma once

#include "arch/arch.h"
#include "mm-model/printk_log.h"
#include "tests/unit/support/note.h"
#include "tests/unit/support/synthetic_memory.h"
#include "tests/unit/support/test_bytes.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vmsift::test {

class SyntheticLog {
 public:
  static constexpr std::uint64_t kPages = 64;

  struct Read {
    std::string text;
    std::string error;  // empty: it was read
    bool complete = false;
    std::string warnings;
  };

  SyntheticLog(ByteOrder order, unsigned word);

  VirtAddr base;  // where it is mapped; offsets below are from here
  SyntheticMemory memory;
  Note note;

  // As the program reads it.
  [[nodiscard]] Read read(bool since_clear = false) const;
  // A variable of the note, or anything else at an offset from the base.
  template <class T>
  void put(std::uint64_t at, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      const std::size_t byte = memory.info().order == ByteOrder::little ? i : sizeof(T) - 1 - i;
      memory.put<std::uint8_t>({at + i},
                               static_cast<std::uint8_t>(std::uint64_t{value} >> 8 * byte));
    }
  }
  void put_word(std::uint64_t at, std::uint64_t value);
  void put_text(std::uint64_t at, std::string_view text);

 protected:
  // Gives a variable a place and the note its symbol.
  std::uint64_t variable(const std::string& name);

  unsigned word_;

 private:
  std::uint64_t next_variable_ = 0x100;
};

// Before 3.5.
class FlatLog : public SyntheticLog {
 public:
  static constexpr std::uint64_t kBuffer = 0x2ff0;  // crosses a page
  explicit FlatLog(std::uint32_t size, ByteOrder order = ByteOrder::little,
                   bool long_log_end = false, unsigned word = 8);

  void log(std::string_view text);
  void clear();
  void store();  // the variables; tests spoil them afterwards

  std::uint64_t log_end = 0;
  std::uint32_t logged_chars = 0;
  std::uint64_t log_end_at, log_buf_at, log_buf_len_at, logged_chars_at;

 private:
  std::uint32_t size_;
  bool long_log_end_;
};

// 3.5 to 5.9.
class RecordsLog : public SyntheticLog {
 public:
  static constexpr std::uint64_t kBuffer = 0x2000;
  RecordsLog(std::uint32_t size, std::string_view struct_name = "printk_log", bool caller = false,
             ByteOrder order = ByteOrder::little, unsigned word = 8);

  // Returns where in the buffer the record went.
  std::uint32_t log(std::uint64_t ts_nsec, std::string_view text, std::uint32_t caller = 0);
  void clear();
  void store();

  std::uint32_t first_idx = 0, next_idx = 0, clear_idx = 0;
  std::uint64_t log_buf_at, log_buf_len_at, first_at, next_at, clear_at;

 private:
  std::uint32_t len_at(std::uint32_t index);

  std::uint32_t size_;
  std::uint32_t header_;
};

// Since 5.10.
struct RingShape {
  unsigned count_bits = 4;
  unsigned size_bits = 9;
  bool latched = true;        // clear_seq, since 5.12
  bool fits_exactly = false;  // a block may end at the end of the buffer, since 6.19
  ByteOrder order = ByteOrder::little;
  unsigned word = 8;
};

class RingLog : public SyntheticLog {
 public:
  static constexpr std::uint64_t kDescs = 0x2000, kInfos = 0x4000, kText = 0x8000;
  static constexpr std::uint32_t kInfoBytes = 88;
  enum State : std::uint64_t { kReserved, kCommitted, kFinalized, kReusable };

  explicit RingLog(const RingShape& shape);

  // Returns the record's slot.
  std::uint64_t log(std::uint64_t ts_nsec, std::string_view text, State state = kFinalized);
  void clear();
  void store();

  [[nodiscard]] std::uint64_t desc_at(std::uint64_t slot) const { return kDescs + slot * desc_; }
  [[nodiscard]] std::uint64_t info_at(std::uint64_t slot) const {
    return kInfos + slot * kInfoBytes;
  }
  std::uint64_t prb_at, ring_at, clear_seq_at;  // pointer, printk_ringbuffer, clear_seq
  [[nodiscard]] std::uint64_t count_bits_at() const { return ring_at; }
  [[nodiscard]] std::uint64_t head_at() const { return ring_at + 3 * word_; }
  [[nodiscard]] std::uint64_t tail_at() const { return ring_at + 4 * word_; }
  [[nodiscard]] std::uint64_t size_bits_at() const { return ring_at + 6 * word_; }
  std::uint64_t head_id, tail_id, clear_seq = 0;

 private:
  struct Live {
    std::uint64_t id, begin;
    bool has_text;
  };
  void set_state(std::uint64_t id, State state);
  void evict_oldest();
  [[nodiscard]] std::uint64_t trim(std::uint64_t value) const {
    return word_ == 4 ? value & 0xffffffff : value;
  }
  [[nodiscard]] std::uint64_t id_mask() const { return trim(~std::uint64_t{0}) >> 2; }

  RingShape shape_;
  std::uint32_t desc_;
  std::uint64_t head_lpos_;
  std::uint64_t seq_ = 0;
  std::deque<Live> live_;
};

}  // namespace vmsift::test
