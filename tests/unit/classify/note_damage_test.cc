// SPDX-License-Identifier: GPL-2.0-or-later
// The golden rule: a page that may matter is kept. Each line of a real note is taken away or made
// worthless, one at a time; whatever then happens, no page is dropped that the true note keeps.
#include "filters/filter.h"
#include "tests/unit/support/synthetic_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace vmsift {
namespace {

using test::classify_pages;
using test::Era;
using test::KernelShape;
using test::Kind;
using test::Note;
using test::SyntheticKernel;

// Pages of every kind, and kernel pages that a wrong reading would take for something else.
constexpr PfnRange kRun{0x7f00, 0x9400};

void populate(SyntheticKernel& k) {
  const Pfn at = 0x8000;
  for (unsigned bit = 0; bit < 52; ++bit) {  // one flag each, whatever it means
    k.set_flag(at + bit, bit);
    k.set_flag(at + 64 + bit, bit);  // and with what looks like an anonymous mapping
    k.put<std::uint64_t>(at + 64 + bit, k.fields().mapping, bit % 2 == 0 ? 2 : 0);
  }
  k.anon(at + 130);
  k.set_flag(at + 130, 0);  // locked
  k.file(at + 131, false);
  k.set_flag(at + 131, 0);
  k.file(at + 132, true);
  k.swap_cache(at + 133);
  if (k.encoding().offline != 0) k.offline(at + 134);
  k.page_table(at + 135);
  if (k.encoding().other != 0) k.other_type(at + 136);
  k.slab(at + 137, 0, 0xffff888100000001);
  k.slab(at + 144, 3, 1);
  k.anon(at + 160);
  k.poison(at + 160);
  k.compound(at + 192, 4, Kind::anon);
  k.compound(at + 208, 4, Kind::file);
  k.compound(at + 224, 4, Kind::file_private);
  k.compound(at + 240, 4, Kind::kernel);
  k.slab(at + 256, 3, 1);
  k.compound(at + 264, 1, Kind::kernel);
  k.compound(at + 512, 9, Kind::file);
  k.hugetlb(at + 1024, 9);
  k.free_block(at + 2048, 10);
  k.free_block(at + 3072, 0);
  k.free_block(at + 3076, 2);
  if (k.encoding().unaccepted != 0) k.unaccepted(at + 4096);
}

// A real note that speaks of the synthetic kernel: the addresses of this machine in it.
void use_real_note(SyntheticKernel& k, const std::string& name) {
  Note real = Note::real(name);
  for (const auto& [key, value] : k.note.lines()) {
    if (key.starts_with("SYMBOL") || key == "NUMBER(phys_base)" ||
        key == "NUMBER(MAX_PHYSMEM_BITS)" || key == "LENGTH(mem_section)" ||
        key == "NUMBER(pgtable_l5_enabled)") {
      real.set(key, value);
    }
  }
  real.remove(
      "SYMBOL(init_top_pgt)");  // else it stands in for swapper_pg_dir, with another address
  k.note = real;
}

std::vector<std::string> worthless_values(const std::string& key) {
  if (key.starts_with("SYMBOL")) return {"0", "ffffffffffffffff", "7fffffff", "zz", ""};
  return {"0",  "-1", "2147483647", "4294967295", "9223372036854775807", "18446744073709551615",
          "zz", ""};
}

struct Real {
  Era era;
  unsigned levels;
  const char* note;
};

class NoteDamage : public testing::TestWithParam<Real> {
 protected:
  NoteDamage() : kernel({.era = GetParam().era, .levels = GetParam().levels}) {
    populate(kernel);
    use_real_note(kernel, GetParam().note);
    truth = classify_pages(kernel.model(), kernel.memory, kRun);
  }

  // The first page that `level` drops and should not, with no note but the one given.
  std::string first_loss(const Note& note) const {
    const KernelModel model = KernelModel::detect(Vmcoreinfo(note.text()), kernel.memory);
    const auto all = classify_pages(model, kernel.memory, kRun);
    const auto passed = classify_pages(model, kernel.memory, kRun, dropped_classes(kMaxLevel));
    // Level bits add up: what holds for each of them holds for all together.
    for (const unsigned level : {0U, 2U, 4U, 8U, 16U, kMaxLevel}) {
      const ClassSet dropped = dropped_classes(level);
      const auto& classes = level == kMaxLevel ? passed : all;
      if (classes == truth) continue;
      for (std::size_t i = 0; i < kRun.size(); ++i) {
        if (dropped.contains(classes[i]) && !dropped.contains(truth[i])) {
          return fmt::format("level {} drops page {:#x} as {}, which is {}", level, kRun.begin + i,
                             name_of(classes[i]), name_of(truth[i]));
        }
      }
    }
    return {};
  }

