// SPDX-License-Identifier: GPL-2.0-or-later
// A walk through page tables that are nothing but the entries that it asks for.
#pragma once

#include "arch/page_table.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vmsift::test {

// Each table is asked for one entry, of as many bytes as `Entry` has; after the last one nothing
// can be read. `asked` gets the places of the entries.
template <class Entry = std::uint64_t>
std::optional<Translation> walk(const PageTable& table, std::uint64_t vaddr,
                                const std::vector<Entry>& entries,
                                std::vector<std::uint64_t>* asked = nullptr) {
  std::size_t next = 0;
  return walk_page_table(table, {vaddr}, [&](PhysAddr at, std::span<std::byte> into) {
    if (asked != nullptr) asked->push_back(at.value);
    if (next == entries.size() || into.size() != sizeof(Entry)) return false;
    store(into.data(), entries[next++], table.order);
    return true;
  });
}

}  // namespace vmsift::test
