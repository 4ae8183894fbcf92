// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/classify/classifier.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace vmsift {
namespace {

// A compound page of 16 GiB in 4 KiB pages; larger ones exist on no architecture.
constexpr std::uint64_t kMaxCompoundOrder = 22;

// Memory pages of struct pages that are fetched in one go: 2 MiB with 4 KiB pages, one section.
constexpr std::size_t kStructPagesPerFetch = 512;

// Struct pages that a gather buffer takes where SIZE(page) does not divide the page size.
constexpr std::size_t kGathered = 1024;

// Without a memory map nothing can be told of any page.
class UnknownClassifier : public Classifier {
 public:
  void classify(PfnRange run, ClassSet, std::span<PageClass> classes) override {
    std::fill_n(classes.begin(), run.size(), PageClass::unknown);
    anomalies_.no_memory_map += run.size();
  }
  [[nodiscard]] const Anomalies& anomalies() const override { return anomalies_; }

 private:
  Anomalies anomalies_;
};

template <bool kSwap, class Word>
class StructPageClassifier : public Classifier {
 public:
  StructPageClassifier(const KernelModel& model, const MemorySource& source)
      : model_(model),
        map_(*model.memory_map()),
        rules_(model.rules()),
        decoder_(model.pages()),
        struct_size_(model.pages().size),
        page_size_(source.info().page_size),
        costly_pages_(source.info().stores_encoded),
        memory_(model.addresses(), source),
        reader_(source.reader()) {}

  void classify(PfnRange run, ClassSet skip, std::span<PageClass> classes) override;
  [[nodiscard]] const Anomalies& anomalies() const override { return anomalies_; }

 private:
  // Where the walk stands, so that a batch of struct pages can be done over.
  struct Position {
    Pfn next = 0;           // pages below have their class
    Pfn checked_until = 0;  // pages below belong to a kept block: only memory errors matter
    PageClass checked_class = PageClass::kernel;  // of that block
    Anomalies anomalies;
  };
  struct Block {
    PageClass page_class = PageClass::kernel;
    Pfn end = 0;
  };

  // `structs` holds the struct pages of the page frames [first, pages.end), contiguous.
  using Slice = void (StructPageClassifier::*)(const std::byte* structs, Pfn first, PfnRange pages);

  void piece(PfnRange piece, const MapPart& part);
  void in_place(PfnRange piece, VirtAddr structs);
  void gathered(PfnRange piece, VirtAddr structs, Slice decide);
  void gather(PfnRange pages, VirtAddr structs, Slice decide);
  void slice(const std::byte* structs, Pfn first, PfnRange pages);
  void offline_slice(const std::byte* structs, Pfn first, PfnRange pages);
  Pfn decide_block(const std::byte* p, Traits traits, Pfn pfn);
  void take_block(Pfn pfn, const Block& block, Pfn limit);
  void unreadable(PfnRange pages);
  static bool heads_block(Traits traits) {
    return traits.has(Traits::kHead) || traits.type() == PageType::buddy ||
           traits.type() == PageType::unaccepted;
  }
  bool valid_order(Traits traits, std::uint64_t order, Pfn pfn) const;
  PageClass block_class(Traits traits) const;
  std::optional<Block> enclosing_block(Pfn pfn, VirtAddr at);
  std::optional<Block> block_at(Pfn head, Pfn inside);

  PageClass& class_of(Pfn pfn) { return classes_[static_cast<std::size_t>(pfn - base_)]; }
  void fill(Pfn begin, Pfn end, PageClass c) {
    std::fill_n(classes_.begin() + static_cast<std::ptrdiff_t>(begin - base_), end - begin, c);
  }

  const KernelModel& model_;
  const MemoryMap& map_;
  const RuleTable& rules_;
  const PageDecoder<kSwap, Word> decoder_;
  const std::uint32_t struct_size_;
  const std::size_t page_size_;
  const bool costly_pages_;  // decoded one by one, whether they are looked at or not
  AddressSpace memory_;
  std::unique_ptr<PageReader> reader_;
  std::vector<std::byte> gather_;

