// SPDX-License-Identifier: GPL-2.0-or-later
// An input is a note, up to a zero byte, and from kMemoryAt on the memory that its symbols name.
#include "mm-model/printk_log.h"

#include "arch/arch.h"
#include "tests/fuzz/input_memory.h"
#include "tests/unit/support/synthetic_log.h"

#include <algorithm>
#include <string_view>

namespace vmsift::fuzz {
namespace {

constexpr std::size_t kMemoryAt = 2048;
constexpr VirtAddr kBase{0xffffffff80000000};
constexpr std::size_t kMostPages = test::SyntheticLog::kPages;

// What a log of this much memory may be turned into: \xNN for each byte, and a prefix and the
// indentation of a line for each of its bytes at the most.
constexpr std::size_t kMostText = kMostPages * kMemoryPage * 64;

std::vector<std::byte> seed_of(test::SyntheticLog& log, std::size_t bytes) {
  auto seed = test::text_bytes(log.note.text());
  seed.resize(kMemoryAt);
  for (std::size_t at = 0; at < bytes; ++at) {
    seed.push_back(std::byte{log.memory.get<std::uint8_t>({at})});
  }
  return seed;
}

template <class L>
void fill(L& log) {
  for (int i = 0; i < 30; ++i) {
    if constexpr (std::is_same_v<L, test::FlatLog>) {
      log.log("<6>some text\n");
    } else {
      log.log(static_cast<std::uint64_t>(i) * 1'000'000, i % 5 == 0 ? "a\nb" : "some more text");
    }
    if (i == 25) log.clear();
  }
}

}  // namespace

void fuzz_printk_log(Input input) {
  const auto text = input.first(std::min(input.size(), kMemoryAt));
  std::string_view note(reinterpret_cast<const char*>(text.data()), text.size());
  note = note.substr(0, note.find('\0'));
  const test::ScriptedSource source = memory_of(input, kMemoryAt, kMostPages);
  AddressLayout layout;
  layout.linear.push_back({kBase, {0}, source.info().max_pfn * kMemoryPage});
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    for (const bool since_clear : {false, true}) {
      AddressSpace memory(layout, source);
      std::size_t bytes = 0;
      auto read = read_printk_log(Vmcoreinfo(note), order, memory, since_clear,
                                  [&](std::string_view piece) -> Result<void> {
                                    bytes += piece.size();
                                    if (bytes > kMostText) std::abort();
                                    return {};
                                  });
      if (read && (read->bytes != bytes || (!read->complete && read->warnings.empty()))) {
        std::abort();
      }
      if (!read && read.message().empty()) std::abort();
    }
  }
}

std::vector<std::vector<std::byte>> printk_log_seeds() {
  test::FlatLog flat(256);
  test::RecordsLog records(512, "printk_log", true);
  test::RecordsLog old_records(512, "log");
  test::RingLog ring({.count_bits = 4, .size_bits = 9});
  fill(flat);
  fill(records);
  fill(old_records);
  fill(ring);
  return {seed_of(flat, 0x3200), seed_of(records, 0x2300), seed_of(old_records, 0x2300),
          seed_of(ring, 0x8300)};
}

}  // namespace vmsift::fuzz
