// SPDX-License-Identifier: GPL-2.0-or-later
// Opens ELF images and compares what comes out with the parts they were built of.
#pragma once

#include "src/input/open.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/temp_dir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vmsift::test {

// What a machine's memory must look like, byte by byte from its parts: the first one that holds a
// byte gives it, and what no part holds of a page is zero.
struct Machine {
  std::map<Pfn, Bytes> stored;
  std::vector<Pfn> exists;
};

inline Machine machine_of(std::span<const ElfPart> parts, std::size_t page) {
  Machine machine;
  std::map<Pfn, std::vector<bool>> known;
  std::map<Pfn, bool> exists;
  for (const ElfPart& p : parts) {
    if (p.type != PT_LOAD) continue;
    const std::uint64_t size = std::max<std::uint64_t>(p.memsz.value_or(0), p.data.size());
    for (std::uint64_t i = 0; i < size;) {
      const std::uint64_t at = p.paddr + i;
      const std::uint64_t next = i + page - at % page;  // where the next page begins
      exists[at / page] = true;
      if (i < p.data.size()) {
        auto& bytes = machine.stored[at / page];
        auto& have = known[at / page];
        bytes.resize(page);
        have.resize(page);
        for (std::uint64_t k = i; k < std::min<std::uint64_t>(next, p.data.size()); ++k) {
          const std::size_t in_page = (p.paddr + k) % page;
          if (!have[in_page]) bytes[in_page] = p.data[k];
          have[in_page] = true;
        }
      }
      i = next;
    }
  }
  for (const auto& [pfn, there] : exists) machine.exists.push_back(pfn);
  return machine;
}

class ElfCoreFixture : public testing::Test {
 protected:
  static constexpr std::size_t kPage = 4096;

  [[nodiscard]] std::string path() const { return dir_.file("core"); }

  std::unique_ptr<MemorySource> open(const Bytes& image, ReadMode mode) {
    write_file(path(), image);
    return open_again(mode);
  }
  [[nodiscard]] std::unique_ptr<MemorySource> open_again(ReadMode mode) const {
    auto source = open_dump(path(), mode);
    if (!source) {
      ADD_FAILURE() << source.message();
      return nullptr;
    }
    return std::move(*source);
  }
  std::string open_error(const Bytes& image) {
    write_file(path(), image);
    auto source = open_dump(path(), ReadMode::map);
    return source ? "opened" : source.message();
  }

  // In both modes, whatever the batch size.
  void expect_machine(const Bytes& image, std::span<const ElfPart> parts,
                      std::size_t page = kPage) {
    const Machine expected = machine_of(parts, page);
    for (const ReadMode mode : {ReadMode::map, ReadMode::read}) {
      const auto source = open(image, mode);
      ASSERT_NE(source, nullptr);
      ASSERT_TRUE(source->set_page_size(page));
      EXPECT_EQ(stored_pages(*source, false), expected.exists);
      EXPECT_EQ(source->info().max_pfn, expected.exists.back() + 1);
      for (const std::size_t batch : {1U, 3U, 128U}) {
        const ReadPages read = read_all(*source, batch);
        EXPECT_EQ(read.error, "");
        ASSERT_EQ(read.pages.size(), expected.stored.size());
        for (const auto& [pfn, bytes] : expected.stored) {
          const auto found = read.pages.find(pfn);
          ASSERT_NE(found, read.pages.end()) << "page " << pfn;
          ASSERT_EQ(found->second, bytes) << "page " << pfn << " by batches of " << batch;
        }
      }
    }
  }
  void expect_machine(const std::vector<ElfPart>& parts, ElfLayout layout = {},
                      std::size_t page = kPage) {
    ElfBuilder elf(layout);
    for (const ElfPart& p : parts) elf.part(p);
    expect_machine(elf.build(), parts, page);
  }

  TempDir dir_;
};

}  // namespace vmsift::test
