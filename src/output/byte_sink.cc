// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/byte_sink.h"

#include <cerrno>

namespace vmsift {

std::uint64_t ByteSink::room_for_data(std::uint64_t /*due*/, std::uint64_t /*pieces*/) const {
  return kNoLimit;
}

Error ByteSink::failed(int errno_value, std::string_view doing) {
  out_of_space_ |= errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG;
  return system_error(errno_value, fmt::format("{}: {}", name(), doing));
}

Error ByteSink::no_beginning(Error why) const {
  if (!out_of_space()) return why;
  return error("{}; {}", why.message(), kNoRoomToBegin);
}

Error ByteSink::over_limit() {
  out_of_space_ = true;
  return error("{}: the limit of {} bytes (-L) is reached", name(), limit_);
}

}  // namespace vmsift
