// SPDX-License-Identifier: GPL-2.0-or-later
// Where the fields of the two headers stand, for every layout that kernels have: one list, read by
// encoder and decoder. From struct disk_dump_header and struct kdump_sub_header of makedumpfile
// 1.7, compiled for each kind of machine.
#pragma once

#include "src/kdump/format.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace vmsift::kdump {

// Main header: signature, version and utsname stand at the same place everywhere; behind the two
// longs of the time stamp come nothing but 32-bit integers.
struct MainLayout {
  std::size_t seconds;
  std::size_t long_bytes;
  std::size_t status;
  std::size_t end;

  [[nodiscard]] constexpr std::size_t block_size() const { return status + 4; }
  [[nodiscard]] constexpr std::size_t sub_header_blocks() const { return status + 8; }
  [[nodiscard]] constexpr std::size_t bitmap_blocks() const { return status + 12; }
  [[nodiscard]] constexpr std::size_t max_mapnr() const { return status + 16; }
  // total_ram_blocks, device_blocks, written_blocks and current_cpu are 0 in every file.
  [[nodiscard]] constexpr std::size_t cpus() const { return status + 36; }
};

inline constexpr std::size_t kVersionAt = 8;
inline constexpr std::size_t kUtsnameAt = 12;

constexpr MainLayout main_layout(Abi abi) {
  return abi == Abi::bits64 ? MainLayout{408, 8, 424, 464} : MainLayout{404, 4, 412, 452};
}

struct SubField {
  enum class Type : std::uint8_t { integer, word, wide };  // int, long, 64-bit integer

  std::array<std::uint8_t, 3> at;  // by Abi
  std::uint8_t since;              // header version
  Type type;

  [[nodiscard]] constexpr std::size_t offset(Abi abi) const {
    return at[static_cast<std::size_t>(abi)];
  }
  [[nodiscard]] constexpr std::size_t size(Abi abi) const {
    return type == Type::wide || (type == Type::word && abi == Abi::bits64) ? 8 : 4;
  }
};

// Calls `use` with each field and the member that holds it, in file order.
template <class H, class Use>
void for_each_sub_field(H& h, Use&& use) {
  using Type = SubField::Type;
  use(SubField{{0, 0, 0}, 0, Type::word}, h.phys_base);
  use(SubField{{8, 4, 4}, 1, Type::integer}, h.dump_level);
  use(SubField{{12, 8, 8}, 2, Type::integer}, h.split);
  use(SubField{{16, 12, 12}, 2, Type::word}, h.start_pfn);  // until version 6 has it at 64 bits
  use(SubField{{24, 16, 16}, 2, Type::word}, h.end_pfn);
  use(SubField{{32, 20, 24}, 3, Type::wide}, h.vmcoreinfo_offset);
  use(SubField{{40, 28, 32}, 3, Type::word}, h.vmcoreinfo_size);
  use(SubField{{48, 32, 40}, 4, Type::wide}, h.notes_offset);
  use(SubField{{56, 40, 48}, 4, Type::word}, h.notes_size);
  use(SubField{{64, 44, 56}, 5, Type::wide}, h.eraseinfo_offset);
  use(SubField{{72, 52, 64}, 5, Type::word}, h.eraseinfo_size);
  use(SubField{{80, 56, 72}, 6, Type::wide}, h.start_pfn);
  use(SubField{{88, 64, 80}, 6, Type::wide}, h.end_pfn);
  use(SubField{{96, 72, 88}, 6, Type::wide}, h.max_pfn);
}

}  // namespace vmsift::kdump
