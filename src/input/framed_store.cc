// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/framed_store.h"

#include <algorithm>
#include <cstring>

namespace vmsift {
namespace {

// Not worth a place in the cache: headers of records, mostly.
constexpr std::uint64_t kTinyFrame = 4096;
// Threads take frames apart side by side up to this size.
constexpr std::uint64_t kLargeFrame = 4U << 20;
// Sums of sizes that headers claim stay below.
constexpr std::uint64_t kMaxPlain = std::uint64_t{1} << 62;

}  // namespace

Result<std::unique_ptr<ByteStore>> FramedStore::open(std::unique_ptr<ByteStore> file) {
  std::unique_ptr<FramedStore> store(new FramedStore(std::move(file)));
  if (auto indexed = store->index(); !indexed) return indexed.take_error();
  return std::unique_ptr<ByteStore>(std::move(store));
}

Error FramedStore::too_large(std::uint64_t at) const {
  return error(
      "{}: the frame at offset {:#x} holds more than {} MiB, which cannot be read piece by piece; "
      "decompress it first (zstd -d, lz4 -d; or, for a flattened dump, vmsift -R DUMPFILE < {})",
      path(), at, kMaxFrame >> 20U, path());
}

Result<void> FramedStore::index() {
  PeekReader peek(*file_);
  FrameDecoder decoder;  // for frames that do not say how large they are
  const std::uint64_t file_size = file_->size();
  Place next;
  for (std::uint64_t ordinal = 0; next.at < file_size; ++ordinal) {
    auto scan = scan_frame(peek, next.at, file_size);
    if (!scan) return scan.take_error();
    if (scan->too_large || (scan->shape && scan->shape->plain.value_or(0) > kMaxFrame)) {
      return too_large(next.at);
    }
    if (!scan->shape) {
      damage_ = scan->why;
      break;
    }
    const bool sized = scan->shape->plain.has_value();
    if (!sized) {
      auto plain = measure(*scan->shape, decoder);
      if (!plain) {
        damage_ = plain.message();
        break;
      }
      if (*plain > kMaxFrame) return too_large(next.at);
      scan->shape->plain = *plain;
    }
    if (!add(next, ordinal, sized)) {
      return error("{}: too many frames to read it as it is; decompress it first", path());
    }
    next.at += scan->shape->stored;
    next.plain_at += *scan->shape->plain;
    if (next.plain_at > kMaxPlain) return error("{}: impossible sizes of frames", path());
  }
  size_ = next.plain_at;
  return {};
}

bool FramedStore::add(const Place& place, std::uint64_t ordinal, bool sized) {
  if (!entries_.empty()) {
    Entry& last = entries_.back();
    if (sized && last.sized && last.ordinal >> shift_ == ordinal >> shift_) return true;
  }
  entries_.push_back({place.plain_at, place.at, ordinal, sized});
  while (entries_.size() > kMaxEntries) {
    if (!coarsen()) return false;
  }
  return true;
}

bool FramedStore::coarsen() {
  if (shift_ == kMaxWalkShift) return false;
  ++shift_;
  std::size_t kept = 0;
  for (const Entry& e : entries_) {
    if (kept != 0) {
      const Entry& last = entries_[kept - 1];
      if (e.sized && last.sized && last.ordinal >> shift_ == e.ordinal >> shift_) continue;
    }
    entries_[kept++] = e;
  }
  entries_.resize(kept);
  return true;
}

// The frame that holds the byte; offset < size_.
Result<FramedStore::Frame> FramedStore::find(std::uint64_t offset) const {
  const auto above =
      std::upper_bound(entries_.begin(), entries_.end(), offset,
                       [](std::uint64_t o, const Entry& e) { return o < e.plain_at; });
  const auto entry = static_cast<std::size_t>(above - entries_.begin()) - 1;
  const std::uint64_t end = above == entries_.end() ? size_ : above->plain_at;
  Place place{entries_[entry].plain_at, entries_[entry].at};
  if (const auto hint = hints_.get(entry); hint && hint->plain_at <= offset) place = *hint;
  PeekReader peek(*file_);
  for (;;) {
    auto scan = scan_frame(peek, place.at, file_->size());
    if (!scan) return scan.take_error();
    if (!scan->shape || place.plain_at > offset) {
      return error("{}: changed while it is read, at offset {:#x}", path(), place.at);
    }
    if (!scan->shape->plain)
      scan->shape->plain = end - place.plain_at;  // it is the entry's only one
    const std::uint64_t plain = std::min(*scan->shape->plain, kMaxFrame + 1);
    if (offset - place.plain_at < plain) {
      if (plain > kMaxFrame) return too_large(place.at);
      hints_.put(entry, place);
      return Frame{*scan->shape, place.plain_at};
    }
    place.at += scan->shape->stored;
    place.plain_at += plain;
  }
}

Result<std::uint64_t> FramedStore::measure(const FrameShape& shape, FrameDecoder& decoder) const {
  std::vector<std::byte> stored(static_cast<std::size_t>(shape.stored));
  if (auto read = file_->read_exactly(shape.at, stored); !read) return read.take_error();
  auto plain = decoder.measure(shape.kind, stored, kMaxFrame);
  if (!plain) {
    return plain.take_error().context(
        fmt::format("{} frame at offset {:#x}", name_of(shape.kind), shape.at));
  }
  return plain;
}

Result<void> FramedStore::decode(const Frame& frame, std::span<std::byte> plain) const {
  std::vector<std::byte> stored(static_cast<std::size_t>(frame.shape.stored));
  if (auto read = file_->read_exactly(frame.shape.at, stored); !read) return read.take_error();
  std::unique_ptr<FrameDecoder> decoder;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      decoder = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!decoder) decoder = std::make_unique<FrameDecoder>();
  auto decoded = decoder->decode(frame.shape.kind, stored, plain);
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(decoder));  // no more than threads that were here at one time
  }
  if (!decoded) {
    return decoded.take_error().context(fmt::format("{}: {} frame at offset {:#x}", path(),
                                                    name_of(frame.shape.kind), frame.shape.at));
  }
  return {};
}

