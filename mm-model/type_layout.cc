// SPDX-License-Identifier: GPL-2.0-or-later
// The page types of a note: which there are, and whether they can be those of one kernel.
#include "mm-model/page_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace vmsift {
namespace {

struct NamedType {
  Feature feature;
  PageType type;
  const char* name;
};

constexpr std::array<NamedType, 6> kNamedTypes = {{
    {Feature::buddy, PageType::buddy, "PAGE_BUDDY_MAPCOUNT_VALUE"},
    {Feature::offline, PageType::offline, "PAGE_OFFLINE_MAPCOUNT_VALUE"},
    {Feature::unaccepted, PageType::unaccepted, "PAGE_UNACCEPTED_MAPCOUNT_VALUE"},
    {Feature::slab, PageType::slab, "PAGE_SLAB_MAPCOUNT_VALUE"},
    {Feature::hugetlb, PageType::hugetlb, "PAGE_HUGETLB_MAPCOUNT_VALUE"},
    {Feature::tables, PageType::table, "PAGE_TABLE_MAPCOUNT_VALUE"},
}};
using Words = std::array<std::optional<std::uint32_t>, kNamedTypes.size()>;

// Page type values in the order of 6.12's enum pagetype, for what the note does not name.
constexpr std::uint32_t kBuddyType = 0xf0000000U;
constexpr std::uint32_t kTableType = 0xf2000000U;
constexpr std::uint32_t kUnacceptedType = 0xf7000000U;

// 6.12 to 6.15 mark unaccepted memory and do not export the value (NUMBER(PAGE_UNACCEPTED_...) came
// with 6.16). Nothing else in the note distinguishes these four releases.
bool marks_unaccepted_silently(const Vmcoreinfo& note) {
  const auto release = note.release();
  return release && *release >= KernelRelease{6, 12} && *release <= KernelRelease{6, 15};
}

// The encoding of more than half of the values, since a kernel has one. Nothing says who is right
// where they are as many against as many.
TypeEncoding encoding_of_most(const Words& words) {
  std::array<std::size_t, 5> votes{};
  std::size_t all = 0;
  for (const auto& word : words) {
    if (!word || encoding_of(*word) == TypeEncoding::unknown) continue;
    ++votes[static_cast<std::size_t>(encoding_of(*word))];
    ++all;
  }
  const auto most = std::max_element(votes.begin(), votes.end());
  return 2 * *most > all ? static_cast<TypeEncoding>(most - votes.begin()) : TypeEncoding::unknown;
}

// What speaks against the value of this type; empty: nothing.
std::string_view objection(const Words& words, std::size_t i, TypeEncoding of_most) {
  const TypeEncoding own = encoding_of(*words[i]);
  const bool of_free_blocks = kNamedTypes[i].type == PageType::buddy;
  if (own == TypeEncoding::unknown || (own == TypeEncoding::free_only && !of_free_blocks)) {
    return "in an encoding that is known";
  }
  if (own != of_most) return "in the encoding of the other page types";
  if (std::count(words.begin(), words.end(), words[i]) > 1) return "of a page type of its own";
  return {};
}

std::string describe(std::uint32_t word) {
  return fmt::format("page type {:#x} ({})", word, name_of(encoding_of(word)));
}

}  // namespace

void PageLayout::detect_types(const Vmcoreinfo& note) {
  buddy_orders = note.length("zone.free_area").value_or(0);
  if (buddy_orders > 32) buddy_orders = 0;
  if (buddy_orders == 0) set_missing(Feature::buddy, "LENGTH(zone.free_area)");

  // Slab pages have a flag until 6.9, a page type since 6.10 (46df8e73a4a3). Before 3.9 the note
  // names neither: their page.mapping is clear then, whichever allocator they belong to.
  const bool old = predates_page_types(note);
  if (old) {
    set_evidence(Feature::slab, "slab pages without a mapping");
  } else if (note.has_number("PG_slab")) {
    slab_mask = require_flag(note, Feature::slab, "PG_slab");
  }
  Words words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& [feature, type, name] = kNamedTypes[i];
    const auto number = note.number(name);
    if (feature == Feature::slab && (old || note.has_number("PG_slab"))) continue;
    if (feature == Feature::hugetlb && !number) continue;  // else marked in the second page
    if (!has_types) {
      set_missing(feature, "OFFSET(page._mapcount)");
    } else if (!number) {
      set_missing(feature, fmt::format("NUMBER({})", name));
    } else if (!(words[i] = type_word(*number))) {
      set_missing(feature, fmt::format("NUMBER({}) below -1", name));
    }
  }
  const TypeEncoding of_most = encoding_of_most(words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i]) continue;
    const auto& [feature, type, name] = kNamedTypes[i];
    if (const auto against = objection(words, i, of_most); !against.empty()) {
      set_missing(feature, fmt::format("NUMBER({}) {}", name, against));
      continue;
    }
    types.push_back(type_rule(*words[i], type));
    const bool ordered = type == PageType::buddy;
    set_evidence(feature, describe(*words[i]) +
                              (ordered ? fmt::format(", order at OFFSET(page.private)={}", private_)
                                       : std::string()));
  }
  add_unnamed_types(note);
  if (has(Feature::unaccepted) && buddy_orders == 0) {
    set_missing(Feature::unaccepted, "LENGTH(zone.free_area)");
  }
}

// Types that the kernel has and its note does not name.
void PageLayout::add_unnamed_types(const Vmcoreinfo& note) {
  const auto known = [this](auto same) { return std::any_of(types.begin(), types.end(), same); };
  if (!known(
          [](const TypeRule& r) { return r.type == PageType::buddy && r.value == kBuddyType; })) {
    return;
  }
  const auto add = [&](Feature f, PageType type, std::uint32_t value) {
    if (has(f) || known([&](const TypeRule& r) { return r.value == value; })) return;
    types.push_back(type_rule(value, type));
    set_missing(f, {});
    set_evidence(f, describe(value) + " of 6.12");
  };
  // Kept with or without this rule.
  if (!note.text("NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)")) {
    add(Feature::tables, PageType::table, kTableType);
  }
  if (!note.text("NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)") && marks_unaccepted_silently(note)) {
    add(Feature::unaccepted, PageType::unaccepted, kUnacceptedType);
  }
}

}  // namespace vmsift
