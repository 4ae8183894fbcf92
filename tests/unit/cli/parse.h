// SPDX-License-Identifier: GPL-2.0-or-later
// Command lines for tests, as words.
#pragma once

#include "src/cli/options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmsift {

using Words = std::vector<std::string>;

struct Parsed {
  Options options;
  std::string error;  // empty: none
};

inline Parsed parse_as(const std::string& program, Words words) {
  words.insert(words.begin(), program);
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  Parsed parsed;
  auto done = parse_options(static_cast<int>(words.size()), argv.data(), parsed.options);
  if (!done) parsed.error = done.message();
  return parsed;
}

inline std::string joined(const Words& words) {
  std::string text;
  for (const std::string& w : words) text += w + " ";
  return text;
}

inline Options good(const Words& words) {
  const Parsed parsed = parse_as("vmsift", words);
  EXPECT_EQ(parsed.error, "") << joined(words);
  return parsed.options;
}

// One line for the user.
inline std::string bad(const Words& words) {
  const Parsed parsed = parse_as("vmsift", words);
  EXPECT_NE(parsed.error, "") << joined(words);
  EXPECT_EQ(parsed.error.find('\n'), std::string::npos) << parsed.error;
  return parsed.error;
}

}  // namespace vmsift
