// SPDX-License-Identifier: GPL-2.0-or-later
// Types out of BTF as kernels have it, and out of what only claims to be BTF.
#include "mm-model/btf.h"

#include "mm-model/btf_names.h"
#include "tests/unit/support/btf_builder.h"
#include "tests/unit/support/symbol_table.h"

#include <gtest/gtest.h>

namespace vmsift {
namespace {

using test::BtfBuilder;
using test::Bytes;
using test::SymbolImage;
using Kind = btf::Kind;

constexpr std::array<std::string_view, 5> kTypes = {"page", "list_head", "nodemask_t", "zone",
                                                    "log"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kMembers = {
    {{"page", "flags"},
     {"page", "lru"},
     {"page", "_mapcount"},
     {"page", "private"},
     {"page", "deep"},
     {"page", "bits"},
     {"list_head", "prev"},
     {"nodemask_t", "bits"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kArrays = {
    {{"zone", "free_area"}, {"page", "flags"}, {"nodemask_t", "bits"}}};
constexpr std::array<std::string_view, 2> kEnums = {"pageflags", "pagetype"};
constexpr std::array<std::string_view, 4> kEnumerators = {"PG_lru", "PGTY_buddy", "PG_other",
                                                          "PG_minus"};
const BtfQuestions kQuestions{kTypes, kMembers, kArrays, kEnums, kEnumerators};

constexpr std::uint64_t kAt = 0x123;  // as a kernel has it: not aligned

class BtfTest : public testing::Test {
 protected:
  Result<Btf> read(const Bytes& bytes, ByteOrder order = ByteOrder::little) {
    SymbolImage image(order);
    image.put(kAt, bytes);
    AddressSpace memory(image.layout, image.memory);
    return Btf::read(memory, order, image.base + kAt, image.base + (kAt + bytes.size()),
                     kQuestions);
  }
  std::string error(const Bytes& bytes) {
    auto btf = read(bytes);
    return btf ? "" : btf.message();
  }
};

// A kernel's, as small as can be.
BtfBuilder kernel(ByteOrder order = ByteOrder::little) {
  BtfBuilder b(order);
  const auto ulong = b.integer("unsigned long", 8);
  const auto uint = b.integer("unsigned int", 4);
  const auto list = b.count() + 2;
  const auto pointer = b.refer(Kind::pointer, list);
  b.structure("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 64}});
  const auto flags_t = b.structure("memdesc_flags_t", 8, {{"f", ulong, 0}});
  const auto atomic = b.structure("", 4, {{"counter", uint, 0}});
  const auto atomic_t = b.refer(Kind::typedef_, atomic, "atomic_t");
  const auto inner = b.structure("", 24, {{"mlock", uint, 0}, {"deep", uint, 96}});
  const auto wrapped = b.refer(Kind::const_, b.refer(Kind::typedef_, inner, "inner_t"));
  const auto lru = b.structure("", 24, {{"lru", list, 0}, {"", wrapped, 0}}, Kind::union_);
  const auto first = b.structure("", 40, {{"", lru, 0}, {"private", ulong, 32 * 8}});
  const auto count =
      b.structure("", 4, {{"page_type", uint, 0}, {"_mapcount", atomic_t, 0}}, Kind::union_);
  b.structure("page", 64, {{"flags", flags_t, 0}, {"", first, 64}, {"", count, 48 * 8}});
  const auto mask = b.structure("", 128, {{"bits", b.array(ulong, 16), 0}});
  b.refer(Kind::typedef_, mask, "nodemask_t");
  const auto area = b.structure("free_area", 88, {});
  const auto areas = b.refer(Kind::volatile_, b.array(area, 11));
  b.structure("zone", 1024, {{"free_area", areas, 192 * 8}});
  b.enumeration("pageflags", {{"PG_locked", 0}, {"PG_lru", 5}});
  b.enumeration("pagetype", {{"PGTY_buddy", 0xf0}, {"PG_minus", -2}}, false, true);
  b.enumeration("unasked", {{"PG_other", 7}});
  return b;
}

void expect_kernel(const Btf& btf, std::optional<std::uint64_t> log = std::nullopt) {
  EXPECT_EQ(btf.size_of("page"), 64U);
  EXPECT_EQ(btf.size_of("list_head"), 16U);
  EXPECT_EQ(btf.size_of("nodemask_t"), 128U) << "through the typedef";
  EXPECT_EQ(btf.size_of("log"), log);
  EXPECT_EQ(btf.size_of("free_area"), std::nullopt) << "nobody asked";
  EXPECT_EQ(btf.offset_of("page", "flags"), 0U);
  EXPECT_EQ(btf.offset_of("page", "lru"), 8U);
  EXPECT_EQ(btf.offset_of("page", "deep"), 20U) << "behind a typedef and const";
  EXPECT_EQ(btf.offset_of("page", "private"), 40U);
  EXPECT_EQ(btf.offset_of("page", "_mapcount"), 48U);
  EXPECT_EQ(btf.offset_of("list_head", "prev"), 8U);
  EXPECT_EQ(btf.offset_of("list_head", "next"), std::nullopt);
  EXPECT_EQ(btf.offset_of("nodemask_t", "bits"), 0U);
  EXPECT_EQ(btf.length_of("nodemask_t", "bits"), 16U);
  EXPECT_EQ(btf.length_of("zone", "free_area"), 11U) << "behind volatile";
  EXPECT_EQ(btf.length_of("page", "flags"), std::nullopt) << "no array";
  EXPECT_EQ(btf.enumerator("PG_lru"), 5);
  EXPECT_EQ(btf.enumerator("PGTY_buddy"), 0xf0);
  EXPECT_EQ(btf.enumerator("PG_minus"), -2);
  EXPECT_EQ(btf.enumerator("PG_other"), std::nullopt) << "of another enumeration";
}

TEST_F(BtfTest, AKernelsTypesInBothByteOrders) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    auto btf = read(kernel(order).bytes(), order);
    ASSERT_TRUE(btf) << btf.message();
    expect_kernel(*btf);
  }
}

TEST_F(BtfTest, WideEnumerators) {
  BtfBuilder b;
  b.enumeration("pagetype", {{"PGTY_buddy", 0x80000000}, {"PG_minus", -3}}, true, true);
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  EXPECT_EQ(btf->enumerator("PGTY_buddy"), 0x80000000);
  EXPECT_EQ(btf->enumerator("PG_minus"), -3);
}

TEST_F(BtfTest, EnumeratorsWithoutASign) {
  BtfBuilder b;
  b.enumeration("pagetype", {{"PGTY_buddy", 0x80000000}});
  EXPECT_EQ(read(b.bytes())->enumerator("PGTY_buddy"), 0x80000000);
}

// The flag of a structure: the upper byte of a place is a width.
TEST_F(BtfTest, BitFieldsHaveNoOffset) {
  BtfBuilder b;
  const auto uint = b.integer("unsigned int", 4);
  b.structure("page", 8, {{"flags", uint, 32}, {"bits", uint, 3U << 24 | 8}}, Kind::structure,
              true);
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  EXPECT_EQ(btf->offset_of("page", "flags"), 4U);
  EXPECT_EQ(btf->offset_of("page", "bits"), std::nullopt);
}

TEST_F(BtfTest, TwoTypesOfOneNameAreNone) {
  BtfBuilder b = kernel();
  b.structure("page", 32, {});
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  EXPECT_EQ(btf->size_of("page"), std::nullopt);
  EXPECT_EQ(btf->offset_of("page", "flags"), std::nullopt);
  EXPECT_EQ(btf->size_of("zone"), 1024U);
}

// 7.1 lets readers pass over kinds that they do not know.
TEST_F(BtfTest, KindsOfTheFuture) {
  BtfBuilder b = kernel();
  b.add(Kind{21}, "something", 0, 3, {1, 2, 3, 4, 5, 6, 7});  // a word, and two for each element
  b.structure("log", 4, {});
  EXPECT_EQ(error(b.bytes()), "BTF has a type of kind 21, which is not known");

  std::vector<std::pair<std::uint8_t, std::uint8_t>> layout = {
      {0, 0}, {4, 0}, {0, 0}, {12, 0}, {0, 12}, {0, 12}, {0, 8}, {0, 0}, {0, 0},  {0, 0}, {0, 0},
      {0, 0}, {0, 0}, {0, 8}, {4, 0},  {0, 12}, {0, 0},  {4, 0}, {0, 0}, {0, 12}, {0, 0}, {4, 8}};
  b.lay_out(layout);
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  expect_kernel(*btf, 4);

  layout[4] = {0, 16};
  b.lay_out(layout);
  EXPECT_EQ(error(b.bytes()), "BTF has types of kind 4 that are not laid out as known");
}

// Kinds have 7 bits and numbers of elements 24 since 7.2.
TEST_F(BtfTest, MoreElementsThan16BitsCount) {
  BtfBuilder b;
  BtfBuilder::Values values(0x10010, {"some", 1});
  values.back() = {"PG_lru", 9};
  b.enumeration("pageflags", values);
  ASSERT_LT(b.bytes().size(), (SymbolImage::kPages - 1) * 4096);
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  EXPECT_EQ(btf->enumerator("PG_lru"), 9);
}

TEST_F(BtfTest, Headers) {
  const Bytes good = kernel().bytes();
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Bytes bytes = good;
    store(&bytes[at], value, ByteOrder::little);
    return bytes;
  };
  const auto types_size = load<std::uint32_t>(&good[12], ByteOrder::little);
  EXPECT_EQ(error(good), "");
  EXPECT_NE(error(with(0, 0x0001eb9e)), "") << "magic";
  EXPECT_NE(error(with(0, 0x0002eb9f)), "") << "version";
  EXPECT_NE(error(with(4, 23)), "") << "header too short";
  EXPECT_NE(error(with(4, 0xffffffff)), "") << "header too long";
  EXPECT_NE(error(with(8, 2)), "") << "types at an odd place";
  EXPECT_NE(error(with(8, 0xfffffffc)), "") << "types outside";
  EXPECT_NE(error(with(12, 0xffffffff)), "") << "types too long";
  EXPECT_NE(error(with(12, types_size + 4)), "") << "types run into the strings";
  EXPECT_NE(error(with(12, types_size - 4)), "") << "types cut";
  EXPECT_NE(error(with(16, 0xffffffff)), "") << "strings outside";
  EXPECT_NE(error(with(20, 0xffffffff)), "") << "strings too long";
  EXPECT_NE(error(Bytes(good.begin(), good.begin() + 20)), "");
}

TEST_F(BtfTest, EndBeforeBegin) {
  SymbolImage image;
  AddressSpace memory(image.layout, image.memory);
  EXPECT_FALSE(Btf::read(memory, ByteOrder::little, {0x2000}, {0x1000}, kQuestions));
  EXPECT_FALSE(Btf::read(memory, ByteOrder::little, {0}, {~std::uint64_t{0}}, kQuestions));
  EXPECT_FALSE(Btf::read(memory, ByteOrder::little, {~std::uint64_t{0} - 100}, {~std::uint64_t{0}},
                         kQuestions));
}

TEST_F(BtfTest, CutOffAnywhere) {
  const Bytes good = kernel().bytes();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(error(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), "")
        << size;
  }
}

// The last strings are names of nothing that is needed when they go; the rest must not change.
TEST_F(BtfTest, ATailThatCannotBeRead) {
  SymbolImage image;
  Bytes bytes = kernel().bytes();
  image.put(4096 - 600, bytes);
  image.memory.set_unreadable(1);
  AddressSpace memory(image.layout, image.memory);
  auto btf = Btf::read(memory, ByteOrder::little, image.base + (4096 - 600),
                       image.base + (4096 - 600 + bytes.size()), kQuestions);
  ASSERT_FALSE(btf);
  EXPECT_NE(btf.message().find("cannot be read"), std::string::npos) << btf.message();
}

TEST_F(BtfTest, TypedefsOfThemselves) {
  BtfBuilder b;
  b.refer(Kind::typedef_, 1, "nodemask_t");
  b.refer(Kind::const_, 3);
  b.refer(Kind::volatile_, 2);
  b.structure("page", 64, {{"flags", 2, 0}, {"", 2, 0}, {"", 77, 0}, {"", 0, 0}});
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  EXPECT_EQ(btf->size_of("nodemask_t"), std::nullopt);
  EXPECT_EQ(btf->size_of("page"), 64U);
  EXPECT_EQ(btf->offset_of("page", "flags"), 0U);
  EXPECT_EQ(btf->length_of("page", "flags"), std::nullopt);
}

// Each of 40 unnamed members is the structure itself: 40^16 members in all.
TEST_F(BtfTest, StructuresWithinThemselves) {
  BtfBuilder b;
  b.structure("page", 64, std::vector<BtfBuilder::Member>(40, {"", 1, 0}));
  EXPECT_EQ(error(b.bytes()), "BTF's types refer to each other without end");
}

// Of the members behind the deepest level nothing is said.
TEST_F(BtfTest, NestingEnds) {
  BtfBuilder b;
  auto type = b.structure("", 8, {{"deep", b.integer("int", 4), 0}});
  for (int i = 0; i < 40; ++i) type = b.structure("", 8, {{"", type, 0}});
  b.structure("page", 64, {{"flags", 1, 0}, {"", type, 0}});
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  EXPECT_EQ(btf->offset_of("page", "deep"), std::nullopt);
  EXPECT_EQ(btf->offset_of("page", "flags"), 0U);
}

TEST_F(BtfTest, TypesAreFoundByNumberHoweverManyThereAre) {
  BtfBuilder b;
  for (int i = 0; i < 1000; ++i) b.integer("filler", 4);
  const auto array = b.array(1, 77);
  for (int i = 0; i < 1000; ++i) b.refer(Kind::pointer, array);
  b.structure("zone", 64, {{"free_area", array, 0}});
  auto btf = read(b.bytes());
  ASSERT_TRUE(btf) << btf.message();
  EXPECT_EQ(btf->length_of("zone", "free_area"), 77U);
}

// Strings of any length between those that are asked for, over the borders of what is read at once.
TEST_F(BtfTest, NamesBetweenLongStrings) {
  for (const std::size_t length : {100U, 4000U, 65500U, 66000U, 140000U}) {
    BtfBuilder b;
    b.integer(std::string(length, 'x'), 4);
    b.structure("page", 64, {{"flags", 1, 0}, {std::string(length + 7, 'y'), 1, 32}});
    b.structure("zone", 32, {});
    auto btf = read(b.bytes());
    ASSERT_TRUE(btf) << btf.message();
    EXPECT_EQ(btf->size_of("page"), 64U) << length;
    EXPECT_EQ(btf->size_of("zone"), 32U) << length;
  }
}

TEST_F(BtfTest, AStringThatIsThereTooOften) {
  Bytes bytes = kernel().bytes();
  std::uint32_t size = load<std::uint32_t>(&bytes[20], ByteOrder::little);
  for (int i = 0; i < 5000; ++i, size += 5) {
    const Bytes page = test::text_bytes(std::string_view("page\0", 5));
    bytes.insert(bytes.end(), page.begin(), page.end());
  }
  store(&bytes[20], size, ByteOrder::little);
  EXPECT_EQ(error(bytes), "BTF has the string page too often");
}

}  // namespace
}  // namespace vmsift
