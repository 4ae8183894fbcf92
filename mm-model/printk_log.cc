// SPDX-License-Identifier: GPL-2.0-or-later
#include "mm-model/printk_log.h"

#include "mm-model/printk_reader.h"
#include "mm-model/printk_text.h"

#include <array>

namespace vmsift {
namespace {

struct Generation {
  std::string_view symbol;  // that a note of this generation has, and one of the next ones has not
  Result<void> (*read)(const LogReader& log);
};

constexpr std::array<Generation, 3> kGenerations = {{
    {"prb", read_ring_log},
    {"log_first_idx", read_record_log},
    {"log_end", read_flat_log},
}};

}  // namespace

Result<LogSummary> read_printk_log(const Vmcoreinfo& note, ByteOrder order, AddressSpace& memory,
                                   bool since_clear, const LogSink& sink) {
  for (const Generation& generation : kGenerations) {
    if (!note.symbol(generation.symbol)) continue;
    LogSummary summary;
    LogText text(sink);
    auto read = generation.read({note, order, memory, since_clear, text, summary});
    if (auto finished = text.finish(); !finished) return finished.take_error();
    if (!read) return read.take_error();
    summary.bytes = text.bytes();
    return summary;
  }
  return error("the note names no log: SYMBOL(prb), SYMBOL(log_first_idx) or SYMBOL(log_end)");
}

}  // namespace vmsift