  SyntheticKernel kernel;
  std::vector<PageClass> truth;
};

TEST_P(NoteDamage, TheTrueNoteIsUnderstood) {
  const KernelModel model = kernel.model();
  ASSERT_TRUE(model.memory_map());
  for (const Downgrade& d : model.downgrades()) ADD_FAILURE() << d.rule << ": " << d.reason;
  for (const PageClass c : {PageClass::hwpoison, PageClass::offline, PageClass::free,
                            PageClass::cache, PageClass::cache_private, PageClass::user,
                            PageClass::hugetlb, PageClass::slab, PageClass::kernel}) {
    EXPECT_NE(std::count(truth.begin(), truth.end(), c), 0) << name_of(c);
  }
  EXPECT_EQ(first_loss(kernel.note), "");
}

TEST_P(NoteDamage, NoLineIsNeededToKeepAPage) {
  for (const auto& [key, value] : kernel.note.lines()) {
    Note note = kernel.note;
    note.remove(key);
    EXPECT_EQ(first_loss(note), "") << "without " << key;
  }
}

TEST_P(NoteDamage, NoWorthlessValueCostsAPage) {
  for (const auto& [key, value] : kernel.note.lines()) {
    if (key.find("prb") != std::string::npos || key.find("printk") != std::string::npos ||
        key.find("kallsyms") != std::string::npos) {
      continue;  // nothing of the sort is asked for here, and there are many
    }
    for (const std::string& worthless : worthless_values(key)) {
      Note note = kernel.note;
      note.set(key, worthless);
      EXPECT_EQ(first_loss(note), "") << key << "=" << worthless;
    }
  }
}

// Cut off anywhere, as a damaged dump may have it.
TEST_P(NoteDamage, NoTruncationCostsAPage) {
  const std::string text = kernel.note.text();
  for (std::size_t length = 0; length < text.size(); length += 101) {
    EXPECT_EQ(first_loss(Note(text.substr(0, length))), "") << length;
  }
}

INSTANTIATE_TEST_SUITE_P(Notes, NoteDamage,
                         testing::Values(Real{Era::v5_10, 4, "amd64-5.10.0-32-amd64"},
                                         Real{Era::v6_1, 5, "amd64-6.1.0-50-amd64"},
                                         Real{Era::v6_12, 5, "amd64-6.12.107+deb13-amd64"},
                                         Real{Era::v7_1, 4, "amd64-7.3.4+deb13-amd64"},
                                         Real{Era::v7_1_mask, 5, "amd64-7.3.4+deb13-amd64"}),
                         [](const auto& p) { return name_of(p.param.era); });

// The eras without a real note at hand, with the notes of the synthetic kernels.
TEST(NoteDamageOfEveryEra, NoWorthlessValueCostsAPage) {
  std::vector<Era> eras(std::begin(test::kOldEras), std::end(test::kOldEras));
  eras.insert(eras.end(), {Era::v6_3, Era::v6_6, Era::v6_9, Era::v6_11});
  for (const Era era : eras) {
    const bool old = era < Era::v5_10;
    SyntheticKernel kernel({.era = era, .levels = old ? 4U : 5U, .kaslr = !old});
    populate(kernel);
    ASSERT_TRUE(kernel.model().memory_map()) << name_of(era);
    const auto truth = classify_pages(kernel.model(), kernel.memory, kRun);
    for (const auto& [key, value] : kernel.note.lines()) {
      std::vector<std::string> values = worthless_values(key);
      values.emplace_back("(removed)");
      for (const std::string& worthless : values) {
        Note note = kernel.note;
        if (worthless == "(removed)")
          note.remove(key);
        else
          note.set(key, worthless);
        const KernelModel model = KernelModel::detect(Vmcoreinfo(note.text()), kernel.memory);
        const auto classes = classify_pages(model, kernel.memory, kRun);
        for (const unsigned level : {0U, 2U, 4U, 8U, 16U}) {
          const ClassSet dropped = dropped_classes(level);
          for (std::size_t i = 0; i < kRun.size(); ++i) {
            ASSERT_FALSE(dropped.contains(classes[i]) && !dropped.contains(truth[i]))
                << name_of(era) << " " << key << "=" << worthless << " level " << level << " page "
                << i << " as " << name_of(classes[i]) << " and not " << name_of(truth[i]);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace vmsift
