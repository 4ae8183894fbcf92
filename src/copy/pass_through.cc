// SPDX-License-Identifier: GPL-2.0-or-later
// Re-filtering a kdump-compressed dump takes a tenth of the time when its pages need not be decoded
// and compressed once more.
#include "src/copy/stored_batch.h"

#include <cstring>
#include <new>
#include <vector>

namespace vmsift {
namespace {

class PassingStorer final : public BatchStorer {
 public:
  PassingStorer(const MemorySource& source, const Codec& codec, Sharing sharing)
      : codec_(codec),
        page_size_(source.info().page_size),
        sharing_(sharing),
        stored_(source.reader()),
        decoded_(source.reader()),
        encoder_(codec.encoder(page_size_)),
        decoder_(codec.decoder()),
        scratch_(page_size_) {
    if (!encoder_ || (!decoder_ && codec.page_flag != 0)) throw std::bad_alloc();
  }

  void store(const Batch& batch, StoredBatch& into) override {
    into.used = 0;
    into.zero_pages = 0;
    into.lost_reason.clear();
    const auto pfns = batch.pages();
    for (std::size_t done = 0; done < pfns.size();) {
      const std::size_t used = into.used;
      const std::uint64_t zero_pages = into.zero_pages;
      const std::size_t got = stored_->fetch_stored(pfns.subspan(done), pages_);
      if (std::string why = stored_->last_error(); !why.empty()) into.lost_reason = std::move(why);
      for (std::size_t i = 0; i < got; ++i) {
        into.sizes[done + i] = add(pfns[done + i], pages_[i], into);
      }
      if (stored_->intact()) {
        done += got;
      } else {
        into.used = used;
        into.zero_pages = zero_pages;
      }
    }
  }

 private:
  std::uint32_t add(Pfn pfn, const StoredPage& page, StoredBatch& into) {
    if (page.zero && sharing_.tells(0)) return filled(0, into);
    if (page.bytes.empty()) return page.zero ? encode_anew(pfn, into) : kStoredLost;
    const bool raw = page.page_flag == 0 && page.bytes.size() == page_size_;
    if (!raw && (page.page_flag != codec_.page_flag || page.bytes.size() >= page_size_)) {
      return encode_anew(pfn, into);
    }
    if (const int fill = raw ? fill_byte(page.bytes.data(), page_size_) : fill_of_encoded(page);
        sharing_.tells(fill)) {
      return filled(fill, into);
    } else if (fill == 0) {
      ++into.zero_pages;
    }
    std::memcpy(into.room.data() + into.used, page.bytes.data(), page.bytes.size());
    into.used += page.bytes.size();
    return static_cast<std::uint32_t>(page.bytes.size());
  }

  // No codec needs more than this for a page of one byte value: Snappy, the worst, takes 3 bytes
  // for 64. A page that is not told here merely keeps its data.
  int fill_of_encoded(const StoredPage& page) {
    if (page.bytes.size() > page_size_ / 16) return kNoFill;
    return decoder_->decode(page.bytes, scratch_) ? fill_byte(scratch_.data(), page_size_)
                                                  : kNoFill;
  }

  std::uint32_t filled(int fill, StoredBatch& into) const {
    into.zero_pages += fill == 0;
    return sharing_.stored(fill);
  }

  std::uint32_t encode_anew(Pfn pfn, StoredBatch& into) {
    const std::byte* page = nullptr;
    do {
      decoded_->fetch({&pfn, 1}, {&page, 1});
      if (page == nullptr) {
        into.lost_reason = decoded_->last_error();
        return kStoredLost;
      }
      std::memcpy(scratch_.data(), page, page_size_);
    } while (!decoded_->intact());
    if (const int fill = fill_byte(scratch_.data(), page_size_); sharing_.tells(fill)) {
      return filled(fill, into);
    } else if (fill == 0) {
      ++into.zero_pages;
    }
    std::uint32_t size = 0;
    page = scratch_.data();
    into.used += encoder_->encode({&page, 1}, into.room.subspan(into.used), {&size, 1});
    return size;
  }

  const Codec& codec_;
  std::size_t page_size_;
  Sharing sharing_;
  std::unique_ptr<PageReader> stored_;
  std::unique_ptr<PageReader> decoded_;  // for pages that are stored otherwise
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<std::byte> scratch_;
  std::array<StoredPage, kMaxBatchPages> pages_;
};

}  // namespace

bool can_pass_through(const MemorySource& source, const Codec& codec) {
  const DumpInfo& dump = source.info();
  return dump.stores_encoded && dump.codec_flag == codec.page_flag;
}

std::unique_ptr<BatchStorer> make_passing_storer(const MemorySource& source, const Codec& codec,
                                                 Sharing sharing) {
  return std::make_unique<PassingStorer>(source, codec, sharing);
}

}  // namespace vmsift
