// SPDX-License-Identifier: GPL-2.0-or-later
// Everything that is known of the crashed kernel, put together from the dump's headers and its
// note. What could not be found out is listed as a downgrade: the rule concerned is off and its
// pages are kept.
#pragma once

#include "arch/arch.h"
#include "filters/rules.h"
#include "mm-model/free_lists.h"
#include "mm-model/kernel_types.h"
#include "mm-model/memory_map.h"
#include "mm-model/page_layout.h"
#include "mm-model/vmcoreinfo.h"
#include "mm-model/zones.h"
#include "src/classify/free_list_pages.h"
#include "src/input/memory_source.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vmsift {

struct Downgrade {
  std::string rule;    // what is switched off
  std::string reason;  // the entry that is missing or contradicts another
};

struct DetectOptions {
  bool use_btf = true;  // the kernel's own type information fills what the note lacks
  std::span<const Arch* const> archs = all_archs();
};

class KernelModel {
 public:
  // `source` must outlive the model. Never fails: a kernel that is not understood at all has no
  // memory map and every page is kept.
  static KernelModel detect(Vmcoreinfo note, const MemorySource& source,
                            DetectOptions options = {});

  // Something other than the note speaks against the rule for this class: its pages are kept from
  // now on, and the downgrades say so.
  void switch_off(PageClass page_class, const std::string& reason);

  // Free pages are told by the free lists from now on, or by their mark again. free_lists() must be
  // there.
  void use_free_lists();
  void use_free_marks();

  [[nodiscard]] const Vmcoreinfo& note() const { return note_; }
  [[nodiscard]] const Arch* arch() const { return arch_; }  // nullptr: not known
  [[nodiscard]] const AddressLayout& addresses() const { return *addresses_; }
  [[nodiscard]] const PageLayout& pages() const { return pages_; }
  [[nodiscard]] const MemoryMap* memory_map() const { return map_.get(); }  // nullptr: no pages
  [[nodiscard]] const RuleTable& rules() const { return *rules_; }
  // Whether pages of this class are recognised at all.
  [[nodiscard]] bool tells(PageClass page_class) const;
  // nullopt: see no_zones().
  [[nodiscard]] const std::optional<Zones>& zones() const { return zones_; }
  [[nodiscard]] const std::string& no_zones() const { return no_zones_; }
  [[nodiscard]] const std::optional<FreeLists>& free_lists() const { return free_lists_; }
  // What free pages are told by; nullptr: by their mark, or not at all.
  [[nodiscard]] FreeListPages* free_list_pages() const { return free_list_pages_.get(); }
  // Page frames that one walk of the lists is for, now or should they be used later.
  [[nodiscard]] Pfn free_list_stride() const { return free_list_stride_; }
  // Before the first scanner; see FreeListPages.
  void set_free_list_stride(Pfn pages);
  // Pages known to be the kernel's that the rules were tried on; see self_check.h.
  [[nodiscard]] std::size_t known_pages() const { return known_pages_; }
  [[nodiscard]] std::vector<Downgrade> downgrades() const;
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] bool can_translate() const { return can_translate_; }
  // What the kernel's own type information added to the note.
  [[nodiscard]] const BtfUse& btf() const { return btf_; }
  // The filters that run on nothing but that.
  [[nodiscard]] const std::vector<std::string_view>& rules_by_btf() const { return rules_by_btf_; }

 private:
  Result<void> detect_addresses(const MemorySource& source, std::span<const Arch* const> archs);
  void detect_types(const MemorySource& source, const DetectOptions& options);
  void find_rules_by_btf();
  Result<void> detect_memory(const MemorySource& source);
  Result<void> check_translation(AddressSpace& memory);
  void detect_free_lists(const MemorySource& source);
  void update_rules();

  Vmcoreinfo note_;
  const Arch* arch_ = nullptr;
  std::unique_ptr<AddressLayout> addresses_ = std::make_unique<AddressLayout>();
  bool can_translate_ = false;
  BtfUse btf_;
  std::vector<std::string_view> rules_by_btf_;
  PageLayout pages_;
  Objections objections_;
  Substitutes substitutes_;
  std::unique_ptr<RuleTable> rules_;
  std::unique_ptr<const MemoryMap> map_;
  std::string no_memory_map_;  // why
  std::optional<Zones> zones_;
  std::string no_zones_;  // why
  std::optional<FreeLists> free_lists_;
  Pfn free_list_stride_ = FreeListPages::kStridePages;
  std::unique_ptr<FreeListPages> free_list_pages_;  // where they are used
  std::size_t known_pages_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace vmsift
