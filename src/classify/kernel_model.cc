// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/kernel_model.h"

#include "mm-model/nodes.h"
#include "src/classify/contradictions.h"
#include "src/classify/self_check.h"

#include <algorithm>
#include <bit>

namespace vmsift {

KernelModel KernelModel::detect(Vmcoreinfo note, const MemorySource& source,
                                DetectOptions options) {
  // From pages that must be decompressed first, BTF takes as long as classifying a small dump does:
  // it is read for a note that is not enough.
  if (options.use_btf && source.info().stores_encoded) {
    DetectOptions without = options;
    without.use_btf = false;
    KernelModel model = detect(note, source, without);
    model.btf_.reason = "the note is enough";
    if (model.downgrades().empty()) return model;
  }
  KernelModel model;
  model.note_ = std::move(note);
  auto placed = model.detect_addresses(source, options.archs);
  model.detect_types(source, options);
  model.pages_ = PageLayout::detect(model.note_, model.addresses_->word_bytes);
  if (placed) placed = model.detect_memory(source);
  if (!placed) {
    model.map_.reset();
    model.no_memory_map_ = placed.message();
  }
  // No larger than the machine.
  model.free_list_stride_ =
      std::clamp(std::bit_ceil(source.info().max_pfn), FreeListPages::kLeastStridePages,
                 FreeListPages::kStridePages);
  model.detect_free_lists(source);
  model.update_rules();
  model.known_pages_ = self_check(model, source);
  model.find_rules_by_btf();
  return model;
}

void KernelModel::switch_off(PageClass page_class, const std::string& reason) {
  objections_[static_cast<std::size_t>(page_class)] = reason;
  if (page_class == PageClass::free) {
    use_free_marks();  // which the objection speaks against
  } else {
    update_rules();
  }
}

void KernelModel::update_rules() {
  rules_ = std::make_unique<RuleTable>(pages_, objections_, substitutes_);
}

bool KernelModel::tells(PageClass page_class) const {
  const auto& rules = rules_->rules();
  return map_ && std::any_of(rules.begin(), rules.end(), [&](const RuleStatus& rule) {
           return rule.filter->page_class == page_class && rule.off.empty();
         });
}

void KernelModel::use_free_lists() {
  free_list_pages_ = std::make_unique<FreeListPages>(*free_lists_, free_list_stride_);
  substitutes_[static_cast<std::size_t>(PageClass::free)] =
      fmt::format("free lists of {} zones", free_lists_->zones());
  update_rules();
}

void KernelModel::set_free_list_stride(Pfn pages) {
  free_list_stride_ = pages;
  if (free_list_pages_) use_free_lists();
}

void KernelModel::use_free_marks() {
  free_list_pages_.reset();
  substitutes_[static_cast<std::size_t>(PageClass::free)].clear();
  update_rules();
}

std::vector<Downgrade> KernelModel::downgrades() const {
  if (!map_) return {{"all page classes", no_memory_map_}};
  std::vector<Downgrade> downgrades;
  const KernelRelease release = note_.release().value_or(KernelRelease{});
  for (const RuleStatus& rule : rules_->rules()) {
    const auto& since = rule.filter->usually_since;
    const bool objected = !objections_[static_cast<std::size_t>(rule.filter->page_class)].empty();
    if (!rule.off.empty() && ((since && release >= *since) || objected)) {
      downgrades.push_back({std::string(rule.filter->name), rule.off});
    }
  }
  if (!pages_.has(Feature::compound)) {
    downgrades.push_back({"compound pages as a whole (each page is decided singly)",
                          pages_.missing(Feature::compound) + " is missing"});
  }
  return downgrades;
}

Result<void> KernelModel::detect_addresses(const MemorySource& source,
                                           std::span<const Arch* const> archs) {
  const DumpInfo& dump = source.info();
  arch_ = find_arch(dump, archs);
  if (note_.empty()) return error("the dump has no VMCOREINFO");
  if (arch_ == nullptr) {
    return error("machine {} \"{}\" is not known", dump.machine, dump.machine_name);
  }
  if (auto checked = check_note_values(*arch_, source, note_); !checked) return checked;
  auto layout = arch_->detect_layout(source, note_);
  if (!layout) return layout.take_error();
  *addresses_ = std::move(*layout);
  addresses_->word_bytes = arch_->word_bytes;
  if (!addresses_->no_tables.empty()) warnings_.push_back(addresses_->no_tables);
  if (auto checked = check_mapped_memory(*addresses_, source); !checked) return checked;
  can_translate_ = true;
  return {};
}

void KernelModel::detect_types(const MemorySource& source, const DetectOptions& options) {
  if (!options.use_btf) {
    btf_.reason = "--no-btf";
  } else if (!can_translate_) {
    btf_.reason = "the kernel's memory cannot be read";
  } else {
    AddressSpace memory(*addresses_, source);
    btf_ = supply_from_btf(note_, source.info().order, memory);
  }
  for (const std::string& key : btf_.contradicted) {
    warnings_.push_back(
        fmt::format("{} of the note contradicts the kernel's BTF: neither is used", key));
  }
}

void KernelModel::find_rules_by_btf() {
  if (btf_.supplied.empty()) return;
  Vmcoreinfo bare_note = note_;
  for (const std::string& key : btf_.supplied) bare_note.remove(key);
  const RuleTable bare(PageLayout::detect(bare_note, addresses_->word_bytes));
  for (std::size_t i = 0; i < rules_->rules().size(); ++i) {
    const RuleStatus& rule = rules_->rules()[i];
    if (rule.off.empty() && !bare.rules()[i].off.empty())
      rules_by_btf_.push_back(rule.filter->name);
  }
}

Result<void> KernelModel::detect_memory(const MemorySource& source) {
  if (pages_.size == 0) return error("{} is missing", pages_.missing(Feature::flags));
  AddressSpace memory(*addresses_, source);
  if (auto checked = check_translation(memory); !checked) return checked;
  auto map = MemoryMap::detect({*addresses_, source, note_, pages_.size, memory});
  if (!map) return map.take_error();
  map_ = std::move(*map);
  pages_.set_missing(Feature::online, std::string(map_->why_never_offline()));
  pages_.set_evidence(Feature::online, "SECTION_IS_ONLINE");
  return {};
}

// Zones and their free lists. Where the note names no mark of free blocks the lists are all there
// is.
void KernelModel::detect_free_lists(const MemorySource& source) {
  if (!map_) {
    no_zones_ = no_memory_map_;
    return;
  }
  AddressSpace memory(*addresses_, source);
  std::string no_lists;
  auto nodes = Nodes::detect(note_, memory);
  auto zones = nodes ? Zones::detect(note_, *nodes, memory) : Result<Zones>(nodes.take_error());
  if (zones) {
    zones_ = *zones;
    auto lists = FreeLists::detect(note_, pages_, std::move(*zones), source.info().max_pfn,
                                   memory.word_bytes());
    if (lists) {
      free_lists_ = std::move(*lists);
    } else {
      no_lists = lists.message();
    }
  } else {
    no_zones_ = zones.message();
    no_lists = no_zones_;
  }
  if (pages_.has(Feature::buddy)) return;
  if (free_lists_ && !source.info().live) {
    use_free_lists();
  } else if (!free_lists_) {
    objections_[static_cast<std::size_t>(PageClass::free)] = fmt::format(
        "{} is missing, and for free lists: {}", pages_.missing(Feature::buddy), no_lists);
  }
}

// The kernel text is reachable in two ways; when they disagree, one of the facts is stale, and
// struct pages found through them would be anybody's guess.
Result<void> KernelModel::check_translation(AddressSpace& memory) {
  const auto text = note_.symbol("_stext");
  if (!text) return {};
  if (!addresses_->tables_map_image) return {};
  const auto walked = memory.walk(*text);
  const auto linear = memory.translate(*text);
  if (!walked || !linear) {
    warnings_.push_back(
        fmt::format("the page tables do not map SYMBOL(_stext) {:#x}", text->value));
    return {};
  }
  if (walked->paddr != linear->paddr) {
    return error("SYMBOL(_stext) {:#x} is at {:#x} by the page tables and at {:#x} by the note",
                 text->value, walked->paddr.value, linear->paddr.value);
  }
  return {};
}

}  // namespace vmsift
