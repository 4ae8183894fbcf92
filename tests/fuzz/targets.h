// SPDX-License-Identifier: GPL-2.0-or-later
// One function a parser of foreign bytes. They return when all is well and end the program when
// not.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace vmsift::fuzz {

using Input = std::span<const std::byte>;

void fuzz_elf_core(Input input);
void fuzz_kdump_core(Input input);
void fuzz_kdump_set(Input input);  // 4 bytes say how long the first of two members is
void fuzz_vmcoreinfo(Input input);
void fuzz_flattened(Input input);
void fuzz_framed(Input input);
void fuzz_printk_log(Input input);
void fuzz_free_lists(Input input);
void fuzz_btf(Input input);
void fuzz_kernel_types(Input input);

// Small valid inputs to begin with.
std::vector<std::vector<std::byte>> elf_core_seeds();
std::vector<std::vector<std::byte>> kdump_core_seeds();
std::vector<std::vector<std::byte>> kdump_set_seeds();
std::vector<std::vector<std::byte>> vmcoreinfo_seeds();
std::vector<std::vector<std::byte>> flattened_seeds();
std::vector<std::vector<std::byte>> framed_seeds();
std::vector<std::vector<std::byte>> printk_log_seeds();
std::vector<std::vector<std::byte>> free_lists_seeds();
std::vector<std::vector<std::byte>> btf_seeds();
std::vector<std::vector<std::byte>> kernel_types_seeds();

}  // namespace vmsift::fuzz
