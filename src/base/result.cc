// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/base/result.h"

#include <system_error>

namespace vmsift {

Error system_error(int errno_value, std::string_view what) {
  return error("{}: {}", what, std::generic_category().message(errno_value));
}

}  // namespace vmsift
