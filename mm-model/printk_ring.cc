// SPDX-License-Identifier: GPL-2.0-or-later
// The log since 5.10, a ring that is written without locks (kernel/printk/printk_ringbuffer.h):
// descriptors, as many infos, and a ring of text. Record `id` has descriptor and info number
// id % count. The two upper bits of a descriptor's state_var say how far its writer came, the rest
// is the id of the record it is of now. Its text is a block of the text ring that begins with the
// id and lies between two logical positions, which count bytes and never wrap.
//
// `clear_seq` is the first record after the last clear: a u64, and since 5.12 a latched_seq, a
// sequence counter whose lowest bit says which of two u64 is good.
//
// The caller of each record is stored whether or not the kernel was built to show it
// (CONFIG_PRINTK_CALLER), and nothing in a dump says so: it is not given, as the kernel's own dmesg
// does by default, and crash's `log`.
#include "mm-model/printk_reader.h"

#include <algorithm>
#include <array>
#include <vector>

namespace vmsift {
namespace {

enum class State : std::uint8_t { reserved, committed, finalized, reusable };

// log_buf_len up to 2^31 bytes, one descriptor for each 32 of them (PRB_AVGBITS).
constexpr std::uint32_t kMaxTextBits = 31;
constexpr std::uint32_t kMaxCountBits = 26;

constexpr std::uint32_t kMaxStructBytes = 1024;  // prb_desc has 24, printk_info 88, and 112 in 7.x

// After so many descriptors that are not in the dump there is no log worth looking for.
constexpr std::uint64_t kMaxUnreadable = std::uint64_t{1} << 20;

struct RingLayout {
  std::uint32_t desc_ring, text_ring;                           // in printk_ringbuffer
  std::uint32_t count_bits, descs, infos, head_id, tail_id;     // in prb_desc_ring
  std::uint32_t desc_size, state_var, block_begin, block_next;  // in prb_desc
  std::uint32_t info_size, seq, ts_nsec, text_len;              // in printk_info
  std::uint32_t size_bits, data;                                // in prb_data_ring

  static Result<RingLayout> detect(const LogReader& log);
};

// Looks keys up, and remembers the first that is missing.
class Keys {
 public:
  explicit Keys(const Vmcoreinfo& note) : note_(note) {}

  // A field of `bytes` bytes; `within`: SIZE of its struct, 0 where it does not matter.
  std::uint32_t field(std::string_view name, std::size_t bytes, std::uint32_t within = 0) {
    const auto offset = note_.offset(name);
    const std::uint64_t limit = within != 0 ? within : kMaxStructBytes;
    if (!offset || *offset + bytes > limit) {
      complain("OFFSET", name);
      return 0;
    }
    return *offset;
  }
  std::uint32_t size(std::string_view name) {
    const auto size = note_.size(name);
    if (!size || *size == 0 || *size > kMaxStructBytes) {
      complain("SIZE", name);
      return kMaxStructBytes;
    }
    return *size;
  }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  void complain(std::string_view kind, std::string_view name) {
    if (complaint_.empty()) complaint_ = fmt::format("{}({}) is missing or impossible", kind, name);
  }

  const Vmcoreinfo& note_;
  std::string complaint_;
};

Result<RingLayout> RingLayout::detect(const LogReader& log) {
  const std::size_t word = log.word_bytes();
  const std::uint32_t counter = log.note.offset("atomic_long_t.counter").value_or(0) % 4;
  Keys keys(log.note);
  RingLayout l{};
  l.desc_ring = keys.field("printk_ringbuffer.desc_ring", word);
  l.text_ring = keys.field("printk_ringbuffer.text_data_ring", word);
  l.count_bits = keys.field("prb_desc_ring.count_bits", 4);
  l.descs = keys.field("prb_desc_ring.descs", word);
  l.infos = keys.field("prb_desc_ring.infos", word);
  l.head_id = keys.field("prb_desc_ring.head_id", word) + counter;
  l.tail_id = keys.field("prb_desc_ring.tail_id", word) + counter;
  l.desc_size = keys.size("prb_desc");
  l.state_var = keys.field("prb_desc.state_var", word + counter, l.desc_size) + counter;
  const std::uint32_t block = keys.field("prb_desc.text_blk_lpos", 2 * word, l.desc_size);
  const std::uint32_t rest = l.desc_size - block;
  l.block_begin = block + keys.field("prb_data_blk_lpos.begin", word, rest);
  l.block_next = block + keys.field("prb_data_blk_lpos.next", word, rest);
  l.info_size = keys.size("printk_info");
  l.seq = keys.field("printk_info.seq", 8, l.info_size);
  l.ts_nsec = keys.field("printk_info.ts_nsec", 8, l.info_size);
  l.text_len = keys.field("printk_info.text_len", 2, l.info_size);
  l.size_bits = keys.field("prb_data_ring.size_bits", 4);
  l.data = keys.field("prb_data_ring.data", word);
  if (!keys.complaint().empty()) return Error(keys.complaint());
  return l;
}

// A block of the text ring, the id in front of the text left out.
struct Block {
  std::uint64_t index = 0;  // in the ring
  std::uint64_t size = 0;
};

class RingLog {
 public:
  RingLog(const LogReader& log, const RingLayout& layout)
      : log_(log), layout_(layout), desc_(layout.desc_size), info_(layout.info_size) {}

