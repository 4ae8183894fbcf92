// SPDX-License-Identifier: GPL-2.0-or-later
// What a test puts into a synthetic kernel: struct pages in the encoding of its release.
#include "tests/unit/support/synthetic_kernel.h"

#include "tests/unit/support/synthetic_variables.h"

#include <algorithm>
#include <stdexcept>

namespace vmsift::test {
namespace {

constexpr std::uint32_t kNegative = 0xffffffff;  // a count of -1, that is none

using Compound = Encoding::Compound;

std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}

PageClass class_of(Kind kind) {
  switch (kind) {
    case Kind::anon:
      return PageClass::user;
    case Kind::file:
      return PageClass::cache;
    case Kind::file_private:
      return PageClass::cache_private;
    case Kind::kernel:
      break;
  }
  return PageClass::kernel;
}

}  // namespace

KernelModel SyntheticKernel::model() const {
  const Arch* const archs[] = {machine_.arch};
  return KernelModel::detect(Vmcoreinfo(note.text()), memory, {.archs = archs});
}

Result<AddressLayout> SyntheticKernel::layout() const {
  return machine_.arch->detect_layout(memory, Vmcoreinfo(note.text()));
}

void SyntheticKernel::expect(Pfn pfn, std::uint64_t pages, PageClass c) {
  std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(pfn), pages, c);
}

// Since 3.17 the note says what is a head. Before, a block's first page is a page like any other,
// and of the others nothing is known but that they are not on the LRU and have no mapping.
void SyntheticKernel::expect_block(Pfn pfn, unsigned order, PageClass c) {
  if (order != 0 && !since(Era::v3_17)) {
    expect(pfn, bit(order), PageClass::kernel);
    order = 0;
  }
  expect(pfn, bit(order), c);
}

// A word of struct page.
void SyntheticKernel::put_field(Pfn pfn, std::uint32_t offset, std::uint64_t value) {
  put_word(struct_place(pfn) + offset, value);
}

void SyntheticKernel::set_flag(Pfn pfn, unsigned n) {
  if (n == Encoding::kNoFlag) return;
  const PhysAddr flags = struct_place(pfn) + fields_.flags;
  put_word(flags, get_word(flags) | bit(n));
}

void SyntheticKernel::set_type(Pfn pfn, std::uint32_t type, PageClass c) {
  put<std::uint32_t>(pfn, fields_.mapcount, type);
  expect(pfn, 1, c);
}

// A page that has an owner.
void SyntheticKernel::use(Pfn pfn, std::uint32_t mapcount) {
  put<std::uint32_t>(pfn, fields_.mapcount, mapcount);
  put<std::uint32_t>(pfn, fields_.count, 1);
}

// Until 2.6.37 a flag is the mark of a free block, and the count of its mappings is that of none.
void SyntheticKernel::free_block(Pfn pfn, unsigned order) {
  set_type(pfn, encoding_.buddy != 0 ? encoding_.buddy : kNegative, PageClass::free);
  set_flag(pfn, encoding_.buddy_flag);
  put<std::uint32_t>(pfn, fields_.count, 0);
  put_field(pfn, fields_.private_, order);
  nodes_.link(pfn, order);
  expect(pfn, bit(order), PageClass::free);
}

void SyntheticKernel::unaccepted(Pfn pfn) {
  if (encoding_.unaccepted == 0) throw std::runtime_error("that release accepts all memory");
  set_type(pfn, encoding_.unaccepted, PageClass::unaccepted);
  expect(pfn, bit(kMaxOrder), PageClass::unaccepted);
  nodes_.count(pfn, std::int64_t{1} << kMaxOrder);
}

void SyntheticKernel::offline(Pfn pfn) {
  if (encoding_.offline == 0) throw std::runtime_error("that release marks no offline pages");
  set_type(pfn, encoding_.offline, PageClass::offline);
}

void SyntheticKernel::page_table(Pfn pfn) {
  // Only since 6.12 is the value of this type known without its being in the note.
  const bool known = encoding_.buddy == 0xf0000000;
  use(pfn, kNegative);
  set_type(pfn, encoding_.table != 0 ? encoding_.table : kNegative,
           known ? PageClass::page_table : PageClass::kernel);
}

