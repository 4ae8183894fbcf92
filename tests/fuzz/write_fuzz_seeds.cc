// SPDX-License-Identifier: GPL-2.0-or-later
// Writes the seeds of every target into DIRECTORY/TARGET/.
#include "tests/fuzz/targets.h"
#include "tests/unit/support/temp_dir.h"

#include <cstdio>
#include <filesystem>

int main(int argc, char** argv) {
  using namespace vmsift;
  if (argc != 2) {
    std::fputs("Usage: write_fuzz_seeds DIRECTORY\n", stderr);
    return 1;
  }
  const auto write = [&](const char* target, const std::vector<std::vector<std::byte>>& seeds) {
    const auto folder = std::filesystem::path(argv[1]) / target;
    std::filesystem::create_directories(folder);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      test::write_file((folder / std::to_string(i)).string(), seeds[i]);
    }
  };
  write("elf_core", fuzz::elf_core_seeds());
  write("kdump_core", fuzz::kdump_core_seeds());
  write("flattened", fuzz::flattened_seeds());
  write("framed", fuzz::framed_seeds());
  write("kdump_set", fuzz::kdump_set_seeds());
  write("vmcoreinfo", fuzz::vmcoreinfo_seeds());
  write("btf", fuzz::btf_seeds());
  write("kernel_types", fuzz::kernel_types_seeds());
  write("printk_log", fuzz::printk_log_seeds());
  write("free_lists", fuzz::free_lists_seeds());
  return 0;
}
