// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/synthetic/case_file.h"

#include "tests/synthetic/spoil.h"
#include "tests/unit/support/synthetic_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>

namespace vmsift::test {
namespace {

struct Release {
  std::string_view name;
  Era era;
};
constexpr std::array<Release, 18> kReleases = {{{"2.6.24", Era::v2_6_24},
                                                {"2.6.32", Era::v2_6_32},
                                                {"2.6.38", Era::v2_6_38},
                                                {"3.10", Era::v3_10},
                                                {"3.17", Era::v3_17},
                                                {"4.4", Era::v4_4},
                                                {"4.18", Era::v4_19},
                                                {"4.19", Era::v4_19},
                                                {"5.4", Era::v5_4},
                                                {"5.10", Era::v5_10},
                                                {"6.1", Era::v6_1},
                                                {"6.3", Era::v6_3},
                                                {"6.6", Era::v6_6},
                                                {"6.9", Era::v6_9},
                                                {"6.11", Era::v6_11},
                                                {"6.12", Era::v6_12},
                                                {"7.1", Era::v7_1},
                                                {"7.1-mask", Era::v7_1_mask}}};

// What is put where.
struct Placement {
  Pfn pfn = 0;
  unsigned order = 0;
};
struct PageKind {
  std::string_view name;
  void (*put)(SyntheticKernel& k, Placement at);
  unsigned order = 0;  // where the line does not say
};
constexpr std::array<PageKind, 17> kPageKinds = {{
    {"free", [](SyntheticKernel& k, Placement at) { k.free_block(at.pfn, at.order); }},
    {"unaccepted", [](SyntheticKernel& k, Placement at) { k.unaccepted(at.pfn); }, 10},
    {"anon", [](SyntheticKernel& k, Placement at) { k.anon(at.pfn); }},
    {"ksm", [](SyntheticKernel& k, Placement at) { k.ksm(at.pfn); }},
    {"cache", [](SyntheticKernel& k, Placement at) { k.file(at.pfn, false); }},
    {"cache_private", [](SyntheticKernel& k, Placement at) { k.file(at.pfn, true); }},
    {"swapcache", [](SyntheticKernel& k, Placement at) { k.swap_cache(at.pfn); }},
    {"offline", [](SyntheticKernel& k, Placement at) { k.offline(at.pfn); }},
    {"table", [](SyntheticKernel& k, Placement at) { k.page_table(at.pfn); }},
    {"typed", [](SyntheticKernel& k, Placement at) { k.other_type(at.pfn); }},
    {"slab", [](SyntheticKernel& k, Placement at) { k.slab(at.pfn, at.order); }},
    {"thp", [](SyntheticKernel& k, Placement at) { k.compound(at.pfn, at.order, Kind::anon); }, 9},
    {"folio", [](SyntheticKernel& k, Placement at) { k.compound(at.pfn, at.order, Kind::file); },
     4},
    {"folio_private",
     [](SyntheticKernel& k, Placement at) { k.compound(at.pfn, at.order, Kind::file_private); }, 4},
    {"compound",
     [](SyntheticKernel& k, Placement at) { k.compound(at.pfn, at.order, Kind::kernel); }, 3},
    {"hugetlb", [](SyntheticKernel& k, Placement at) { k.hugetlb(at.pfn, at.order); }, 9},
    {"poison", [](SyntheticKernel& k, Placement at) { k.poison(at.pfn); }},
}};

template <class Table>
const auto& find(const Table& table, std::string_view name, const char* what) {
  const auto at = std::find_if(table.begin(), table.end(),
                               [name](const auto& row) { return row.name == name; });
  if (at == table.end()) throw std::runtime_error(fmt::format("\"{}\" is no {}", name, what));
  return *at;
}

PfnRange parse_range(const std::string& text) {
  const auto dash = text.find('-');
  if (dash == std::string::npos) throw std::runtime_error("a range is BEGIN-END");
  return {parse_number(text.substr(0, dash)), parse_number(text.substr(dash + 1))};
}

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + " cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class Parser {
 public:
  explicit Parser(std::string folder) : folder_(std::move(folder)) {}

  void parse(std::string_view text, const std::string& name) {
    std::istringstream in{std::string(text)};
    unsigned number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      std::istringstream part(line.substr(0, line.find('#')));
      Words words;
      for (std::string word; part >> word;) words.push_back(word);
      if (words.empty()) continue;
      try {
        take(words);
      } catch (const std::exception& e) {
        throw std::runtime_error(fmt::format("{}:{}: {}", name, number, e.what()));
      }
    }
  }

  Case finish() {
    kernel().use_the_rest();
    // What cannot be read is not in the dump.
    for (const Pfn pfn : kernel().memory.unreadable()) kernel().expect(pfn, 1, PageClass::hole);
    return std::move(case_);
  }

 private:
  void take(const Words& words) {
    const std::string& first = words.front();
    if (first == "include") {
      parse(read_text(folder_ + words.at(1)), words[1]);
    } else if (first == "spoil") {
      spoil(kernel(), Words(words.begin() + 1, words.end()));
      case_.spoilt = true;
    } else if (first == "expect") {
      expect(words);
    } else if (first == "log") {
      log(words);
    } else if (std::isdigit(static_cast<unsigned char>(first[0])) != 0) {
      place(words);
    } else {
      shape_line(words);
    }
  }

  SyntheticKernel& kernel() {
    if (!case_.kernel) {
      finish_shape();
      case_.kernel = std::make_unique<SyntheticKernel>(shape_);
    }
    return *case_.kernel;
  }

