// SPDX-License-Identifier: GPL-2.0-or-later
// Every codec there is. A new one is a file that defines a Codec, and its name here.
#include "compress/codec.h"

#include <algorithm>

namespace vmsift {

extern const Codec kNone, kZlib, kLzo, kSnappy, kZstd, kLz4;

namespace {

constinit const Codec* const kCodecs[] = {&kNone, &kZlib, &kLzo, &kSnappy, &kZstd, &kLz4};

template <class Predicate>
const Codec* find_codec(Predicate matches) {
  const auto* const found = std::ranges::find_if(kCodecs, matches);
  return found == std::end(kCodecs) ? nullptr : *found;
}

}  // namespace

std::span<const Codec* const> all_codecs() {
  return kCodecs;
}

const Codec* find_codec_by_name(std::string_view name) {
  return find_codec([=](const Codec* codec) { return codec->name == name; });
}

const Codec* find_codec_by_page_flag(std::uint32_t page_flag) {
  return find_codec([=](const Codec* codec) { return codec->page_flag == page_flag; });
}

}  // namespace vmsift
