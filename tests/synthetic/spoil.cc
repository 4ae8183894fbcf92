// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/synthetic/spoil.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace vmsift::test {
namespace {

// A number, or @PFN for the address of that page's list links.
std::uint64_t parse_value(const SyntheticKernel& k, const std::string& text) {
  if (text.front() != '@') return parse_number(text);
  return k.struct_address(parse_number(text.substr(1))).value + k.fields().lru;
}

// note KEY, or KEY=VALUE
void spoil_note(SyntheticKernel& k, const Words& words) {
  const auto equals = words.at(1).find('=');
  const std::string key = words[1].substr(0, equals);
  if (!k.note.get(key)) throw std::runtime_error(key + " is not in the note");
  if (equals == std::string::npos) {
    k.note.remove(key);
  } else {
    k.note.set(key, words[1].substr(equals + 1));
  }
}

// page PFN FIELD VALUE
void spoil_page(SyntheticKernel& k, const Words& words) {
  const PhysAddr page = k.struct_place(parse_number(words.at(1)));
  const std::string& field = words.at(2);
  const std::uint64_t value = parse_value(k, words.at(3));
  const PageFields& f = k.fields();
  const unsigned word = k.machine().word;
  if (field == "mapcount" || field == "count") {
    k.memory.put(page + (field == "count" ? f.count : f.mapcount),
                 static_cast<std::uint32_t>(value));
    return;
  }
  struct Field {
    std::string_view name;
    std::uint32_t at;
  };
  const std::array<Field, 6> fields = {{{"flags", f.flags},
                                        {"mapping", f.mapping},
                                        {"private", f.private_},
                                        {"next", f.lru},
                                        {"prev", f.lru + word},
                                        {"tail", f.tail}}};
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [&](const Field& row) { return row.name == field; });
  if (at == fields.end()) throw std::runtime_error(field + " is no field of struct page");
  k.put_word(page + at->at, value);
}

// list PFN ORDER VALUE: the first element of the list that this block would be on
void spoil_list(SyntheticKernel& k, const Words& words) {
  const auto order = static_cast<unsigned>(parse_number(words.at(2)));
  k.put_word(k.nodes().head_of(parse_number(words.at(1)), order), parse_value(k, words.at(3)));
}

// section N VALUE, or section N or VALUE
void spoil_section(SyntheticKernel& k, const Words& words) {
  const PhysAddr at = k.section_entry(parse_number(words.at(1)));
  const bool add = words.at(2) == "or";
  k.put_word(at, add ? k.get_word(at) | parse_number(words.at(3)) : parse_number(words[2]));
}

void spoil_root(SyntheticKernel& k, const Words& words) {
  k.put_word(k.section_root(parse_number(words.at(1))), parse_number(words.at(2)));
}

// counter PFN VALUE: free pages of the zone
void spoil_counter(SyntheticKernel& k, const Words& words) {
  k.put_word(k.nodes().counter_of(parse_number(words.at(1))), parse_number(words.at(2)));
}

// unreadable PFN: the page of struct pages that has the one of this page frame
void spoil_readability(SyntheticKernel& k, const Words& words) {
  const PhysAddr at = k.struct_place(parse_number(words.at(1)));
  k.memory.set_unreadable(at.value >> k.machine().page_shift);
}

struct Damage {
  std::string_view name;
  void (*apply)(SyntheticKernel& k, const Words& words);
};
constexpr std::array<Damage, 7> kDamages = {{{"note", spoil_note},
                                             {"page", spoil_page},
                                             {"list", spoil_list},
                                             {"section", spoil_section},
                                             {"root", spoil_root},
                                             {"counter", spoil_counter},
                                             {"unreadable", spoil_readability}}};

}  // namespace

std::uint64_t parse_number(const std::string& text) {
  std::size_t end = 0;
  std::uint64_t value = 0;
  try {
    value = std::stoull(text, &end, 0);
  } catch (const std::exception&) {
    end = 0;
  }
  if (end == 0 || end != text.size()) {
    throw std::runtime_error(fmt::format("\"{}\" is no number", text));
  }
  return value;
}

void spoil(SyntheticKernel& kernel, const Words& words) {
  const auto at = std::find_if(kDamages.begin(), kDamages.end(),
                               [&](const Damage& d) { return d.name == words.at(0); });
  if (at == kDamages.end()) throw std::runtime_error(words[0] + " cannot be spoilt");
  at->apply(kernel, words);
}

}  // namespace vmsift::test