  Anomalies anomalies_;
  Position at_;
  Pfn base_ = 0;  // page frame of classes_[0]
  std::span<PageClass> classes_;
  ClassSet skip_;
};

template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::classify(PfnRange run, ClassSet skip,
                                                 std::span<PageClass> classes) {
  base_ = run.begin;
  classes_ = classes;
  skip_ = skip;
  for (Pfn begin = run.begin; begin < run.end;) {
    const MapPart part = map_.part(begin, memory_);
    const Pfn end = std::min(run.end, part.end);
    piece({begin, end}, part);
    begin = end;
  }
  anomalies_.add(at_.anomalies);
  at_ = {};
}

// Page frames whose struct pages follow each other in virtual memory.
template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::piece(PfnRange pages, const MapPart& part) {
  if (!part.structs) {
    fill(pages.begin, pages.end, PageClass::unknown);
    at_.anomalies.no_memory_map += pages.size();
    return;
  }
  at_.next = pages.begin;
  at_.checked_until = pages.begin;
  const VirtAddr structs = *part.structs;
  if (part.offline) {
    gathered(pages, structs, &StructPageClassifier::offline_slice);
    return;
  }
  if (const auto block = enclosing_block(pages.begin, structs)) {
    take_block(pages.begin, *block, pages.end);
  }
  if (page_size_ % struct_size_ == 0 && structs.value % struct_size_ == 0) {
    in_place(pages, structs);
  } else {
    gathered(pages, structs, &StructPageClassifier::slice);
  }
}

// Decides straight from the reader's memory; no struct page crosses a page of memory.
template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::in_place(PfnRange pages, VirtAddr structs) {
  std::array<Pfn, kStructPagesPerFetch> frames;
  std::array<const std::byte*, kStructPagesPerFetch> data;
  const std::uint64_t per_frame = page_size_ / struct_size_;
  Pfn pfn = pages.begin;
  std::size_t most = costly_pages_ ? 1 : frames.size();
  while (pfn < pages.end) {
    // The run of memory pages that one mapping puts side by side, from the struct page of pfn on.
    const VirtAddr at = structs + (pfn - pages.begin) * struct_size_;
    const VirtAddr frame_start{align_down<std::uint64_t>(at.value, page_size_)};
    const std::uint64_t before = (at - frame_start) / struct_size_;
    const auto where = memory_.translate(frame_start);
    if (!where || where->paddr.value % page_size_ != 0) {
      const Pfn end = std::min(pages.end, pfn - before + per_frame);
      unreadable({pfn, end});
      pfn = end;
      continue;
    }
    const std::uint64_t wanted = ceil_div(before + (pages.end - pfn), per_frame);
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(
        {wanted, std::max<std::uint64_t>(1, where->contiguous / page_size_), most}));
    for (std::size_t i = 0; i < n; ++i) frames[i] = where->paddr.value / page_size_ + i;

    const Position before_fetch = at_;
    const std::size_t got = reader_->fetch(std::span(frames).first(n), data);
    const Pfn first = pfn - before;  // the page frame whose struct page begins data[0]
    for (std::size_t i = 0; i < got; ++i) {
      const Pfn begin = first + i * per_frame;
      // What stands in front of pfn is nobody's; of page frame 0, that is below 0.
      const PfnRange part{i == 0 ? pfn : begin, std::min(pages.end, begin + per_frame)};
      if (part.end <= at_.next) continue;
      if (data[i] == nullptr) {
        unreadable(part);
      } else {
        slice(data[i], begin, part);
      }
    }
    if (reader_->intact()) {
      pfn = std::min(pages.end, first + got * per_frame);
      if (costly_pages_) {
        // Behind a block that is left out there mostly is another one.
        most = at_.next > pfn ? 1 : std::min(2 * most, frames.size());
        pfn = std::min(pages.end, std::max(pfn, at_.next));
      }
    } else {
      at_ = before_fetch;
      // Memory errors that were seen in a kept block were none.
      if (at_.next < at_.checked_until) fill(at_.next, at_.checked_until, at_.checked_class);
    }
  }
}

// SIZE(page) does not divide the page size (48 or 56 bytes), or time does not matter: struct pages
// are copied together first. `structs` is the struct page of pages.begin.
template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::gathered(PfnRange pages, VirtAddr structs, Slice decide) {
  gather_.resize(kGathered * struct_size_);
  for (Pfn pfn = pages.begin; pfn < pages.end;) {
    // Cut in front of an even page frame: a head is one, and is told with the page behind it.
    const Pfn end = std::min<Pfn>(pages.end, align_down<Pfn>(pfn, 2) + kGathered);
    gather({pfn, end}, structs + (pfn - pages.begin) * struct_size_, decide);
    pfn = end;
  }
}

