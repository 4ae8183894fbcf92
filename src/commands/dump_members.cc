// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands/dump_members.h"

#include "src/commands/dump_output.h"

#include <unistd.h>

#include <algorithm>

namespace vmsift {

Result<void> DumpMembers::create(const Input& input, unsigned level) {
  const DumpInfo& dump = input.source->info();
  members_.clear();
  begun_ = false;
  ranges_.reset();
  if (options_.split) {
    ranges_.emplace(dump.max_pfn, options_.split_block_bytes.value_or(0) / dump.page_size);
  }
  const std::size_t count = options_.split ? options_.outputs.size() : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string path = i < options_.outputs.size() ? options_.outputs[i] : std::string();
    if (options_.split && dump.incomplete && ::access(path.c_str(), F_OK) == 0) {
      // With --split the first operand alone is read: others of its set would be overwritten.
      discard();
      return error("{} is there, and may be of the same split dump as {}: --reassemble it first",
                   path, dump.path);
    }
    auto writer = make_writer(options_, input, level, path);
    if (!writer) {
      discard();
      return writer.take_error();
    }
    members_.emplace_back();
    members_.back().writer = std::move(*writer);
    members_.back().range = {0, dump.max_pfn};
  }
  return {};
}

Result<void> DumpMembers::put_window(Pfn first, std::span<const std::byte> exists,
                                     std::span<const std::byte> kept) {
  if (ranges_) ranges_->add(first, kept);
  for (DumpMember& member : members_) {
    if (auto put = member.writer->put_window(first, exists, kept); !put) return put;
  }
  return {};
}

Result<void> DumpMembers::share_out(std::uint64_t kept_pages) {
  members_.front().pages = kept_pages;
  if (!ranges_) return {};
  const auto ranges = ranges_->share_out(members_.size());
  for (std::size_t i = 0; i < members_.size(); ++i) {
    DumpMember& member = members_[i];
    member.range = ranges[i].pfns;
    member.pages = ranges[i].kept_pages;
    if (auto set = member.writer->set_range(member.range, member.pages); !set) return set;
  }
  return {};
}

Result<void> DumpMembers::begin_pages() {
  for (DumpMember& member : members_) {
    if (auto begun = member.writer->begin_pages(); !begun) return begun;
  }
  begun_ = true;
  return {};
}

void DumpMembers::finish(bool may_be_complete) {
  for (DumpMember& member : members_) {
    const bool complete = may_be_complete && !member.failure && member.copied.lost_pages == 0;
    auto finished = member.writer->finish(complete);
    member.ended = finished.ok();
    // What stopped the copying says more than what stopped the end.
    if (!finished && !member.failure) member.failure = finished.take_error();
    member.complete = complete && !member.failure;
  }
}

void DumpMembers::discard() {
  for (DumpMember& member : members_) member.writer->sink().discard();
  members_.clear();
  begun_ = false;
}

bool DumpMembers::out_of_space() const {
  return std::any_of(members_.begin(), members_.end(),
                     [](const DumpMember& m) { return m.writer->sink().out_of_space(); });
}

}  // namespace vmsift
