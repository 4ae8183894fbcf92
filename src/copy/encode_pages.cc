// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/copy/stored_batch.h"

#include <new>

namespace vmsift {
namespace {

class EncodingStorer final : public BatchStorer {
 public:
  EncodingStorer(const MemorySource& source, const Codec& codec, Sharing sharing)
      : reader_(source),
        encoder_(codec.encoder(source.info().page_size)),
        sharing_(sharing) {
    if (!encoder_) throw std::bad_alloc();
  }

  void store(const Batch& batch, StoredBatch& into) override {
    into.used = 0;
    into.zero_pages = 0;
    std::array<Mark, kMaxBatchPages> marks;
    std::size_t upto = 0;
    into.lost_reason = reader_.read(batch, [&](const PageGroup& group) {
      Mark& mark = marks[group.first];
      if (group.first < upto) {  // pages of the last fetch come once more
        into.used = mark.used;
        into.zero_pages = mark.zero_pages;
      }
      mark = {into.used, into.zero_pages};
      upto = group.first + group.size;
      add(group, into);
    });
  }

 private:
  // How far a batch was when a group of pages came.
  struct Mark {
    std::size_t used;
    std::uint64_t zero_pages;
  };

  void add(const PageGroup& group, StoredBatch& into) {
    std::array<const std::byte*, PageGroup::kMaxPages> pages;
    std::array<std::uint32_t, PageGroup::kMaxPages> encoded;
    std::size_t n = 0;
    for (std::size_t i = 0; i < group.size; ++i) {
      into.zero_pages += group.fill[i] == 0;
      if (takes_data(group, i)) pages[n++] = group.pages[i];
    }
    into.used += encoder_->encode(std::span(pages).first(n), into.room.subspan(into.used),
                                  std::span(encoded).first(n));
    n = 0;
    for (std::size_t i = 0; i < group.size; ++i) {
      into.sizes[group.first + i] = takes_data(group, i)        ? encoded[n++]
                                    : group.pages[i] == nullptr ? kStoredLost
                                                                : sharing_.stored(group.fill[i]);
    }
  }

  [[nodiscard]] bool takes_data(const PageGroup& group, std::size_t i) const {
    return group.pages[i] != nullptr && !sharing_.tells(group.fill[i]);
  }

  BatchReader reader_;
  std::unique_ptr<Encoder> encoder_;
  Sharing sharing_;
};

}  // namespace

std::unique_ptr<BatchStorer> make_encoding_storer(const MemorySource& source, const Codec& codec,
                                                  Sharing sharing) {
  return std::make_unique<EncodingStorer>(source, codec, sharing);
}

}  // namespace vmsift
