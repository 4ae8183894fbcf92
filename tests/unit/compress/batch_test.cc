// SPDX-License-Identifier: GPL-2.0-or-later
// What codecs share: page samples, and the look for noise.
#include "compress/batch.h"
#include "codec_fixture.h"
#include "compress/incompressible.h"
#include "compress/page_sample.h"

#include <random>

namespace vmsift {
namespace {

TEST(Incompressible, IsNoiseAndNothingElse) {
  for (const std::size_t page_size : kPageSizes) {
    for (const auto& [name, page] : patterns(page_size)) {
      const bool expected = name == "random" || name == "nearly_incompressible";
      EXPECT_EQ(incompressible(page.data(), page_size), expected) << name << page_size;
    }
  }
}

// zlib's whole point on such a page; the codecs without an entropy code may give up.
TEST(Incompressible, LeavesHexDigitsToTheEntropyCode) {
  for (const auto& [name, page] : patterns(4096)) {
    if (name != "hex_digits") continue;
    for (const char* codec : {"zlib", "zstd"}) {
      EXPECT_LT(encode_alone(*find_codec_by_name(codec), page).size(), 2600U) << codec;
    }
  }
}

TEST(PageSample, CountsZerosAllOverThePage) {
  for (const std::size_t page_size : kPageSizes) {
    Bytes page(page_size);
    EXPECT_EQ(count_sampled_zeros(page.data(), page_size), sample_size(page_size));
    std::ranges::fill(std::span(page).last(page_size / 2), std::byte{1});
    EXPECT_EQ(count_sampled_zeros(page.data(), page_size), sample_size(page_size) / 2);
  }
}

}  // namespace
}  // namespace vmsift
