// SPDX-License-Identifier: GPL-2.0-or-later
// BTF, type by type. Numbers of types count from 1.
#pragma once

#include "mm-model/btf_types.h"
#include "tests/unit/support/test_bytes.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace vmsift::test {

class BtfBuilder {
 public:
  using Kind = btf::Kind;
  struct Member {
    std::string name;
    std::uint32_t type;
    std::uint32_t bits;  // where it begins; with the flag, the upper byte is a bit field's width
  };
  using Values = std::vector<std::pair<std::string, std::int64_t>>;

  explicit BtfBuilder(ByteOrder order = ByteOrder::little) : order_(order) {}

  // What every type comes down to.
  std::uint32_t add(Kind kind, const std::string& name, std::uint32_t size_or_type,
                    std::uint32_t elements, const std::vector<std::uint32_t>& words,
                    bool flag = false) {
    put(string(name));
    put(static_cast<std::uint32_t>(kind) << 24 | elements | (flag ? 1U << 31 : 0));
    put(size_or_type);
    for (const std::uint32_t word : words) put(word);
    return ++count_;
  }
  std::uint32_t integer(const std::string& name, std::uint32_t bytes) {
    return add(Kind::integer, name, bytes, 0, {bytes * 8});
  }
  std::uint32_t array(std::uint32_t type, std::uint32_t length) {
    return add(Kind::array, "", 0, 0, {type, type, length});
  }
  std::uint32_t refer(Kind kind, std::uint32_t type, const std::string& name = "") {
    return add(kind, name, type, 0, {});
  }
  std::uint32_t structure(const std::string& name, std::uint32_t bytes,
                          const std::vector<Member>& members, Kind kind = Kind::structure,
                          bool flag = false) {
    std::vector<std::uint32_t> words;
    for (const Member& m : members) words.insert(words.end(), {string(m.name), m.type, m.bits});
    return add(kind, name, bytes, static_cast<std::uint32_t>(members.size()), words, flag);
  }
  std::uint32_t enumeration(const std::string& name, const Values& values, bool wide = false,
                            bool flag = false) {
    std::vector<std::uint32_t> words;
    for (const auto& [n, value] : values) {
      words.insert(words.end(), {string(n), static_cast<std::uint32_t>(value)});
      if (wide)
        words.push_back(static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) >> 32));
    }
    return add(wide ? Kind::enumeration64 : Kind::enumeration, name, wide ? 8 : 4,
               static_cast<std::uint32_t>(values.size()), words, flag);
  }
  [[nodiscard]] std::uint32_t count() const { return count_; }

  // Bytes of each kind's `fixed` and `each`, from kind 0 up; makes the header that of 7.1.
  void lay_out(std::vector<std::pair<std::uint8_t, std::uint8_t>> kinds) {
    layout_ = std::move(kinds);
  }

  [[nodiscard]] Bytes bytes() const {
    const std::uint32_t header = layout_.empty() ? 24 : 32;
    const auto types = static_cast<std::uint32_t>(types_.size());
    const auto layout = static_cast<std::uint32_t>(layout_.size() * 4);
    Bytes all(8);
    store<std::uint16_t>(all.data(), 0xeb9f, order_);
    all[2] = std::byte{1};
    store<std::uint32_t>(&all[4], header, order_);
    put_into(all, 0);
    put_into(all, types);
    put_into(all, types + layout);
    put_into(all, static_cast<std::uint32_t>(strings_.size()));
    if (!layout_.empty()) {
      put_into(all, types);
      put_into(all, layout);
    }
    all.insert(all.end(), types_.begin(), types_.end());
    for (const auto& [fixed, each] : layout_) {
      all.insert(all.end(), {std::byte{fixed}, std::byte{each}, std::byte{0}, std::byte{0}});
    }
    const Bytes strings = text_bytes(strings_);
    all.insert(all.end(), strings.begin(), strings.end());
    return all;
  }

 private:
  std::uint32_t string(const std::string& text) {
    if (text.empty()) return 0;
    const auto [it, added] = places_.try_emplace(text, static_cast<std::uint32_t>(strings_.size()));
    if (added) strings_ += text + '\0';
    return it->second;
  }
  void put_into(Bytes& bytes, std::uint32_t value) const {
    bytes.resize(bytes.size() + 4);
    store(&bytes[bytes.size() - 4], value, order_);
  }
  void put(std::uint32_t value) { put_into(types_, value); }

  ByteOrder order_;
  Bytes types_;
  std::string strings_ = std::string(1, '\0');
  std::map<std::string, std::uint32_t> places_;
  std::vector<std::pair<std::uint8_t, std::uint8_t>> layout_;
  std::uint32_t count_ = 0;
};

}  // namespace vmsift::test