void FramedStore::fill(const Frame& frame, Content& content) const {
  const auto plain = static_cast<std::size_t>(*frame.shape.plain);
  std::unique_lock<std::mutex> alone;
  if (plain > kLargeFrame) alone = std::unique_lock(large_);
  content.bytes.resize(plain);
  if (auto decoded = decode(frame, content.bytes); !decoded) {
    content.failure = decoded.message();
    content.bytes = {};
  }
  content.done = true;
}

std::shared_ptr<FramedStore::Content> FramedStore::content_of(const Frame& frame) const {
  std::shared_ptr<Content> content;
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(cache_.begin(), cache_.end(),
                                    [&](const auto& c) { return c->at == frame.shape.at; });
    if (known != cache_.end()) {
      cache_.splice(cache_.begin(), cache_, known);
      content = cache_.front();
    } else {
      content = std::make_shared<Content>();
      content->at = frame.shape.at;
      content->plain = *frame.shape.plain;
      cache_.push_front(content);
      std::uint64_t bytes = 0;
      std::size_t frames = 0;
      for (auto it = cache_.begin(); it != cache_.end();) {
        bytes += (*it)->plain;
        const bool keep = frames == 0 || (bytes <= kMaxCachedBytes && frames < kMaxCachedFrames);
        ++frames;
        it = keep ? std::next(it) : cache_.erase(it);
      }
    }
  }
  const std::lock_guard lock(content->mutex);  // others wait for the first one here
  if (!content->done) fill(frame, *content);
  return content;
}

Result<std::size_t> FramedStore::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  if (offset >= size_) return std::size_t{0};
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset));
  for (std::size_t done = 0; done < wanted;) {
    auto frame = find(offset + done);
    if (!frame) return frame.take_error();
    const auto from = static_cast<std::size_t>(offset + done - frame->plain_at);
    const auto plain = static_cast<std::size_t>(*frame->shape.plain);
    const std::size_t n = std::min(wanted - done, plain - from);
    const auto to = into.subspan(done, n);
    if (plain <= kTinyFrame || (n == plain && plain <= kLargeFrame)) {
      // Tiny, or wanted as a whole and most likely not again.
      std::vector<std::byte> own(n == plain ? 0 : plain);
      if (auto decoded = decode(*frame, own.empty() ? to : std::span(own)); !decoded) {
        return decoded.take_error();
      }
      if (!own.empty()) std::memcpy(to.data(), own.data() + from, n);
    } else {
      const auto content = content_of(*frame);
      if (!content->failure.empty()) return Error(content->failure);
      std::memcpy(to.data(), content->bytes.data() + from, n);
    }
    done += n;
  }
  return wanted;
}

std::vector<std::string> FramedStore::warnings() const {
  if (damage_.empty()) return {};
  return {fmt::format("compressed file cut short: {}", damage_)};
}

}  // namespace vmsift