  Result<void> read();

 private:
  Result<void> find();
  std::uint64_t clear_seq();
  bool write(std::uint64_t id);
  bool write_text(std::uint64_t ts_nsec, std::uint64_t begin, std::uint64_t next,
                  std::uint32_t length);
  [[nodiscard]] std::optional<Block> block(std::uint64_t begin, std::uint64_t next) const;
  [[nodiscard]] unsigned state_shift() const {
    return static_cast<unsigned>(log_.word_bytes() * 8 - 2);
  }
  [[nodiscard]] std::uint64_t id_mask() const { return (std::uint64_t{1} << state_shift()) - 1; }

  const LogReader& log_;
  const RingLayout& layout_;
  std::uint64_t count_ = 0;
  std::uint64_t text_size_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t tail_ = 0;
  VirtAddr descs_;
  VirtAddr infos_;
  VirtAddr text_;
  std::uint64_t first_seq_ = 0;  // that is wanted
  std::uint64_t written_ = 0;    // bytes of blocks
  std::uint64_t bad_ = 0;
  std::uint64_t unreadable_ = 0;
  std::vector<std::byte> desc_;
  std::vector<std::byte> info_;
  std::vector<std::byte> bytes_;
};

Result<void> RingLog::find() {
  auto prb = log_.pointer("prb");
  if (!prb) return prb.take_error();
  const VirtAddr desc_ring = *prb + layout_.desc_ring;
  const VirtAddr text_ring = *prb + layout_.text_ring;
  const auto count_bits = log_.memory.read_value<std::uint32_t>(desc_ring + layout_.count_bits);
  const auto size_bits = log_.memory.read_value<std::uint32_t>(text_ring + layout_.size_bits);
  const auto descs = log_.read_word(desc_ring + layout_.descs);
  const auto infos = log_.read_word(desc_ring + layout_.infos);
  const auto head = log_.read_word(desc_ring + layout_.head_id);
  const auto tail = log_.read_word(desc_ring + layout_.tail_id);
  const auto data = log_.read_word(text_ring + layout_.data);
  if (!count_bits || !size_bits || !descs || !infos || !head || !tail || !data) {
    return error("the printk_ringbuffer at {:#x} cannot be read", prb->value);
  }
  if (*count_bits == 0 || *count_bits > kMaxCountBits || *size_bits == 0 ||
      *size_bits > kMaxTextBits) {
    return error("the printk_ringbuffer at {:#x} has 2^{} records and 2^{} bytes, which cannot be",
                 prb->value, *count_bits, *size_bits);
  }
  count_ = std::uint64_t{1} << *count_bits;
  text_size_ = std::uint64_t{1} << *size_bits;
  descs_ = {*descs};
  infos_ = {*infos};
  text_ = {*data};
  head_ = *head & id_mask();
  tail_ = *tail & id_mask();
  if (((head_ - tail_) & id_mask()) >= count_) {
    log_.damaged("has a tail_id {:#x} that does not fit to head_id {:#x}: every record is tried",
                 tail_, head_);
    tail_ = (head_ - (count_ - 1)) & id_mask();
  }
  return {};
}

std::uint64_t RingLog::clear_seq() {
  const auto at = log_.note.symbol("clear_seq");
  std::optional<std::uint64_t> seq;
  if (at && log_.note.size("latched_seq")) {
    const auto latch = log_.memory.read_value<std::uint32_t>(*at);
    const auto values = log_.note.offset("latched_seq.val");
    if (latch && values) {
      seq = log_.memory.read_value<std::uint64_t>(*at + *values + (*latch & 1) * 8);
    }
  } else if (at) {
    seq = log_.memory.read_value<std::uint64_t>(*at);
  }
  if (!seq) log_.warn("is given from its begin: clear_seq is missing or cannot be read");
  return seq.value_or(0);
}

std::optional<Block> RingLog::block(std::uint64_t begin, std::uint64_t next) const {
  const std::uint64_t word = log_.word_bytes();
  const std::uint64_t words = word == 4 ? 0xffffffff : ~std::uint64_t{0};
  const std::uint64_t last = (next - 1) & words;
  const std::uint64_t index = begin & (text_size_ - 1);
  Block b;
  if (begin / text_size_ == last / text_size_) {
    if (last < begin) return std::nullopt;
    b = {index, last - begin + 1};
  } else {
    // Text is never split: a block that does not fit at the end is at the start, as a whole.
    const std::uint64_t after_wrap = (begin & ~(text_size_ - 1)) + text_size_;
    if (((last ^ after_wrap) & words) >= text_size_) return std::nullopt;
    b = {0, (last & (text_size_ - 1)) + 1};
  }
  if (b.size <= word) return std::nullopt;
  return Block{b.index + word, b.size - word};
}

bool RingLog::write_text(std::uint64_t ts_nsec, std::uint64_t begin, std::uint64_t next,
                         std::uint32_t length) {
  const auto b = block(begin, next);
  if (!b) return false;
  bytes_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(length, b->size)));
  if (!log_.memory.read(text_ + b->index, bytes_)) return false;
  written_ += bytes_.size();
  log_.text.record(ts_nsec, std::nullopt, bytes_);
  return true;
}