void SyntheticKernel::other_type(Pfn pfn) {
  if (encoding_.other == 0) throw std::runtime_error("that release has no such types");
  use(pfn, kNegative);
  set_type(pfn, encoding_.other, PageClass::kernel);
  put_field(pfn, fields_.mapping, 1);  // means nothing under a type
}

void SyntheticKernel::fill_page(Pfn pfn, Kind kind) {
  use(pfn, kNegative);
  if (kind == Kind::kernel) return;
  set_flag(pfn, encoding_.lru);
  set_flag(pfn, encoding_.swap_backed);
  const std::uint64_t pointer = machine_.direct + 0x81000000c0;
  put_field(pfn, fields_.mapping, pointer | (kind == Kind::anon ? 1U : 0U));
  if (kind == Kind::file_private) set_flag(pfn, encoding_.private_);
}

void SyntheticKernel::anon(Pfn pfn) {
  fill_page(pfn, Kind::anon);
  expect(pfn, 1, PageClass::user);
}

void SyntheticKernel::ksm(Pfn pfn) {
  anon(pfn);
  const PhysAddr mapping = struct_place(pfn) + fields_.mapping;
  put_word(mapping, get_word(mapping) | 3);
}

void SyntheticKernel::file(Pfn pfn, bool with_private) {
  const Kind kind = with_private ? Kind::file_private : Kind::file;
  fill_page(pfn, kind);
  expect(pfn, 1, class_of(kind));
}

void SyntheticKernel::swap_cache(Pfn pfn) {
  use(pfn, kNegative);
  set_flag(pfn, encoding_.swap_cache);
  set_flag(pfn, encoding_.swap_backed);
  expect(pfn, 1, PageClass::cache);
}

void SyntheticKernel::write_tail(Pfn head, Pfn tail, unsigned order) {
  put<std::uint32_t>(tail, fields_.mapcount, kNegative);
  if (encoding_.tail_key == nullptr) {  // flags, and the head where private would be
    for (unsigned n = 0; n < 64; ++n) {
      if ((encoding_.tail_flags >> n & 1) != 0) set_flag(tail, n);
    }
    put_field(tail, fields_.private_, struct_address(head).value);
    return;
  }
  const std::uint64_t bytes = std::uint64_t{shape_.page_struct_size} << order;
  const std::uint64_t word =
      shape_.era == Era::v7_1_mask ? ~(bytes - 1) : struct_address(head).value;
  put_field(tail, fields_.tail, word | 1);
}

// Head, order, owner and the tails of which there are struct pages of their own.
void SyntheticKernel::write_block(Pfn pfn, unsigned order, std::uint64_t pages_written,
                                  bool hugetlb) {
  set_flag(pfn, encoding_.head);
  for (std::uint64_t i = 1; i < pages_written; ++i) write_tail(pfn, pfn + i, order);
  put_field(pfn + 1, fields_.mapping,
            shape_.era == Era::v5_10 ? bit(order) : encoding_.second_mapping);
  switch (encoding_.compound) {
    case Compound::lru_links: {
      const std::uint64_t at = hugetlb ? variables::kFreeHugePage : variables::kFreeHugePage + 0x40;
      put_field(pfn + 1, fields_.lru, image(own(variables::kText) + at).value);
      put_field(pfn + 1, fields_.lru + machine_.word, order);
      break;
    }
    case Compound::dtor:
    case Compound::folio_dtor: {
      const std::uint64_t dtor = hugetlb ? Encoding::kDtorHugetlb : 1;
      if (fields_.dtor_bytes == 4) {
        put<std::uint32_t>(pfn + 1, fields_.dtor, static_cast<std::uint32_t>(dtor));
        put<std::uint32_t>(pfn + 1, fields_.order, order);
      } else if (fields_.dtor_bytes == 2) {
        put<std::uint16_t>(pfn + 1, fields_.dtor, static_cast<std::uint16_t>(dtor));
        put<std::uint16_t>(pfn + 1, fields_.order, static_cast<std::uint16_t>(order));
      } else {
        put<std::uint8_t>(pfn + 1, fields_.dtor, static_cast<std::uint8_t>(dtor));
        put<std::uint8_t>(pfn + 1, fields_.order, static_cast<std::uint8_t>(order));
      }
      break;
    }
    case Compound::hugetlb_flag:
    case Compound::type:
      put_field(pfn + 1, fields_.flags, order);
      break;
  }
}

