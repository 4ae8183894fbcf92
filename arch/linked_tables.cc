// SPDX-License-Identifier: GPL-2.0-or-later
#include "arch/linked_tables.h"

#include <algorithm>

namespace vmsift {
namespace {

class Follower {
 public:
  Follower(AddressSpace& memory, const DumpInfo& dump, TableOfEntry table_of)
      : memory_(memory), dump_(dump), table_of_(table_of) {}

  void follow(PhysAddr at, std::size_t depth) {
    if (tables_ == kMostLinkedTables || depth == kMostLinkedLevels) return;
    ++tables_;
    std::vector<std::byte> table(dump_.page_size);
    if (!memory_.read_physical(at, table)) return;
    found_.levels = std::max(found_.levels, depth + 1);
    bool last = true;
    for (std::size_t i = 0; i < table.size(); i += sizeof(std::uint64_t)) {
      const auto raw = load<std::uint64_t>(&table[i], dump_.order);
      const auto next = table_of_(raw, dump_.page_size);
      if (!next) continue;
      last = false;
      if (std::find(found_.links.begin(), found_.links.end(), raw) != found_.links.end()) continue;
      if (found_.links.size() == kMostLinkedTables) continue;
      found_.links.push_back(raw);
      follow(*next, depth + 1);
    }
    if (last) collect(table);
  }

  LinkedTables take() { return std::move(found_); }

 private:
  void collect(const std::vector<std::byte>& table) {
    for (std::size_t i = 0; i < table.size(); i += sizeof(std::uint64_t)) {
      const auto raw = load<std::uint64_t>(&table[i], dump_.order);
      if (raw != 0 && found_.entries.size() < kMostLinkedEntries) found_.entries.push_back(raw);
    }
  }

  AddressSpace& memory_;
  const DumpInfo& dump_;
  TableOfEntry table_of_;
  LinkedTables found_;
  std::size_t tables_ = 0;
};

}  // namespace

LinkedTables follow_links(AddressSpace& memory, PhysAddr root, const DumpInfo& dump,
                          TableOfEntry table_of) {
  Follower follower(memory, dump, table_of);
  follower.follow(root, 0);
  return follower.take();
}

}  // namespace vmsift