// Where not all of them can be read, halves are tried, down to a head and what is behind it.
template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::gather(PfnRange pages, VirtAddr structs, Slice decide) {
  if (pages.end <= at_.next) return;  // all of it lies in a block that is left out
  const auto bytes =
      std::span(gather_).first(static_cast<std::size_t>(pages.size() * struct_size_));
  const Pfn middle = align_down<Pfn>(pages.begin + pages.size() / 2, 2);
  if (memory_.read(structs, bytes)) {
    (this->*decide)(bytes.data(), pages.begin, pages);
  } else if (middle <= pages.begin) {
    unreadable(pages);
  } else {
    gather({pages.begin, middle}, structs, decide);
    gather({middle, pages.end}, structs + (middle - pages.begin) * struct_size_, decide);
  }
}

// A memory block that is offline. Its struct pages may never have been initialised, so that they
// are believed in three things alone: a memory error, a mark of memory taken back, and no user.
template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::offline_slice(const std::byte* structs, Pfn first,
                                                      PfnRange pages) {
  for (Pfn pfn = pages.begin; pfn < pages.end; ++pfn) {
    const std::byte* p = structs + (pfn - first) * struct_size_;
    const Traits traits = decoder_.decode(p, pfn + 1 < pages.end);
    const bool idle = traits.bits() == 0 && decoder_.is_idle(p);
    const PageClass said = rules_.classify(idle ? Traits(Traits::kIdleOffline) : traits);
    const bool believed = said == PageClass::offline || said == PageClass::hwpoison;
    class_of(pfn) = believed && !decoder_.is_blank(p) ? said : PageClass::kernel;
  }
  at_.next = pages.end;
}

template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::slice(const std::byte* structs, Pfn first, PfnRange pages) {
  const Pfn end = pages.end;
  const PageDecoder<kSwap, Word> decoder = decoder_;  // its members in registers
  PageClass* const classes = classes_.data();
  Pfn pfn = std::max(pages.begin, at_.next);
  while (pfn < end) {
    const std::byte* p = structs + (pfn - first) * struct_size_;
    if (pfn < at_.checked_until) {
      const Pfn until = std::min(end, at_.checked_until);
      if (decoder.knows_poison()) {
        for (; pfn < until; ++pfn, p += struct_size_) {
          if (decoder.is_poisoned(p)) classes[pfn - base_] = PageClass::hwpoison;
        }
      }
      pfn = until;
      continue;
    }
    __builtin_prefetch(p + 1024);
    const Traits traits = decoder.decode(p, pfn + 1 < end);
    if (heads_block(traits)) {
      pfn = decide_block(p, traits, pfn);
    } else {
      classes[pfn - base_] = rules_.classify(traits);
      at_.anomalies.orphan_tails += traits.has(Traits::kTail);
      ++pfn;
    }
  }
  at_.next = std::max(at_.next, pfn);
}

// Returns the next page frame to look at.
template <bool kSwap, class Word>
Pfn StructPageClassifier<kSwap, Word>::decide_block(const std::byte* p, Traits traits, Pfn pfn) {
  const PageClass own = rules_.classify(traits);
  const std::uint64_t order = decoder_.order(p, traits);
  if (!valid_order(traits, order, pfn)) {
    // Torn while the kernel changed it, or the copy of a head that optimised hugetlb pages show in
    // place of tails (5.14 to 7.0): nothing it says can be trusted but a memory error.
    ++at_.anomalies.torn_blocks;
    class_of(pfn) = own == PageClass::hwpoison ? own : PageClass::kernel;
    return pfn + 1;
  }
  take_block(pfn, {block_class(traits), pfn + (Pfn{1} << order)}, base_ + classes_.size());
  if (own == PageClass::hwpoison) class_of(pfn) = own;
  return std::max(at_.next, pfn + 1);  // the head itself was looked at just now
}

// Gives the pages from `pfn` to the end of the block their class and moves on.
template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::take_block(Pfn pfn, const Block& block, Pfn limit) {
  const Pfn end = std::min(limit, block.end);
  fill(pfn, end, block.page_class);
  if (skip_.contains(block.page_class)) {
    at_.next = end;
  } else {
    at_.checked_until = end;
    at_.checked_class = block.page_class;
  }
}