  void finish_shape() {
    if (shape_.nodes.empty()) shape_.nodes = {{{0, 0x8000}}};
    const Pfn per_section = SyntheticKernel::kSection >> (shape_.page_shift - 12);
    Pfn end = 0;
    for (const auto& node : shape_.nodes) end = std::max(end, node.back().end);
    shape_.first_pfn = shape_.nodes.front().front().begin;
    shape_.sections = ceil_div(end - shape_.first_pfn, per_section);
  }

  void shape_line(const Words& words) {
    if (case_.kernel) throw std::runtime_error("the kernel's shape comes first");
    const std::string& first = words.front();
    const auto has = [&](std::string_view word) {
      return std::find(words.begin() + 1, words.end(), word) != words.end();
    };
    if (first == "release") {
      shape_.era = find(kReleases, words.at(1), "release").era;
      shape_.levels = shape_.era < Era::v4_19 ? 4 : 5;
      shape_.kaslr = false;
    } else if (first == "memory") {
      std::vector<PfnRange>& node = shape_.nodes.emplace_back();
      for (std::size_t i = 1; i < words.size(); ++i) node.push_back(parse_range(words[i]));
    } else if (first == "x86_64") {
      if (has("4-level")) shape_.levels = 4;
      shape_.kaslr = has("kaslr");
    } else if (first == "made-up") {
      shape_.made_up_word = has("32") ? 4 : 8;
      if (has("big-endian")) shape_.order = ByteOrder::big;
      if (has("16K")) shape_.page_shift = 14;
    } else if (first == "machine") {
      shape_.machine = words.at(1);
      for (std::size_t i = 2; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "big-endian") {
          shape_.order = ByteOrder::big;
        } else if (word == "4K" || word == "8K" || word == "16K" || word == "64K") {
          shape_.page_shift = word == "4K" ? 12 : word == "8K" ? 13 : word == "16K" ? 14 : 16;
        } else {
          shape_.variant = word;
        }
      }
    } else if (first == "flat") {
      shape_.model = Model::flat;
    } else if (first == "discontig") {
      shape_.model = Model::discontig;
    } else if (first == "sparse" || first == "vmemmap") {
      shape_.vmemmap = first == "vmemmap";
      shape_.extreme = !has("static");
      shape_.mem_section_is_pointer = has("pointer");
    } else if (first == "struct-page") {
      shape_.page_struct_size = static_cast<std::uint32_t>(parse_number(words.at(1)));
    } else {
      throw std::runtime_error(fmt::format("\"{}\" is nothing that a line begins with", first));
    }
  }

  // PFN KIND [order N] [count N] [every N]
  void place(const Words& words) {
    const PageKind& kind = find(kPageKinds, words.at(1), "kind of page");
    Placement at{parse_number(words[0]), kind.order};
    std::uint64_t count = 1;
    std::uint64_t every = 0;
    for (std::size_t i = 2; i < words.size(); i += 2) {
      const std::uint64_t value = parse_number(words.at(i + 1));
      if (words[i] == "order") {
        at.order = static_cast<unsigned>(value);
      } else if (words[i] == "count") {
        count = value;
      } else if (words[i] == "every") {
        every = value;
      } else {
        throw std::runtime_error(fmt::format("\"{}\" says nothing of pages", words[i]));
      }
    }
    if (every == 0) every = std::uint64_t{1} << at.order;
    for (; count > 0; --count, at.pfn += every) kind.put(kernel(), at);
  }

  void expect(const Words& words) {
    if (words.at(1) == "report") {
      std::string text = words.at(2);
      for (std::size_t i = 3; i < words.size(); ++i) text += " " + words[i];
      case_.reports.push_back(text);
      return;
    }
    if (words[1] != "same") throw std::runtime_error("expect report TEXT, or same CLASS...");
    for (std::size_t i = 2; i < words.size(); ++i) {
      const auto name = std::find(kPageClassNames.begin(), kPageClassNames.end(), words[i]);
      if (name == kPageClassNames.end()) throw std::runtime_error(words[i] + " is no class");
      case_.same.add(static_cast<PageClass>(name - kPageClassNames.begin()));
    }
  }

  void log(const Words& words) {
    for (std::size_t i = 1; i < words.size(); ++i) {
      case_.message += (i == 1 ? "" : " ") + words[i];
    }
    const Machine& m = kernel().machine();
    const ByteOrder order = shape_.order;
    if (shape_.era < Era::v3_10) {
      FlatLog flat(4096, order, false, m.word);
      flat.log("<4>[    1.000000] " + case_.message + "\n");
      flat.store();
      kernel().adopt(flat);
    } else if (shape_.era < Era::v5_10) {
      RecordsLog records(4096, shape_.era == Era::v3_10 ? "log" : "printk_log", false, order,
                         m.word);
      records.log(1'000'000'000, case_.message);
      records.store();
      kernel().adopt(records);
    } else {
      RingLog ring({.order = order, .word = m.word});
      ring.log(1'000'000'000, case_.message);
      ring.store();
      kernel().adopt(ring);
    }
  }

  std::string folder_;
  KernelShape shape_;
  Case case_;
};

}  // namespace

Case parse_case(std::string_view text) {
  Parser parser("");
  parser.parse(text, "text");
  return parser.finish();
}

Case read_case(const std::string& path) {
  Parser parser(path.substr(0, path.rfind('/') + 1));
  parser.parse(read_text(path), path);
  return parser.finish();
}

}  // namespace vmsift::test
