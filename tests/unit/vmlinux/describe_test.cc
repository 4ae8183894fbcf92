// SPDX-License-Identifier: GPL-2.0-or-later
// The note of small kernels, read out of their debug information.
#include "src/vmlinux/describe.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace vmsift {
namespace {

using Entries = std::map<std::string, std::string>;

Entries read(const char* kernel) {
  auto text = describe_vmlinux(std::string(VMSIFT_TEST_KERNELS "/") + kernel);
  EXPECT_TRUE(text) << text.message();
  Entries entries;
  std::istringstream in(text ? *text : std::string());
  for (std::string line; std::getline(in, line);) {
    const auto equals = line.find('=');
    EXPECT_TRUE(entries.emplace(line.substr(0, equals), line.substr(equals + 1)).second) << line;
  }
  return entries;
}

std::string get(const Entries& entries, const std::string& key) {
  const auto it = entries.find(key);
  return it == entries.end() ? "none" : it->second;
}

// Each with another kind of debug information: DWARF 2, 4 and 5, plain and compressed in both ways.
TEST(Describe, WhatAllKernelsHave) {
  for (const char* kernel :
       {"kernel_414", "kernel_61", "kernel_63", "kernel_610", "kernel_611", "kernel_612"}) {
    SCOPED_TRACE(kernel);
    const Entries e = read(kernel);
    EXPECT_EQ(get(e, "OSRELEASE"), "9.9.0-test");
    EXPECT_EQ(get(e, "BUILD-ID").size(), 40U);
    EXPECT_EQ(get(e, "PAGESIZE"), "4096");
    EXPECT_EQ(get(e, "SYMBOL(_stext)"), "ffffffff81000000");
    EXPECT_EQ(get(e, "SYMBOL(swapper_pg_dir)"), get(e, "SYMBOL(init_top_pgt)"));
    EXPECT_NE(get(e, "SYMBOL(prb)"), "none") << "a local symbol";
    EXPECT_EQ(get(e, "SIZE(page)"), "64");
    EXPECT_EQ(get(e, "OFFSET(page.flags)"), "0");
    EXPECT_EQ(get(e, "OFFSET(page.lru)"), "8");
    EXPECT_EQ(get(e, "OFFSET(page.mapping)"), "24");
    EXPECT_EQ(get(e, "OFFSET(page._mapcount)"), "48");
    EXPECT_EQ(get(e, "OFFSET(page._refcount)"), "52");
    EXPECT_EQ(get(e, "OFFSET(page._count)"), "none");
    EXPECT_EQ(get(e, "OFFSET(page.compound_head)"), "8");
    EXPECT_EQ(get(e, "LENGTH(free_area.free_list)"), "5");
    EXPECT_EQ(get(e, "LENGTH(node_data)"), "64");
    EXPECT_EQ(get(e, "SIZE(nodemask_t)"), "16");
    EXPECT_EQ(get(e, "OFFSET(printk_ringbuffer.fail)"), "48");
    EXPECT_EQ(get(e, "NUMBER(NR_FREE_PAGES)"), "0");
    EXPECT_EQ(get(e, "NUMBER(PG_lru)"), "2");
    EXPECT_EQ(get(e, "NUMBER(PG_head_mask)"), "65536");
    // What this kernel does not export, and what only a boot knows.
    for (const char* key : {"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", "NUMBER(phys_base)",
                            "KERNELOFFSET", "SYMBOL(log_buf)", "SIZE(latched_seq)"}) {
      EXPECT_EQ(get(e, key), "none") << key;
    }
  }
}

TEST(Describe, TheSecondMaskOfNodeStatesIsTheOneOfNodesThatAreOnline) {
  const Entries e = read("kernel_61");
  const auto online = std::stoull(get(e, "SYMBOL(node_online_map)"), nullptr, 16);
  EXPECT_EQ(online % 16, 0U);
  EXPECT_NE(online, 0U);
}

TEST(Describe, PageTypesOfEachEra) {
  const std::string buddy = "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)";
  const std::string slab = "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)";
  EXPECT_EQ(get(read("kernel_414"), buddy), "-128");
  EXPECT_EQ(get(read("kernel_61"), buddy), "-129");
  EXPECT_EQ(get(read("kernel_610"), buddy), "-129");
  EXPECT_EQ(get(read("kernel_610"), slab), "-4097");
  EXPECT_EQ(get(read("kernel_611"), buddy), "-1073741825");
  EXPECT_EQ(get(read("kernel_611"), slab), "-33554433");
  EXPECT_EQ(get(read("kernel_611"), "NUMBER(PG_slab)"), "none") << "a type, not a flag";
  EXPECT_EQ(get(read("kernel_612"), buddy), "-268435456");
  EXPECT_EQ(get(read("kernel_612"), slab), "-184549376");
  EXPECT_EQ(get(read("kernel_61"), "NUMBER(PG_slab)"), "9");
}

TEST(Describe, CompoundPagesOfEachEra) {
  EXPECT_EQ(get(read("kernel_61"), "OFFSET(page.compound_order)"), "17");
  EXPECT_EQ(get(read("kernel_61"), "OFFSET(folio._folio_order)"), "none");
  EXPECT_EQ(get(read("kernel_63"), "OFFSET(page.compound_order)"), "none");
  EXPECT_EQ(get(read("kernel_63"), "OFFSET(folio._folio_dtor)"), "80");
  EXPECT_EQ(get(read("kernel_63"), "OFFSET(folio._folio_order)"), "81");
  EXPECT_EQ(get(read("kernel_612"), "OFFSET(folio._folio_order)"), "none");
}

TEST(Describe, SectionsAreAnArrayUntilTheyAreAPointer) {
  EXPECT_EQ(get(read("kernel_414"), "LENGTH(mem_section)"), "2048");
  EXPECT_EQ(get(read("kernel_61"), "LENGTH(mem_section)"), "none");
  EXPECT_EQ(get(read("kernel_61"), "SIZE(mem_section)"), "16");
}

TEST(Describe, NamesOfTheSystemMovedToTheFront) {
  EXPECT_EQ(get(read("kernel_414"), "OFFSET(uts_namespace.name)"), "4");
  EXPECT_EQ(get(read("kernel_612"), "OFFSET(uts_namespace.name)"), "0");
}

TEST(Describe, TheBannerGoesAlong) {
  EXPECT_EQ(get(read("kernel_61"), "LINUX_BANNER"), "Linux version 9.9.0-test (me@here) #1 SMP");
  EXPECT_EQ(get(read("kernel_612"), "LINUX_BANNER"), "none");
  EXPECT_EQ(get(read("kernel_612"), "OSRELEASE"), "9.9.0-test") << "out of init_uts_ns";
}

TEST(Describe, WithoutDebugInformationThereIsNone) {
  const auto text = describe_vmlinux(VMSIFT_TEST_KERNELS "/kernel_bare");
  ASSERT_FALSE(text);
  EXPECT_NE(text.message().find("debug information"), std::string::npos) << text.message();
}

TEST(Describe, OtherFilesAreNoKernels) {
  const auto program = describe_vmlinux("/proc/self/exe");
  ASSERT_FALSE(program);
  EXPECT_NE(program.message().find("not a vmlinux"), std::string::npos) << program.message();
  for (const char* file : {"/dev/null", "/etc/passwd", "/", "/nonexistent"}) {
    const auto text = describe_vmlinux(file);
    ASSERT_FALSE(text) << file;
    EXPECT_NE(text.message().find(file), std::string::npos) << text.message();
  }
}

}  // namespace
}  // namespace vmsift
