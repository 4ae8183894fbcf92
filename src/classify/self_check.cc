// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/self_check.h"

#include "mm-model/nodes.h"
#include "src/classify/classifier.h"
#include "src/classify/window_scan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace vmsift {
namespace {

// Text, read-only data and variables; none is in a section that is freed after the boot.
constexpr auto kSymbols = std::to_array<const char*>({"_stext",
                                                      "swapper_pg_dir",
                                                      "init_top_pgt",
                                                      "init_level4_pgt",
                                                      "init_uts_ns",
                                                      "node_online_map",
                                                      "contig_page_data",
                                                      "mem_map",
                                                      "node_data",
                                                      "vmlist",
                                                      "vmap_area_list",
                                                      "log_buf",
                                                      "log_end",
                                                      "log_first_idx",
                                                      "log_next_idx",
                                                      "prb",
                                                      "clear_seq",
                                                      "printk_rb_static",
                                                      "free_huge_page",
                                                      "kallsyms_names",
                                                      "kallsyms_num_syms",
                                                      "kallsyms_token_table",
                                                      "kallsyms_offsets"});

// An image is smaller than this everywhere: what is farther from _stext was damaged.
constexpr std::uint64_t kMostImage = std::uint64_t{1} << 30;

// Memory nodes whose pgdat is looked at.
constexpr std::size_t kMostNodes = 8;

class Collector {
 public:
  Collector(const KernelModel& model, const MemorySource& source)
      : model_(model), source_(source), memory_(model.addresses(), source) {}

  std::vector<KnownPage> collect() {
    add_image();
    add_mem_section();
    add_nodes();
    const std::size_t found = pages_.size();
    for (std::size_t i = 0; i < found; ++i) add_structs_of(pages_[i]);
    std::sort(pages_.begin(), pages_.end(),
              [](const KnownPage& a, const KnownPage& b) { return a.pfn < b.pfn; });
    return std::move(pages_);
  }

 private:
  void add(PhysAddr at, const std::string& holds) {
    const Pfn pfn = at.value / source_.info().page_size;
    const bool known = std::any_of(pages_.begin(), pages_.end(),
                                   [pfn](const KnownPage& p) { return p.pfn == pfn; });
    if (!known && pfn < source_.info().max_pfn && pages_.size() < kMostKnownPages) {
      pages_.push_back({pfn, holds});
    }
  }

  // The page, and the page tables on the way to it. No address without a mapping of its own.
  void add_virtual(VirtAddr at, const std::string& holds) {
    const auto where = memory_.translate(at);
    if (!where) return;
    add(where->paddr, holds);
    std::vector<PhysAddr> tables;
    const WalkObserver observer = [&](const WalkStep& step) {
      if (step.readable) tables.push_back(step.at);
    };
    const auto walked = memory_.walk(at, &observer);
    if (!walked || walked->paddr != where->paddr) return;
    for (const PhysAddr table : tables) add(table, "the page table of " + holds);
  }

  void add_image() {
    const auto text = model_.note().symbol("_stext");
    if (!text) return;
    for (const char* name : kSymbols) {
      const auto at = model_.note().symbol(name);
      if (!at || std::max(*at, *text) - std::min(*at, *text) >= kMostImage) continue;
      add_virtual(*at, fmt::format("SYMBOL({})", name));
    }
  }

  // The array; and where it is one of pointers, what the first points to. A section that has struct
  // pages sets the lowest bits of its word.
  void add_mem_section() {
    const auto root = model_.note().symbol("mem_section");
    if (!root) return;
    add_virtual(*root, "SYMBOL(mem_section)");
    const auto first = memory_.read_word(*root);
    if (first && *first != 0 && *first % memory_.word_bytes() == 0) {
      add_virtual({*first}, "the first sections");
    }
  }

