// SPDX-License-Identifier: GPL-2.0-or-later
// Struct pages in, traits out: every era in both byte orders.
#include "mm-model/page_decoder.h"

#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <tuple>

namespace vmsift {
namespace {

using test::Encoding;
using test::Era;
using test::KernelShape;
using test::Kind;
using test::SyntheticKernel;

constexpr Pfn kAt = 0x8000;  // where the tests put their page

class PageDecoderEra : public testing::TestWithParam<std::tuple<Era, ByteOrder>> {
 protected:
  PageDecoderEra()
      : kernel_({.era = std::get<0>(GetParam()), .order = std::get<1>(GetParam())}),
        layout_(PageLayout::detect(Vmcoreinfo(kernel_.note.text()))) {}

  struct Decoded {
    Traits traits;
    std::uint64_t order;
  };
  Decoded decode(Pfn pfn = kAt, bool has_second = true) {
    bytes_.clear();
    for (std::uint32_t i = 0; i < 2 * layout_.size; ++i) {
      bytes_.push_back(std::byte{kernel_.memory.get<std::uint8_t>(kernel_.struct_place(pfn) + i)});
    }
    return std::get<1>(GetParam()) == kHostOrder ? run<false>(has_second) : run<true>(has_second);
  }
  template <bool kSwap>
  Decoded run(bool has_second) const {
    const PageDecoder<kSwap> decoder(layout_);
    const Traits traits = decoder.decode(bytes_.data(), has_second);
    return {traits, has_second ? decoder.order(bytes_.data(), traits) : 0};
  }
  static std::uint16_t flags(Traits t) { return t.bits() & ((1U << Traits::kTypeShift) - 1); }

  SyntheticKernel kernel_;
  PageLayout layout_;
  std::vector<std::byte> bytes_;
};

TEST_P(PageDecoderEra, SinglePages) {
  EXPECT_EQ(decode().traits.bits(), 0);
  kernel_.anon(kAt);
  EXPECT_EQ(flags(decode().traits), Traits::kAnon | Traits::kLru);
  kernel_.file(kAt + 1, false);
  EXPECT_EQ(flags(decode(kAt + 1).traits), Traits::kLru);
  kernel_.file(kAt + 2, true);
  EXPECT_EQ(flags(decode(kAt + 2).traits), Traits::kLru | Traits::kPrivate);
  kernel_.swap_cache(kAt + 3);
  EXPECT_EQ(flags(decode(kAt + 3).traits), Traits::kSwapCache);
  kernel_.poison(kAt + 3);
  EXPECT_EQ(flags(decode(kAt + 3).traits), Traits::kSwapCache | Traits::kHwPoison);
  for (Pfn pfn = kAt; pfn < kAt + 4; ++pfn) EXPECT_EQ(decode(pfn).traits.type(), PageType::none);
}

// The bit is PG_owner_priv_1 too (PG_checked, PG_pinned, ...) and then means nothing here.
TEST_P(PageDecoderEra, SwapCacheNeedsSwapBacked) {
  kernel_.set_flag(kAt, kernel_.encoding().swap_cache);
  EXPECT_EQ(flags(decode().traits), 0);
  kernel_.set_flag(kAt + 1, kernel_.encoding().swap_backed);
  EXPECT_EQ(flags(decode(kAt + 1).traits), 0);
}

TEST_P(PageDecoderEra, Types) {
  const Encoding& e = kernel_.encoding();
  kernel_.free_block(kAt, 9);
  EXPECT_EQ(decode().traits.type(), PageType::buddy);
  EXPECT_EQ(decode().order, 9U);
  kernel_.offline(kAt);
  EXPECT_EQ(decode().traits.type(), PageType::offline);
  kernel_.slab(kAt + 2, 0, 1);
  EXPECT_EQ(decode(kAt + 2).traits.type(), PageType::slab);
  kernel_.other_type(kAt + 3);
  EXPECT_EQ(decode(kAt + 3).traits.type(), PageType::other);
  if (e.unaccepted != 0) {
    kernel_.unaccepted(kAt);
    EXPECT_EQ(decode().traits.type(), PageType::unaccepted);
    EXPECT_EQ(decode().order, 10U);
  }
  if (e.buddy == 0xf0000000) {
    kernel_.page_table(kAt);
    EXPECT_EQ(decode().traits.type(), PageType::table);
  }
}

TEST_P(PageDecoderEra, CountsOfMappingsAreNoTypes) {
  for (const std::uint32_t count : {0xffffffffU, 0U, 1U, 0x7fffffffU, 0x00ffffffU}) {
    kernel_.put<std::uint32_t>(kAt, Encoding::kMapcount, count);
    EXPECT_EQ(decode().traits.type(), PageType::none) << count;
  }
  // More unmappings than mappings: a bug of the kernel's, and nothing to drop.
  for (const std::uint32_t count : {0xfffffffeU, 0xffffff00U, 0x80000000U}) {
    kernel_.put<std::uint32_t>(kAt, Encoding::kMapcount, count);
    EXPECT_EQ(decode().traits.type(), PageType::other) << std::hex << count;
  }
}

TEST_P(PageDecoderEra, CompoundPages) {
  for (const unsigned order : {1U, 2U, 9U}) {
    kernel_.compound(kAt, order, Kind::anon);
    EXPECT_EQ(flags(decode().traits), Traits::kHead | Traits::kLru | Traits::kAnon);
    EXPECT_EQ(decode().traits.type(), PageType::none);
    EXPECT_EQ(decode().order, order);
    EXPECT_TRUE(decode(kAt + 1).traits.has(Traits::kTail));
    EXPECT_FALSE(decode(kAt + 1).traits.has(Traits::kHead));
    EXPECT_EQ(decode(kAt + 1).traits.type(), PageType::none);
  }
  // Without its second page a head is not told to be one.
  EXPECT_FALSE(decode(kAt, false).traits.has(Traits::kHead));
  EXPECT_EQ(decode(kAt, false).traits.type(), PageType::none);
}

TEST_P(PageDecoderEra, Hugetlb) {
  kernel_.hugetlb(kAt, 9);
  EXPECT_EQ(decode().traits.type(), PageType::hugetlb);
  EXPECT_EQ(decode().order, 9U);
  EXPECT_TRUE(decode(kAt + 1).traits.has(Traits::kTail));
  EXPECT_NE(decode(kAt + 1).traits.type(), PageType::hugetlb);
}

TEST_P(PageDecoderEra, SlabBlocks) {
  kernel_.slab(kAt, 3, 0xffff888100000001);
  EXPECT_EQ(decode().traits.type(), PageType::slab);
  EXPECT_TRUE(decode().traits.has(Traits::kHead));
  EXPECT_EQ(decode().order, 3U);
}

INSTANTIATE_TEST_SUITE_P(Eras, PageDecoderEra,
                         testing::Combine(testing::ValuesIn(test::kEras),
                                          testing::Values(ByteOrder::little, ByteOrder::big)),
                         [](const auto& p) {
                           return name_of(std::get<0>(p.param)) +
                                  (std::get<1>(p.param) == ByteOrder::little ? "_little" : "_big");
                         });

}  // namespace
}  // namespace vmsift
