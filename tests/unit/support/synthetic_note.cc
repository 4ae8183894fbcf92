// SPDX-License-Identifier: GPL-2.0-or-later
// The VMCOREINFO text: the entries that crash_save_vmcoreinfo_init() of a release writes, and those
// of arch_crash_save_vmcoreinfo() of its machine. Not all of them: what no filter could ask for is
// left out where it says nothing of a release (log, kallsyms, crash time).
#include "tests/unit/support/synthetic_kernel.h"
#include "tests/unit/support/synthetic_variables.h"

#include <fmt/format.h>

namespace vmsift::test {

using Compound = Encoding::Compound;

class NoteWriter {
 public:
  explicit NoteWriter(SyntheticKernel& kernel) : k_(kernel), note_(kernel.note) {}

  void write() {
    write_general();
    if (k_.shape_.model == Model::sparse) write_sections();
    write_page();
    k_.nodes_.describe(note_, k_.shape_.model != Model::sparse);
    write_flags();
    write_types();
    write_compound();
    write_machine();
  }

 private:
  [[nodiscard]] bool since(Era era) const { return k_.since(era); }
  [[nodiscard]] std::uint64_t data(std::uint64_t at) const { return k_.variable(at).value; }
  [[nodiscard]] std::uint64_t text(std::uint64_t at) const {
    return k_.image(k_.own(variables::kText) + at).value;
  }
  void flag(const char* name, unsigned number) {
    if (number != Encoding::kNoFlag) note_.set(fmt::format("NUMBER({})", name), number);
  }
  void type(const char* name, std::uint32_t value) {
    if (value != 0) note_.set(fmt::format("NUMBER({})", name), static_cast<std::int32_t>(value));
  }
  void offset(const char* name, std::uint32_t value) {
    note_.set(fmt::format("OFFSET({})", name), value);
  }

  void write_general() {
    note_.set("OSRELEASE", k_.encoding_.release);
    note_.set("PAGESIZE", static_cast<long long>(k_.machine_.page()));
    note_.set_hex("SYMBOL(init_uts_ns)", data(variables::kUts));
    if (since(Era::v6_1)) offset("uts_namespace.name", 0);
    note_.set_hex("SYMBOL(node_online_map)", data(variables::kNodeOnlineMap));
    note_.set_hex("SYMBOL(swapper_pg_dir)", k_.image(k_.pgd()).value);
    note_.set_hex("SYMBOL(_stext)", text(0));
    if (!since(Era::v3_10)) {
      note_.set_hex("SYMBOL(vmlist)", data(variables::kVmlist));
      offset("vm_struct.addr", k_.machine_.word);
    } else if (!since(Era::v6_9)) {
      note_.set_hex("SYMBOL(vmap_area_list)", data(variables::kVmlist));
      offset("vmap_area.va_start", 0);
      offset("vmap_area.list", 5 * k_.machine_.word);
    }
    // Without CONFIG_NUMA one node and, with FLATMEM, one array; else the nodes.
    if (k_.shape_.model == Model::flat) {
      note_.set_hex("SYMBOL(mem_map)", data(variables::kMemMap));
      note_.set_hex("SYMBOL(contig_page_data)", k_.direct(k_.nodes_.pgdat(0)).value);
    } else {
      note_.set_hex("SYMBOL(node_data)", data(variables::kNodeData));
      note_.set("LENGTH(node_data)", 64);
    }
  }

  void write_sections() {
    const KernelShape& shape = k_.shape_;
    if (shape.vmemmap && since(Era::v6_9)) {
      note_.set_hex("SYMBOL(vmemmap)", k_.machine_.vmemmap);
    }
    const PhysAddr array = shape.extreme ? k_.section_root(0) : k_.sections_start();
    note_.set_hex("SYMBOL(mem_section)", shape.mem_section_is_pointer ? data(variables::kMemSection)
                                                                      : k_.direct(array).value);
    const unsigned physmem_bits = k_.physmem_bits();
    const std::uint64_t sections = std::uint64_t{1} << (physmem_bits - kSectionBits);
    note_.set("LENGTH(mem_section)",
              static_cast<long long>(ceil_div(sections, k_.sections_per_root())));
    note_.set("SIZE(mem_section)", k_.encoding_.section_bytes);
    offset("mem_section.section_mem_map", 0);
    if (since(Era::v5_10)) {
      note_.set("NUMBER(SECTION_SIZE_BITS)", kSectionBits);
      note_.set("NUMBER(MAX_PHYSMEM_BITS)", physmem_bits);
    }
  }

  void write_page() {
    const PageFields& f = k_.fields_;
    note_.set("SIZE(page)", k_.shape_.page_struct_size);
    offset("page.flags", f.flags);
    offset(since(Era::v4_19) ? "page._refcount" : "page._count", f.count);
    offset("page.mapping", f.mapping);
    offset("page.lru", f.lru);
    if (since(Era::v3_10)) {
      offset("page._mapcount", f.mapcount);
      offset("page.private", f.private_);
    }
    if (k_.encoding_.tail_key != nullptr) offset(k_.encoding_.tail_key, f.tail);
  }

  void write_flags() {
    const Encoding& e = k_.encoding_;
    flag("PG_lru", e.lru);
    flag("PG_private", e.private_);
    flag("PG_swapcache", e.swap_cache);
    if (since(Era::v4_19)) flag("PG_swapbacked", e.swap_backed);
    if (since(Era::v3_10) && e.slab_flag >= 0) flag("PG_slab", static_cast<unsigned>(e.slab_flag));
    if (!since(Era::v3_17)) return;
    flag("PG_hwpoison", e.hwpoison);
    note_.set("NUMBER(PG_head_mask)", 1LL << e.head);
  }

  void write_types() {
    if (!since(Era::v3_10)) return;
    const Encoding& e = k_.encoding_;
    type("PAGE_BUDDY_MAPCOUNT_VALUE", e.buddy);
    type("PAGE_OFFLINE_MAPCOUNT_VALUE", e.offline);
    type("PAGE_SLAB_MAPCOUNT_VALUE", e.slab);
    type("PAGE_HUGETLB_MAPCOUNT_VALUE", e.hugetlb);
    if (e.unaccepted_is_named) type("PAGE_UNACCEPTED_MAPCOUNT_VALUE", e.unaccepted);
  }

  void write_compound() {
    const PageFields& f = k_.fields_;
    switch (k_.encoding_.compound) {
      case Compound::lru_links:
        if (since(Era::v3_17)) {
          note_.set_hex("SYMBOL(free_huge_page)", text(variables::kFreeHugePage));
        }
        break;
      case Compound::dtor:
        offset("page.compound_dtor", f.dtor);
        offset("page.compound_order", f.order);
        note_.set("NUMBER(HUGETLB_PAGE_DTOR)", Encoding::kDtorHugetlb);
        break;
      case Compound::folio_dtor:
        offset("folio._folio_dtor", k_.shape_.page_struct_size + f.dtor);
        offset("folio._folio_order", k_.shape_.page_struct_size + f.order);
        note_.set("NUMBER(HUGETLB_PAGE_DTOR)", Encoding::kDtorHugetlb);
        break;
      case Compound::hugetlb_flag:
        flag("PG_hugetlb", Encoding::kHugetlbFlag);
        break;
      case Compound::type:
        break;
    }
  }

  void write_machine() {
    if (k_.machine_.describe != nullptr) k_.machine_.describe(k_, note_);
  }

  SyntheticKernel& k_;
  Note& note_;
};

void write_note(SyntheticKernel& kernel) {
  NoteWriter(kernel).write();
}

}  // namespace vmsift::test
