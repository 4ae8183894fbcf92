// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/kernel_model.h"

namespace vmsift {

KernelModel KernelModel::detect(Vmcoreinfo note, const MemorySource& source) {
  KernelModel model;
  model.note_ = std::move(note);
  model.pages_ = PageLayout::detect(model.note_);
  model.rules_ = std::make_unique<RuleTable>(model.pages_);
  if (auto found = model.detect_memory(source); !found) {
    model.map_.reset();
    model.downgrades_.push_back({"all page classes", found.message()});
    return model;
  }
  for (const RuleStatus& rule : model.rules_->rules()) {
    if (!rule.missing.empty() && rule.filter->usually_there) {
      model.downgrades_.push_back({std::string(rule.filter->name), rule.missing + " is missing"});
    }
  }
  if (!model.pages_.has(Feature::compound)) {
    model.downgrades_.push_back({"compound pages as a whole (each page is decided singly)",
                                 model.pages_.missing(Feature::compound) + " is missing"});
  }
  return model;
}

Result<void> KernelModel::detect_memory(const MemorySource& source) {
  const DumpInfo& dump = source.info();
  if (note_.empty()) return error("the dump has no VMCOREINFO");
  arch_ = find_arch(dump.machine, dump.machine_name);
  if (arch_ == nullptr) {
    return error("machine {} \"{}\" is not known", dump.machine, dump.machine_name);
  }
  auto layout = arch_->detect_layout(dump, note_);
  if (!layout) return layout.take_error();
  *addresses_ = std::move(*layout);
  addresses_->table.order = dump.order;
  can_translate_ = true;
  if (pages_.size == 0) return error("{} is missing", pages_.missing(Feature::flags));

  AddressSpace memory(*addresses_, source);
  if (auto checked = check_translation(memory); !checked) return checked;
  auto map = MemoryMap::detect(*arch_, source, note_, pages_.size, memory);
  if (!map) return map.take_error();
  map_ = *map;
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
