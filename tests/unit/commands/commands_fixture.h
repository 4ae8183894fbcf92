// SPDX-License-Identifier: GPL-2.0-or-later
// Commands run in this process on small cores; what they say is captured.
#pragma once

#include "src/cli/options.h"
#include "src/commands/commands.h"
#include "src/input/open.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/elf_builder.h"
#include "tests/unit/support/kdump_builder.h"
#include "tests/unit/support/temp_dir.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vmsift::test {

using Pages = std::map<Pfn, std::optional<Bytes>>;

class CommandsFixture : public testing::Test {
 protected:
  static constexpr std::size_t kPage = 4096;

  struct Outcome {
    int status = -1;
    std::string error;  // of the command itself
    ErrorKind kind = ErrorKind::failure;
    std::string out;
    std::string err;
  };

  [[nodiscard]] std::string core() const { return dir_.file("core"); }
  [[nodiscard]] std::string dump() const { return dir_.file("dump"); }

  // A core of these pages; `notes` in front.
  void write_core(const Pages& pages, const Bytes& notes = {}, ByteOrder order = ByteOrder::little,
                  std::size_t page_size = kPage) {
    ElfBuilder elf({.order = order, .machine = 0xffff});  // no machine that has rules
    if (!notes.empty()) elf.notes(notes);
    for (const auto& [pfn, bytes] : pages) elf.load(pfn * page_size, *bytes);
    write_file(core(), elf.build());
  }

  // As on the command line, behind the program's name.
  Outcome run(std::vector<std::string> words) {
    words.insert(words.begin(), "vmsift");
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    auto options = parse_options(static_cast<int>(words.size()), argv.data());
    if (!options) {
      ADD_FAILURE() << options.message();
      return {};
    }
    const bool json_on_stdout = options->json && options->json->empty();
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const Log log(options->message_level, json_on_stdout ? stderr : stdout);
    auto status =
        options->command == Command::levels ? run_levels(*options, log) : run_create(*options, log);
    std::fflush(nullptr);
    Outcome outcome;
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    if (status) outcome.status = *status;
    if (!status) {
      const Error error = status.take_error();
      outcome.error = error.message();
      outcome.kind = error.kind();
    }
    return outcome;
  }

  // Opens a dump and reads all of it.
  Pages pages_of(const std::string& path) {
    auto source = open_dump(path, ReadMode::map);
    if (!source) {
      ADD_FAILURE() << source.message();
      return {};
    }
    info_ = (*source)->info();
    return read_all(**source).pages;
  }

  TempDir dir_;
  DumpInfo info_;  // of the dump that pages_of() opened last
};

}  // namespace vmsift::test
