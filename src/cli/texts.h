// SPDX-License-Identifier: GPL-2.0-or-later
// What vmsift says in fixed words, and what it says in makedumpfile's words where it was called by
// that name: scripts and test-suites look for those.
#pragma once

#include "src/cli/options.h"

#include <string>
#include <string_view>

namespace vmsift {

// "vmsift", or "makedumpfile" where it was called so.
std::string_view program_name(const Options& options);

// "The dumpfile is saved to X.", "The dumpfiles are saved to A, B, and C.", "... to STDOUT.", and
// the same for the log of --dump-dmesg and the text of -g.
std::string saved_line(const Options& options);

// The last line of a run that wrote something: "vmsift Completed.", "makedumpfile Failed.". Empty
// where there is none.
std::string last_line(const Options& options, bool succeeded);

// What makedumpfile says when a dump had no room but its beginning is good; else empty.
std::string incomplete_line(const Options& options);

// What makedumpfile says of options that it does not take; else only where to read about them.
std::string bad_options_text(const Options& options);

std::string usage_text(const Options& options = {});
std::string version_text(const Options& options = {});

}  // namespace vmsift
