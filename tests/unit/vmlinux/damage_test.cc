// SPDX-License-Identifier: GPL-2.0-or-later
// Damaged kernels: an error or a text, and an end.
#include "src/base/bytes.h"
#include "src/base/file.h"
#include "src/vmlinux/describe.h"
#include "tests/unit/support/temp_dir.h"
#include "tests/unit/support/test_bytes.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

namespace vmsift {
namespace {

using test::Bytes;
using test::Random;

Bytes read_kernel(const char* name) {
  return test::read_file(std::string(VMSIFT_TEST_KERNELS "/") + name);
}

// By way of a file in memory: there are some thousand.
Result<std::string> describe(const Bytes& bytes) {
  const File file(::memfd_create("vmlinux", MFD_CLOEXEC), "memfd");
  if (auto written = file.write_at(0, bytes); !written) return written.take_error();
  return describe_vmlinux(fmt::format("/proc/self/fd/{}", file.fd()));
}

TEST(Damage, CutShort) {
  for (const char* name : {"kernel_61", "kernel_63"}) {
    const Bytes whole = read_kernel(name);
    ASSERT_TRUE(describe(whole));
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 200) {
      const auto text = describe(Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
      EXPECT_FALSE(text) << size << " of " << whole.size();
      EXPECT_EQ(text.message().find('\n'), std::string::npos);
    }
  }
}

// The section headers and the debug information get most of it: sizes, offsets, references.
TEST(Damage, Anywhere) {
  Random random(1);
  for (const char* name : {"kernel_414", "kernel_61", "kernel_63", "kernel_611"}) {
    const Bytes whole = read_kernel(name);
    for (int i = 0; i < 2000; ++i) {
      Bytes bytes = whole;
      for (auto edits = 1 + random.below(20); edits != 0; --edits) {
        const std::size_t at = random.below(2) != 0 ? random.below(bytes.size())
                                                    : bytes.size() - 1 - random.below(6000);
        bytes[at] = random.below(3) == 0 ? std::byte{0xff} : static_cast<std::byte>(random.next());
      }
      const auto text = describe(bytes);
      EXPECT_TRUE(text || !text.message().empty());
    }
  }
}

// A reference to another entry of the same unit.
struct Reference {
  std::size_t at = 0;          // its bytes in the file
  std::uint32_t from_die = 0;  // the entry that it belongs to
};

// Those that `pick` finds a DWARF attribute for in an entry of the first unit.
template <class Pick>
std::vector<Reference> find_references(const Bytes& bytes, int tag, std::string_view name,
                                       Pick pick) {
  const File file(::memfd_create("vmlinux", MFD_CLOEXEC), "memfd");
  EXPECT_TRUE(file.write_at(0, bytes));
  elf_version(EV_CURRENT);
  Elf* elf = elf_begin(file.fd(), ELF_C_READ_MMAP, nullptr);
  Dwarf* dwarf = dwarf_begin_elf(elf, DWARF_C_READ, nullptr);
  std::size_t size = 0;
  const char* const base = elf_rawfile(elf, &size);
  std::vector<Reference> found;
  const auto add = [&](Dwarf_Die& owner, const Dwarf_Attribute& attribute) {
    found.push_back({static_cast<std::size_t>(reinterpret_cast<const char*>(attribute.valp) - base),
                     static_cast<std::uint32_t>(dwarf_cuoffset(&owner))});
  };
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  Dwarf_Die child;
  EXPECT_EQ(dwarf_get_units(dwarf, unit, &unit, nullptr, nullptr, &die, nullptr), 0);
  for (int got = dwarf_child(&die, &child); got == 0; got = dwarf_siblingof(&child, &child)) {
    const char* own = dwarf_diename(&child);
    if (dwarf_tag(&child) == tag && own != nullptr && own == name) pick(child, add);
  }
  dwarf_end(dwarf);
  elf_end(elf);
  return found;
}

Reference find_reference(const Bytes& bytes, int tag, std::string_view name, unsigned attribute) {
  const auto found = find_references(bytes, tag, name, [&](Dwarf_Die& die, const auto& add) {
    Dwarf_Attribute value;
    if (dwarf_attr(&die, attribute, &value) != nullptr) add(die, value);
  });
  EXPECT_EQ(found.size(), 1U) << name;
  return found.empty() ? Reference() : found[0];
}

TEST(Damage, ATypedefOfItselfHasNoSize) {
  Bytes bytes = read_kernel("kernel_61");
  ASSERT_NE(describe(bytes)->find("SIZE(atomic_long_t)=4"), std::string::npos);
  const Reference type = find_reference(bytes, DW_TAG_typedef, "atomic_long_t", DW_AT_type);
  store(&bytes[type.at], type.from_die, ByteOrder::little);
  const auto text = describe(bytes);
  ASSERT_TRUE(text) << text.message();
  EXPECT_EQ(text->find("(atomic_long_t"), std::string::npos);
  EXPECT_NE(text->find("SIZE(page)=64"), std::string::npos) << "all else is as it was";
}

TEST(Damage, EntriesThatLeadBackAreAnError) {
  Bytes bytes = read_kernel("kernel_61");
  const Reference next = find_reference(bytes, DW_TAG_structure_type, "zone", DW_AT_sibling);
  const Reference before = find_reference(bytes, DW_TAG_structure_type, "page", DW_AT_sibling);
  ASSERT_LT(before.from_die, next.from_die);
  for (const std::uint32_t target : {before.from_die, next.from_die}) {
    store(&bytes[next.at], target, ByteOrder::little);
    const auto text = describe(bytes);
    ASSERT_FALSE(text);
    EXPECT_NE(text.message().find(".debug_info"), std::string::npos) << text.message();
  }
}

// A structure that holds itself, unnamed, holds itself without end.
TEST(Damage, NestingEnds) {
  Bytes bytes = read_kernel("kernel_61");
  const auto unions =
      find_references(bytes, DW_TAG_structure_type, "page", [](Dwarf_Die& page, const auto& add) {
        Dwarf_Die member;
        for (int got = dwarf_child(&page, &member); got == 0;
             got = dwarf_siblingof(&member, &member)) {
          Dwarf_Attribute type;
          if (dwarf_tag(&member) == DW_TAG_member && dwarf_diename(&member) == nullptr &&
              dwarf_attr(&member, DW_AT_type, &type) != nullptr) {
            add(page, type);
          }
        }
      });
  ASSERT_EQ(unions.size(), 2U);
  for (const Reference& to : unions) store(&bytes[to.at], to.from_die, ByteOrder::little);
  const auto text = describe(bytes);
  ASSERT_TRUE(text) << text.message();
  EXPECT_EQ(text->find("OFFSET(page.lru)"), std::string::npos);
  EXPECT_NE(text->find("SIZE(zone)="), std::string::npos) << "all else is as it was";
}

}  // namespace
}  // namespace vmsift