  void add_nodes() {
    const auto nodes = Nodes::detect(model_.note(), memory_);
    if (!nodes) return;
    const auto all = nodes->all();
    for (const Node& node : all.first(std::min(all.size(), kMostNodes))) {
      add_virtual(node.pgdat, fmt::format("memory node {}", node.id));
    }
  }

  void add_structs_of(const KnownPage& page) {
    const std::string holds = page.holds;  // `page` moves when pages are added
    const auto structs = model_.memory_map()->part(page.pfn, memory_).structs;
    if (structs) add_virtual(*structs, "the struct page of " + holds);
  }

  const KernelModel& model_;
  const MemorySource& source_;
  AddressSpace memory_;
  std::vector<KnownPage> pages_;
};

// The classes that the rules give the known pages, as a run would: a page may be called free by the
// first page of a block that seems to cover it.
std::vector<PageClass> classes_of(const std::vector<KnownPage>& known, const KernelModel& model,
                                  const MemorySource& source) {
  const auto classifier = make_classifier(model, source);
  const unsigned orders = std::clamp(model.pages().buddy_orders, 1U, 16U);
  const Pfn block = std::min<Pfn>(Pfn{1} << (orders - 1), kWindowPages);
  std::vector<PageClass> result(known.size(), PageClass::unknown);
  std::vector<PageClass> classes;
  for (std::size_t i = 0; i < known.size();) {
    const Pfn begin = align_down(known[i].pfn, block);
    std::size_t last = i;
    while (last + 1 < known.size() && known[last + 1].pfn < begin + block) ++last;
    // A head is told by the page behind it.
    const Pfn end = std::min(known[last].pfn + 2, source.info().max_pfn);
    classes.assign(static_cast<std::size_t>(end - begin), PageClass::unknown);
    classifier->classify({begin, end}, {}, classes);
    for (; i <= last; ++i) result[i] = classes[static_cast<std::size_t>(known[i].pfn - begin)];
  }
  return result;
}

bool is_the_kernels(PageClass c) {
  return c == PageClass::slab || c == PageClass::page_table || c == PageClass::kernel ||
         c == PageClass::unknown;
}

// The first known page that is said to be of class `c`. Memory errors are real now and then: the
// rule is wrong where most pages have one.
std::optional<std::size_t> contradiction(const std::vector<PageClass>& classes, PageClass c) {
  const auto first = std::find(classes.begin(), classes.end(), c);
  if (first == classes.end()) return std::nullopt;
  const auto all = static_cast<std::size_t>(std::count(classes.begin(), classes.end(), c));
  if (c == PageClass::hwpoison && 2 * all <= classes.size()) return std::nullopt;
  return first - classes.begin();
}

bool switch_off_what_is_wrong(KernelModel& model, const std::vector<KnownPage>& known,
                              const std::vector<PageClass>& classes) {
  bool found = false;
  for (std::size_t c = 0; c < kPageClasses; ++c) {
    const auto page_class = static_cast<PageClass>(c);
    if (is_the_kernels(page_class)) continue;
    if (const auto i = contradiction(classes, page_class)) {
      model.switch_off(page_class,
                       fmt::format("page frame {:#x}, which has {}, would be one of them",
                                   known[*i].pfn, known[*i].holds));
      found = true;
    }
  }
  return found;
}

}  // namespace

std::vector<KnownPage> known_pages(const KernelModel& model, const MemorySource& source) {
  if (model.memory_map() == nullptr) return {};
  return Collector(model, source).collect();
}

std::size_t self_check(KernelModel& model, const MemorySource& source) {
  const auto known = known_pages(model, source);
  std::vector<PageClass> classes;
  // Without one rule another may match: each round but the last switches one off.
  for (std::size_t round = 0; round < kPageClasses; ++round) {
    classes = classes_of(known, model, source);
    if (!switch_off_what_is_wrong(model, known, classes)) break;
  }
  return static_cast<std::size_t>(std::count_if(
      classes.begin(), classes.end(), [](PageClass c) { return c != PageClass::unknown; }));
}

}  // namespace vmsift
