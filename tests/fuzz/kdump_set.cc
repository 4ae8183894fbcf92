// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/kdump_set.h"

#include "src/base/bytes.h"
#include "tests/fuzz/read_dump.h"
#include "tests/fuzz/targets.h"

namespace vmsift::fuzz {

void fuzz_kdump_set(Input input) {
  if (input.size() < 4) return;
  const std::size_t first =
      std::min<std::size_t>(load<std::uint32_t>(input.data(), ByteOrder::little), input.size() - 4);
  std::vector<std::unique_ptr<ByteStore>> members;
  members.push_back(file_of(input.subspan(4, first)));
  members.push_back(file_of(input.subspan(4 + first)));
  auto set = open_kdump_set(std::move(members), ReadMode::map);
  if (!set) {
    require(!set.message().empty());
    return;
  }
  read_dump(**set);
}

}  // namespace vmsift::fuzz
