// SPDX-License-Identifier: GPL-2.0-or-later
// A synthetic kernel as files: an ELF core laid out like /proc/vmcore, and what is to be expected
// of who filters it.
#pragma once

#include "tests/synthetic/case_file.h"

#include <string>

namespace vmsift::test {

// As sparse a file as the memory is.
void write_vmcore(const std::string& path, const SyntheticKernel& kernel);

// JSON: "classes" is a list of [first page frame, past the last, class]; what is not there is no
// memory.
std::string expectation(const Case& c);

}  // namespace vmsift::test