// False when the descriptor or what it leads to is damaged or not in the dump.
bool RingLog::write(std::uint64_t id) {
  const std::uint64_t slot = id & (count_ - 1);
  if (!log_.memory.read(descs_ + slot * layout_.desc_size, desc_)) {
    ++unreadable_;
    return false;
  }
  const std::uint64_t state_var = log_.load_word(&desc_[layout_.state_var]);
  const State state{static_cast<std::uint8_t>(state_var >> state_shift() & 3)};
  // Not yet, or no longer, this record: what is at the ends of the ring when the kernel stops.
  if ((state_var & id_mask()) != id) return true;
  if (state != State::committed && state != State::finalized) return true;
  const std::uint64_t begin = log_.load_word(&desc_[layout_.block_begin]);
  const std::uint64_t next = log_.load_word(&desc_[layout_.block_next]);
  // Positions are multiples of the word; odd ones mark a record that has no text, empty or lost.
  if ((begin & 1) != 0 && (next & 1) != 0) return true;
  if (!log_.memory.read(infos_ + slot * layout_.info_size, info_)) return false;
  if (load<std::uint64_t>(&info_[layout_.seq], log_.order) < first_seq_) return true;
  return write_text(load<std::uint64_t>(&info_[layout_.ts_nsec], log_.order), begin, next,
                    load<std::uint16_t>(&info_[layout_.text_len], log_.order));
}

Result<void> RingLog::read() {
  if (auto found = find(); !found) return found;
  if (log_.since_clear) first_seq_ = clear_seq();
  for (std::uint64_t id = tail_;; id = (id + 1) & id_mask()) {
    if (!write(id)) ++bad_;
    if (id == head_ || !log_.text.good()) break;
    if (unreadable_ == kMaxUnreadable) {
      log_.damaged("ends early: {} of its records are not in the dump", unreadable_);
      break;
    }
    // Blocks do not overlap, so that a sound log has no more text than the ring has room.
    if (written_ > text_size_) {
      log_.damaged("ends early: its records hold more text than the {} bytes there are",
                   text_size_);
      break;
    }
  }
  if (bad_ != 0) log_.damaged("lacks {} records that are damaged or not in the dump", bad_);
  return {};
}

}  // namespace

Result<void> read_ring_log(const LogReader& log) {
  auto layout = RingLayout::detect(log);
  if (!layout) return layout.take_error();
  return RingLog(log, *layout).read();
}

}  // namespace vmsift