template <bool kSwap, class Word>
void StructPageClassifier<kSwap, Word>::unreadable(PfnRange pages) {
  const Pfn begin = std::max(pages.begin, at_.next);
  if (begin >= pages.end) return;
  fill(begin, pages.end, PageClass::unknown);
  at_.anomalies.unreadable += pages.end - begin;
  at_.next = pages.end;
}

template <bool kSwap, class Word>
bool StructPageClassifier<kSwap, Word>::valid_order(Traits traits, std::uint64_t order,
                                                    Pfn pfn) const {
  const bool compound = traits.type() != PageType::buddy && traits.type() != PageType::unaccepted;
  if (compound ? order == 0 || order > kMaxCompoundOrder : order >= model_.pages().buddy_orders) {
    return false;
  }
  return pfn % (Pfn{1} << order) == 0;
}

// A poisoned head says nothing of its block, except for hugetlb: there the head is marked for
// whichever page of it is bad.
template <bool kSwap, class Word>
PageClass StructPageClassifier<kSwap, Word>::block_class(Traits traits) const {
  if (traits.type() == PageType::hugetlb) return rules_.classify(traits);
  return rules_.classify(traits.without(Traits::kHwPoison));
}

// The block that `pfn`, the first page of a piece, lies inside of; nullopt when it begins one.
template <bool kSwap, class Word>
auto StructPageClassifier<kSwap, Word>::enclosing_block(Pfn pfn, VirtAddr at)
    -> std::optional<Block> {
  std::vector<std::byte> raw(2 * std::size_t{struct_size_});
  if (!memory_.read(at, raw)) return std::nullopt;
  const Traits traits = decoder_.decode(raw.data(), true);
  if (traits.has(Traits::kHead)) {
    const std::uint64_t order = decoder_.order(raw.data(), traits);
    if (order == 0 || order > kMaxCompoundOrder) return std::nullopt;
    const Pfn head = align_down(pfn, Pfn{1} << order);
    return head == pfn ? std::nullopt : block_at(head, pfn);
  }
  // 7.1 and later with optimised hugetlb: the word is a mask that takes the address of any tail to
  // its head (all ones from some bit on); before, it is the head's address.
  const auto word = decoder_.head_word(raw.data(), traits);
  if (!word) return std::nullopt;
  const bool is_mask =
      *word != 0 && (~*word & (~*word + 1)) == 0 && *word >= std::uint64_t{1} << 63;
  const VirtAddr head_struct{is_mask ? at.value & *word : *word};
  if (head_struct >= at) return std::nullopt;
  const std::uint64_t distance = at - head_struct;
  if (distance % struct_size_ != 0 || distance / struct_size_ > pfn) return std::nullopt;
  return block_at(pfn - distance / struct_size_, pfn);
}

template <bool kSwap, class Word>
auto StructPageClassifier<kSwap, Word>::block_at(Pfn head, Pfn inside) -> std::optional<Block> {
  std::vector<std::byte> raw(2 * std::size_t{struct_size_});
  const auto at = map_.part(head, memory_).structs;
  if (!at || !memory_.read(*at, raw)) return std::nullopt;
  const Traits traits = decoder_.decode(raw.data(), true);
  const std::uint64_t order = decoder_.order(raw.data(), traits);
  if (!traits.has(Traits::kHead) || !valid_order(traits, order, head)) return std::nullopt;
  const Block block{block_class(traits), head + (Pfn{1} << order)};
  return inside < block.end ? std::optional(block) : std::nullopt;
}

template <bool kSwap, class Word>
std::unique_ptr<Classifier> make(const KernelModel& model, const MemorySource& source) {
  return std::make_unique<StructPageClassifier<kSwap, Word>>(model, source);
}

}  // namespace

void Anomalies::add(const Anomalies& other) {
  unreadable += other.unreadable;
  no_memory_map += other.no_memory_map;
  torn_blocks += other.torn_blocks;
  orphan_tails += other.orphan_tails;
}

std::unique_ptr<Classifier> make_classifier(const KernelModel& model, const MemorySource& source) {
  if (!model.memory_map()) return std::make_unique<UnknownClassifier>();
  const bool swap = source.info().order != kHostOrder;
  if (model.pages().word_bytes == sizeof(std::uint32_t)) {
    return swap ? make<true, std::uint32_t>(model, source)
                : make<false, std::uint32_t>(model, source);
  }
  return swap ? make<true, std::uint64_t>(model, source)
              : make<false, std::uint64_t>(model, source);
}

}  // namespace vmsift
