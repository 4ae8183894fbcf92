// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/kernel_model.h"

#include "src/classify/self_check.h"

namespace vmsift {

KernelModel KernelModel::detect(Vmcoreinfo note, const MemorySource& source,
                                DetectOptions options) {
  KernelModel model;
  model.note_ = std::move(note);
  auto placed = model.detect_addresses(source.info(), options.archs);
  model.pages_ = PageLayout::detect(model.note_, model.addresses_->word_bytes);
  if (placed) placed = model.detect_memory(source);
  if (!placed) {
    model.map_.reset();
    model.no_memory_map_ = placed.message();
  }
  model.rules_ = std::make_unique<RuleTable>(model.pages_, model.objections_);
  model.known_pages_ = self_check(model, source);
  return model;
}

void KernelModel::switch_off(PageClass page_class, const std::string& reason) {
  objections_[static_cast<std::size_t>(page_class)] = reason;
  rules_ = std::make_unique<RuleTable>(pages_, objections_);
}

std::vector<Downgrade> KernelModel::downgrades() const {
  if (!map_) return {{"all page classes", no_memory_map_}};
  std::vector<Downgrade> downgrades;
  for (const RuleStatus& rule : rules_->rules()) {
    const bool objected = !objections_[static_cast<std::size_t>(rule.filter->page_class)].empty();
    if (!rule.off.empty() && (rule.filter->usually_there || objected)) {
      downgrades.push_back({std::string(rule.filter->name), rule.off});
    }
  }
  if (!pages_.has(Feature::compound)) {
    downgrades.push_back({"compound pages as a whole (each page is decided singly)",
                          pages_.missing(Feature::compound) + " is missing"});
  }
  return downgrades;
}

Result<void> KernelModel::detect_addresses(const DumpInfo& dump,
                                           std::span<const Arch* const> archs) {
  if (note_.empty()) return error("the dump has no VMCOREINFO");
  arch_ = find_arch(dump.machine, dump.machine_name, archs);
  if (arch_ == nullptr) {
    return error("machine {} \"{}\" is not known", dump.machine, dump.machine_name);
  }
  auto layout = arch_->detect_layout(dump, note_);
  if (!layout) return layout.take_error();
  *addresses_ = std::move(*layout);
  addresses_->table.order = dump.order;
  addresses_->word_bytes = arch_->word_bytes;
  can_translate_ = true;
  return {};
}

Result<void> KernelModel::detect_memory(const MemorySource& source) {
  if (pages_.size == 0) return error("{} is missing", pages_.missing(Feature::flags));
  AddressSpace memory(*addresses_, source);
  if (auto checked = check_translation(memory); !checked) return checked;
  auto map = MemoryMap::detect({*arch_, source, note_, pages_.size, memory});
  if (!map) return map.take_error();
  map_ = std::move(*map);
  if (const auto why = map_->why_never_offline(); !why.empty()) {
    pages_.set_missing(Feature::online, std::string(why));
  }
  return {};
}

// The kernel text is reachable in two ways; when they disagree, one of the facts is stale, and
// struct pages found through them would be anybody's guess.
Result<void> KernelModel::check_translation(AddressSpace& memory) {
  const auto text = note_.symbol("_stext");
  if (!text) return {};
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
