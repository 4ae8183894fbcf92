// SPDX-License-Identifier: GPL-2.0-or-later
// Where the VMCOREINFO text of a dump comes from, and that it goes on to the next one.
#include "tests/unit/commands/commands_fixture.h"

namespace vmsift {
namespace {

using test::mixed_pages;

constexpr std::string_view kText = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nCRASHTIME=1700000000\n";

class NoteTest : public test::CommandsFixture {
 protected:
  // The text that the dump's sub header points at.
  [[nodiscard]] std::string pointed_text(ByteOrder order = ByteOrder::little) const {
    const auto file = test::read_file(dump());
    const auto at = test::peek<std::uint64_t>(file, kPage + 32, order);
    const auto size = test::peek<std::uint64_t>(file, kPage + 40, order);
    if (at == 0) return {};
    return {reinterpret_cast<const char*>(&file[at]), size};
  }
};

TEST_F(NoteTest, GoesOnVerbatim) {
  auto notes = test::elf_note("CORE", NT_PRSTATUS, test::noise(336, 1));
  test::append(notes, test::elf_note("VMCOREINFO", 0, test::text_bytes(kText)));
  test::append(notes, test::elf_note("CORE", NT_PRSTATUS, test::noise(336, 2)));
  write_core(mixed_pages(5, kPage), notes);
  ASSERT_EQ(run({core(), dump()}).status, kExitOk);
  pages_of(dump());
  EXPECT_EQ(info_.notes, notes);
  EXPECT_EQ(info_.cpus, 2U);
  EXPECT_EQ(pointed_text(), kText);
  const auto file = test::read_file(dump());
  EXPECT_EQ(test::peek<std::uint64_t>(file, 408), 1700000000U) << "the time of the crash";
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(&file[12 + 130])), "6.1.0-test");
}

TEST_F(NoteTest, IsTakenFromAFileAndAddedToTheDump) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    write_core(mixed_pages(5, kPage),
               test::elf_note("CORE", NT_PRSTATUS, test::noise(336, 1), order), order);
    test::write_file(dir_.file("note"), test::text_bytes(kText));
    ASSERT_EQ(run({"-f", "-i", dir_.file("note"), core(), dump()}).status, kExitOk);
    pages_of(dump());
    EXPECT_EQ(info_.vmcoreinfo, kText);
    EXPECT_EQ(info_.cpus, 1U);
    EXPECT_EQ(pointed_text(order), kText);
  }
}

TEST_F(NoteTest, OfAnotherKernelIsRefused) {
  write_core(mixed_pages(5, kPage), test::elf_note("VMCOREINFO", 0, test::text_bytes(kText)));
  test::write_file(dir_.file("note"), test::text_bytes("OSRELEASE=5.10.0\n"));
  const auto done = run({"-i", dir_.file("note"), core(), dump()});
  EXPECT_EQ(done.kind, ErrorKind::mismatch);
  EXPECT_NE(done.error.find("5.10.0"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dump()));
  EXPECT_EQ(run({"--levels", "-i", dir_.file("note"), core()}).kind, ErrorKind::mismatch);
  EXPECT_NE(run({"-i", dir_.file("none"), core(), dump()}).error.find("No such file"),
            std::string::npos);
}

TEST_F(NoteTest, OutsideOfTheNotesOfADumpIsNotForgotten) {
  test::DumpSpec spec;
  spec.pages = mixed_pages(5, kPage);
  spec.notes = test::elf_note("CORE", NT_PRSTATUS, test::noise(336, 1));
  const std::size_t notes_size = spec.notes.size();
  spec.vmcoreinfo_at = spec.notes.size();
  spec.vmcoreinfo_size = kText.size();
  test::append(spec.notes, test::text_bytes(kText));
  test::write_kdump(dir_.file("old"), spec);
  auto file = test::read_file(dir_.file("old"));
  test::poke(file, kPage + 56, std::uint64_t{notes_size});  // the text is behind the notes now
  test::write_file(dir_.file("old"), file);
  ASSERT_EQ(run({dir_.file("old"), dump()}).status, kExitOk);
  pages_of(dump());
  EXPECT_EQ(info_.vmcoreinfo, kText);
  EXPECT_EQ(pointed_text(), kText);
}

TEST_F(NoteTest, NoneIsNone) {
  write_core(mixed_pages(5, kPage));
  ASSERT_EQ(run({core(), dump()}).status, kExitOk);
  EXPECT_EQ(pointed_text(), "");
  pages_of(dump());
  EXPECT_TRUE(info_.notes.empty());
}

TEST_F(NoteTest, PageSizesThatAreNone) {
  for (const char* text :
       {"PAGESIZE=0\n", "PAGESIZE=-4096\n", "PAGESIZE=12288\n", "PAGESIZE=1073741824\n"}) {
    write_core(mixed_pages(5, kPage), test::elf_note("VMCOREINFO", 0, test::text_bytes(text)));
    const auto done = run({core(), dump()});
    EXPECT_EQ(done.status, kExitOk);
    EXPECT_NE(done.err.find("is passed over"), std::string::npos) << done.err;
    std::filesystem::remove(dump());
  }
}

}  // namespace
}  // namespace vmsift
