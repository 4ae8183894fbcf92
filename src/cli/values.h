// SPDX-License-Identifier: GPL-2.0-or-later
// The values that options take. Unlike atoi, which makedumpfile uses, a value that is no number is
// an error and not 0: a typing error must not turn into the largest dump there is.
#pragma once

#include "src/base/result.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace vmsift {

// `what` begins the message: "--message-level is a number from 0 to 31, not "x"".
Result<std::uint64_t> parse_number(std::string_view what, std::string_view text,
                                   std::uint64_t least, std::uint64_t most);

// "31" or "1,16,31": one or more levels, of which each is tried when the one before had no room.
constexpr std::size_t kLevelsInList = 32;
Result<std::vector<unsigned>> parse_levels(std::string_view text);

// "500M": bytes, with a suffix of K, M, G, T, P or E for powers of 1024.
Result<std::uint64_t> parse_size(std::string_view text);

// Hexadecimal behind 0x, or where there are letters from a to f; else decimal, as in makedumpfile.
Result<std::uint64_t> parse_address(std::string_view text);

}  // namespace vmsift
