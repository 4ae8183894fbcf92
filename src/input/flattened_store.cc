// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/input/flattened_store.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace vmsift {

using flattened::kRecordHeaderBytes;
using flattened::RecordHeader;

Result<std::unique_ptr<ByteStore>> FlattenedStore::open(std::unique_ptr<ByteStore> stream) {
  std::unique_ptr<FlattenedStore> store(new FlattenedStore(std::move(stream)));
  if (auto indexed = store->index(); !indexed) return indexed.take_error();
  return std::unique_ptr<ByteStore>(std::move(store));
}

// A record as far as the stream holds it; size 0: the end record.
Result<RecordHeader> FlattenedStore::header_at(PeekReader& peek, std::uint64_t at) const {
  auto bytes = peek.at(at, kRecordHeaderBytes);
  if (!bytes) return bytes.take_error();
  if (bytes->size() < kRecordHeaderBytes) {
    return error("{}: ends at offset {:#x} without an end record", path(), stream_->size());
  }
  auto header = flattened::decode_record_header(bytes->first<kRecordHeaderBytes>());
  if (!header) return header.take_error().context(fmt::format("{}: offset {:#x}", path(), at));
  return header;
}

Result<void> FlattenedStore::index() {
  std::array<std::byte, flattened::kHeaderFieldBytes> start{};
  if (auto read = stream_->read_exactly(0, start); !read) return read.take_error();
  if (auto known = flattened::check_flat_header(start); !known) {
    return known.take_error().context(path());
  }
  PeekReader peek(*stream_);
  RecordIndexBuilder builder;
  const std::uint64_t stream_size = stream_->size();
  for (std::uint64_t at = flattened::kHeaderBytes;;) {
    auto header = header_at(peek, at);
    if (!header) {
      damage_ = header.message();
      break;
    }
    if (header->is_end()) break;
    const std::uint64_t data = at + kRecordHeaderBytes;
    const std::uint64_t here = std::min(header->size, stream_size - data);
    if (here != 0 && !builder.add(header->offset, here, at)) {
      return error(
          "{}: its records are in more than {} pieces out of order, too many to read it as it is; "
          "rebuild it first: vmsift -R DUMPFILE < {}",
          path(), RecordIndexBuilder::kMaxRuns, path());
    }
    if (here < header->size) {
      damage_ = fmt::format("{}: ends at offset {:#x}, within the record of {} bytes at {:#x}",
                            path(), stream_size, header->size, at);
      break;
    }
    at = data + here;
  }
  runs_ = builder.take();
  if (!runs_.empty()) size_ = runs_.back().end;
  return {};
}

// The run that holds the byte, or else the first one behind it.
std::size_t FlattenedStore::run_at(std::uint64_t offset) const {
  const auto it = std::upper_bound(runs_.begin(), runs_.end(), offset,
                                   [](std::uint64_t o, const RecordRun& r) { return o < r.end; });
  return static_cast<std::size_t>(it - runs_.begin());
}

// Requires that the run holds the byte.
Result<FlattenedStore::Place> FlattenedStore::find(std::size_t run, std::uint64_t offset) const {
  const RecordRun& r = runs_[run];
  Step step{r.first_at, r.first_offset};
  if (const auto hint = hints_.get(run); hint && hint->offset <= offset) step = *hint;
  PeekReader peek(*stream_);
  while (step.at <= r.last_at) {
    auto header = header_at(peek, step.at);
    if (!header) return header.take_error();
    if (header->is_end()) break;
    const std::uint64_t data = step.at + kRecordHeaderBytes;
    if (header->offset == step.offset) {  // one of this run
      const std::uint64_t here = std::min(header->size, stream_->size() - data);
      if (offset - step.offset < here) {
        hints_.put(run, step);
        const std::uint64_t begin = std::max(step.offset, r.begin);
        return Place{begin, std::min(step.offset + here, r.end), data + (begin - step.offset)};
      }
      step.offset += here;
    }
    step.at = data + header->size;
  }
  return error("{}: changed while it is read, at offset {:#x}", path(), step.at);
}

Result<std::size_t> FlattenedStore::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  if (offset >= size_) return std::size_t{0};
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset));
  std::size_t run = run_at(offset);
  for (std::size_t done = 0; done < wanted;) {
    const std::uint64_t at = offset + done;
    const auto rest = into.subspan(done, wanted - done);
    while (runs_[run].end <= at) ++run;
    if (at < runs_[run].begin) {
      const auto gap =
          static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), runs_[run].begin - at));
      std::memset(rest.data(), 0, gap);
      done += gap;
      continue;
    }
    auto place = find(run, at);
    if (!place) return place.take_error();
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), place->end - at));
    if (auto read = stream_->read_exactly(place->at + (at - place->begin), rest.first(n)); !read) {
      return read.take_error();
    }
    done += n;
  }
  return wanted;
}

std::optional<ByteStore::Piece> FlattenedStore::piece_at(std::uint64_t offset) const {
  const std::size_t run = run_at(offset);
  if (run == runs_.size() || offset < runs_[run].begin) return std::nullopt;
  const auto place = find(run, offset);
  if (!place) return std::nullopt;
  const std::uint64_t at = place->at + (offset - place->begin);
  const auto piece = stream_->piece_at(at);
  if (!piece) return std::nullopt;
  // What of the record lies in the piece.
  const std::uint64_t before = std::min(offset - place->begin, at - piece->begin);
  const std::uint64_t behind = std::min(place->end - offset, piece->end - at);
  return Piece{offset - before, offset + behind, piece->file,
               piece->file_offset + (at - before - piece->begin)};
}

std::uint64_t FlattenedStore::next_data(std::uint64_t offset) const {
  const std::size_t run = run_at(offset);
  return run == runs_.size() ? size_ : std::max(offset, runs_[run].begin);
}

std::vector<std::string> FlattenedStore::warnings() const {
  // What ails the stream behind the end record is none of the dump's.
  if (damage_.empty()) return {};
  std::vector<std::string> all = stream_->warnings();
  all.push_back(fmt::format("flattened dump cut short: {}", damage_));
  return all;
}

}  // namespace vmsift