void SyntheticKernel::slab(Pfn pfn, unsigned order, std::uint64_t mapping) {
  if (order != 0) write_block(pfn, order, bit(order), false);
  use(pfn, encoding_.slab != 0 ? encoding_.slab : kNegative);
  if (encoding_.slab_flag >= 0) set_flag(pfn, static_cast<unsigned>(encoding_.slab_flag));
  put_field(pfn, fields_.mapping, mapping);
  // 3.1 to 4.17: objects, those in use, and the top bit for a slab that a CPU has for itself.
  if (since(Era::v3_10) && !since(Era::v4_19)) {
    put<std::uint32_t>(pfn, fields_.mapcount, 0x8015000f);
  }
  expect_block(pfn, order, since(Era::v3_10) ? PageClass::slab : PageClass::kernel);
}

void SyntheticKernel::compound(Pfn pfn, unsigned order, Kind kind) {
  fill_page(pfn, kind);
  write_block(pfn, order, bit(order), false);
  expect_block(pfn, order, class_of(kind));
}

void SyntheticKernel::hugetlb(Pfn pfn, unsigned order, bool optimised) {
  const std::uint64_t per_page = machine_.page() / shape_.page_struct_size;
  write_block(pfn, order, optimised ? per_page : bit(order), true);
  use(pfn, encoding_.hugetlb != 0 ? encoding_.hugetlb : kNegative);
  if (encoding_.compound == Compound::hugetlb_flag) set_flag(pfn + 1, Encoding::kHugetlbFlag);
  expect_block(pfn, order, since(Era::v3_17) ? PageClass::hugetlb : PageClass::kernel);
  if (!optimised) return;
  // Until 7.0 every page of struct pages becomes the first one again (5.18 and later), which makes
  // heads where tails should be; since 7.1 one shared page that is full of tails.
  PhysAddr shared = struct_place(pfn);
  if (shape_.era == Era::v7_1_mask) {
    shared = allocate_table(machine_.page_shift - 3);
    for (std::uint64_t i = 0; i < per_page; ++i) {
      memory.put(shared + i * 64 + fields_.tail,
                 memory.get<std::uint64_t>(struct_place(pfn + 1) + fields_.tail));
      memory.put<std::uint32_t>(shared + i * 64 + fields_.mapcount, kNegative);
    }
  }
  for (std::uint64_t at = per_page; at < bit(order); at += per_page) {
    map(struct_address(pfn + at), shared, machine_.page_shift);
  }
}

void SyntheticKernel::poison(Pfn pfn) {
  set_flag(pfn, encoding_.hwpoison);
  if (since(Era::v3_17)) expect(pfn, 1, PageClass::hwpoison);
}

void SyntheticKernel::use_the_rest() {
  for (Pfn pfn = shape_.first_pfn; pfn < end_; ++pfn) {
    if (expected[pfn] != PageClass::kernel) continue;
    const PhysAddr page = struct_place(pfn);
    const bool written = get_word(page + fields_.flags) != section_in_flags(pfn) ||
                         memory.get<std::uint32_t>(page + fields_.mapcount) != 0;
    if (written) continue;
    use(pfn, kNegative);
  }
}

std::vector<PageClass> classify_pages(const KernelModel& model, const MemorySource& memory,
                                      PfnRange run, ClassSet skip, Anomalies* anomalies) {
  std::vector<PageClass> classes(run.size(), PageClass::hole);
  const auto classifier = make_classifier(model, memory);
  classifier->classify(run, skip, classes);
  if (anomalies != nullptr) *anomalies = classifier->anomalies();
  return classes;
}

}  // namespace vmsift::test
