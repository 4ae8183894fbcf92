// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/output/kdump_writer.h"

#include "src/copy/batch.h"
#include "src/input/open.h"
#include "tests/unit/support/dump_contents.h"
#include "tests/unit/support/kdump_builder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

namespace vmsift {
namespace {

using test::Bytes;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kStatusAt = 424;

class KdumpWriterTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("dump"); }
  static kdump::Header header_for(std::uint64_t pages, std::size_t note_bytes = 0) {
    kdump::Header header;
    header.status = 1;
    EXPECT_TRUE(header.plan(pages, note_bytes));
    return header;
  }
  [[nodiscard]] static KdumpSpec spec_for(const kdump::Header& header, const char* codec = "zlib") {
    KdumpSpec spec;
    spec.header = header;
    spec.codec = find_codec_by_name(codec);
    spec.share_zero_page = true;
    return spec;
  }
  [[nodiscard]] Result<std::unique_ptr<KdumpWriter>> create(const kdump::Header& header,
                                                            bool overwrite = false) const {
    return test::kdump_writer(path(), overwrite, spec_for(header));
  }
  // That these page frames, from 0 on, are memory and kept.
  static Result<void> keep(KdumpWriter& writer, std::size_t pages) {
    Bytes bits((pages + 7) / 8);
    BitSpan(bits).set_range(0, pages);
    return writer.put_window(0, bits, bits);
  }
  [[nodiscard]] std::uint32_t status() const {
    return test::peek<std::uint32_t>(test::read_file(path()), kStatusAt);
  }
  [[nodiscard]] mode_t mode() const {
    struct stat st {};
    EXPECT_EQ(::stat(path().c_str(), &st), 0);
    return st.st_mode & 07777U;
  }

  test::TempDir dir_;
};

TEST_F(KdumpWriterTest, IsBornIncompleteAndStaysSoUntilTheEnd) {
  const auto header = header_for(100);
  auto writer = create(header);
  ASSERT_TRUE(writer) << writer.message();
  EXPECT_EQ(status(), 9U);
  EXPECT_EQ(test::read_file(path()).size(), header.descriptors_offset())
      << "bitmaps are there in full";
  Bytes bits(kPage);
  BitSpan(bits).set_range(0, 2);
  ASSERT_TRUE((*writer)->put_window(0, bits, bits));
  EXPECT_EQ(status(), 9U);
  ASSERT_TRUE((*writer)->begin_pages());
  EXPECT_EQ(status(), 9U);
  const auto page = test::words(kPage, 1);
  const std::vector<std::uint32_t> sizes = {kPage, kStoredZero};
  const std::vector<Pfn> pfns = {0, 1};
  ASSERT_TRUE((*writer)->put_pages({pfns, sizes, page, {}, {}}));
  EXPECT_EQ(status(), 9U);
  ASSERT_TRUE((*writer)->finish(true));
  EXPECT_EQ(status(), 1U);
}

TEST_F(KdumpWriterTest, AnIncompleteDumpKeepsTheFlag) {
  auto writer = create(header_for(100));
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->begin_pages());
  ASSERT_TRUE((*writer)->finish(false));
  EXPECT_EQ(status(), 9U);
}

TEST_F(KdumpWriterTest, RefusesAFileThatIsThere) {
  const auto precious = test::text_bytes("precious");
  test::write_file(path(), precious);
  const auto writer = create(header_for(100));
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.message(),
            "cannot create the dump file " + path() + ": File exists (-f overwrites it)");
  EXPECT_EQ(test::read_file(path()), precious);
}

TEST_F(KdumpWriterTest, OverwritesWhereItIsToldTo) {
  test::write_file(path(), test::noise(1U << 20, 1));
  std::filesystem::permissions(path(), std::filesystem::perms(0644));
  const auto header = header_for(100);
  auto writer = create(header, true);
  ASSERT_TRUE(writer) << writer.message();
  EXPECT_EQ(mode(), 0600U) << "memory is nobody else's to read";
  ASSERT_TRUE((*writer)->begin_pages());
  ASSERT_TRUE((*writer)->finish(true));
  EXPECT_EQ(mode(), 0600U);
  const auto file = test::read_file(path());
  EXPECT_EQ(file.size(), header.descriptors_offset());
  EXPECT_TRUE(std::all_of(file.begin() + 2 * kPage, file.end(),
                          [](std::byte b) { return b == std::byte{0}; }));
}

TEST_F(KdumpWriterTest, NewFilesAreTheOwnersWhateverTheUmask) {
  for (const mode_t mask : {0U, 0777U, 022U}) {
    const mode_t before = ::umask(mask);
    auto writer = create(header_for(1), true);
    ::umask(before);
    ASSERT_TRUE(writer) << writer.message();
    EXPECT_EQ(mode(), 0600U);
    (*writer)->sink().discard();
  }
}

TEST_F(KdumpWriterTest, OnlyRegularFiles) {
  const auto refused = [&](const std::string& where) {
    const auto writer = test::kdump_writer(where, true, spec_for(header_for(1)));
    return writer ? std::string() : writer.message();
  };
  EXPECT_EQ(refused("/dev/null"), "/dev/null: not a regular file");
  ASSERT_EQ(::mkfifo(dir_.file("fifo").c_str(), 0600), 0);
  EXPECT_EQ(refused(dir_.file("fifo")), dir_.file("fifo") + ": not a regular file");
  EXPECT_TRUE(std::filesystem::exists(dir_.file("fifo")));
  EXPECT_NE(refused(dir_.path()).find("Is a directory"), std::string::npos);
  EXPECT_NE(refused(dir_.file("no/where")).find("No such file or directory"), std::string::npos);
}

TEST_F(KdumpWriterTest, DiscardLeavesNothing) {
  auto writer = create(header_for(100));
  ASSERT_TRUE(writer);
  (*writer)->sink().discard();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(KdumpWriterTest, NotesStandBehindTheSubHeader) {
  for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    const auto notes = test::noise(5000, 1);
    kdump::Header header = header_for(10, notes.size());
    header.vmcoreinfo_size = 77;
    KdumpSpec spec = spec_for(header);
    spec.order = order;
    spec.notes = notes;
    spec.vmcoreinfo_at = 1234;
    auto writer = test::kdump_writer(path(), true, spec);
    ASSERT_TRUE(writer) << writer.message();
    ASSERT_TRUE((*writer)->begin_pages());
    ASSERT_TRUE((*writer)->finish(true));
    const auto file = test::read_file(path());
    EXPECT_TRUE(std::equal(notes.begin(), notes.end(), file.begin() + kPage + 104));
    EXPECT_EQ(test::peek<std::uint64_t>(file, kPage + 32, order), kPage + 104 + 1234);
    EXPECT_EQ(test::peek<std::uint64_t>(file, kPage + 40, order), 77U);
    EXPECT_EQ(test::peek<std::uint64_t>(file, kPage + 48, order), kPage + 104);
    EXPECT_EQ(test::peek<std::uint64_t>(file, kPage + 56, order), 5000U);
    EXPECT_EQ(test::peek<std::uint32_t>(file, 432, order), 2U);
  }
}

TEST_F(KdumpWriterTest, KeptBitsComeBackAndHolesStayHoles) {
  constexpr Pfn kPages = std::uint64_t{1} << 34;  // bitmaps of 2 GiB each
  const auto header = header_for(kPages);
  auto writer = create(header);
  ASSERT_TRUE(writer);
  const auto bits = test::noise(kPage, 1);
  constexpr Pfn kFar = kPages - 32768;
  ASSERT_TRUE((*writer)->put_window(0, test::zeros(kPage), test::zeros(kPage)));
  ASSERT_TRUE((*writer)->put_window(kFar, bits, bits));
  Bytes kept(kPage);
  ASSERT_TRUE((*writer)->read_kept(kFar, kept));
  EXPECT_EQ(kept, bits);
  kept = test::noise(kPage, 2);
  ASSERT_TRUE((*writer)->read_kept(32768, kept));
  EXPECT_EQ(kept, test::zeros(kPage));
  kept = test::noise(kPage, 2);
  ASSERT_TRUE((*writer)->read_kept(kPages, kept));  // behind the bitmap
  EXPECT_EQ(kept, test::zeros(kPage));
  struct stat st {};
  ASSERT_EQ(::stat(path().c_str(), &st), 0);
  EXPECT_LT(st.st_blocks, 1024) << "half a MiB for bitmaps of 4 GiB";
  (*writer)->sink().discard();
}

TEST_F(KdumpWriterTest, DescriptorsAreInOrderAndPointAtTheirData) {
  constexpr std::size_t kCount = 6000;  // more than one buffer of descriptors
  const auto header = header_for(kCount);
  auto writer = test::kdump_writer(path(), false, spec_for(header, "zstd"));
  ASSERT_TRUE(writer);
  ASSERT_TRUE(keep(**writer, kCount));
  ASSERT_TRUE((*writer)->begin_pages());
  test::Random random(9);
  std::vector<kdump::Descriptor> expected;
  const std::uint64_t data = header.descriptors_offset() + kCount * kdump::kDescriptorBytes;
  std::uint64_t at = data + kPage;
  while (expected.size() < kCount) {
    Bytes out;
    std::vector<std::uint32_t> sizes;
    for (auto n = std::min<std::uint64_t>(1 + random.below(128), kCount - expected.size()); n != 0;
         --n) {
      const auto kind = random.below(4);
      if (kind == 0) {
        sizes.push_back(kStoredZero);
        expected.push_back({data, kPage, 0});
      } else if (kind == 1) {
        sizes.push_back(kStoredLost);
        expected.push_back({0, 0, 0});
      } else {
        sizes.push_back(kind == 2 ? kPage
                                  : static_cast<std::uint32_t>(1 + random.below(kPage - 1)));
        expected.push_back({at, sizes.back(), kind == 2 ? 0U : 0x20U});
        test::append(out, test::noise(sizes.back(), expected.size()));
        at += sizes.back();
      }
    }
    const std::vector<Pfn> pfns(sizes.size());
    ASSERT_TRUE((*writer)->put_pages({pfns, sizes, out, {}, {}}));
  }
  ASSERT_TRUE((*writer)->finish(true));
  const auto file = test::read_file(path());
  ASSERT_EQ(file.size(), at);
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto d = kdump::decode_descriptor(
        &file[header.descriptors_offset() + i * kdump::kDescriptorBytes], ByteOrder::little);
    ASSERT_EQ(d.offset, expected[i].offset) << i;
    ASSERT_EQ(d.size, expected[i].size) << i;
    ASSERT_EQ(d.flags, expected[i].flags) << i;
    if (d.offset == data) continue;
    if (d.offset != 0) {
      const auto bytes = test::noise(d.size, i + 1);
      ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), &file[d.offset])) << i;
    }
  }
  EXPECT_TRUE(
      std::all_of(&file[data], &file[data] + kPage, [](std::byte b) { return b == std::byte{0}; }));
}

// What a full disk leaves: every descriptor that is not zero points at data inside of the file, the
// file says that it is incomplete, and whatever it holds reads back right.
class FullDisk : public KdumpWriterTest {
 protected:
  static constexpr Pfn kPages = 3000;

  // Writes pages until that fails; true when it did.
  static bool fill(const std::string& where) {
    kdump::Header header = header_for(kPages);
    auto writer = test::kdump_writer(where, false, spec_for(header));
    if (!writer) return true;
    bool failed = !keep(**writer, kPages) || !(*writer)->begin_pages();
    for (Pfn pfn = 0; pfn < kPages && !failed; pfn += 4) {
      Bytes data;
      std::vector<std::uint32_t> sizes;
      for (Pfn i = pfn; i < pfn + 4; ++i) {
        if (i % 16 == 0) {
          sizes.push_back(kStoredZero);
          continue;
        }
        test::append(data, test::noise(kPage, i));
        sizes.push_back(kPage);
      }
      const std::vector<Pfn> pfns = {pfn, pfn + 1, pfn + 2, pfn + 3};
      failed = !(*writer)->put_pages({pfns, sizes, data, {}, {}});
    }
    const auto finished = (*writer)->finish(!failed);
    return failed || !finished;
  }

  static void expect_readable_prefix(const std::string& where) {
    const auto file = test::read_file(where);
    ASSERT_GE(file.size(), kdump::kMainHeaderBytes);
    EXPECT_EQ(test::peek<std::uint32_t>(file, kStatusAt) & kdump::kIncomplete, kdump::kIncomplete);
    const auto header = header_for(kPages);
    const std::uint64_t begin = header.descriptors_offset();
    for (std::uint64_t at = begin; at < begin + kPages * kdump::kDescriptorBytes;
         at += kdump::kDescriptorBytes) {
      if (at + kdump::kDescriptorBytes > file.size()) break;
      const auto d = kdump::decode_descriptor(&file[at], ByteOrder::little);
      if (d.offset == 0) continue;
      ASSERT_LE(d.offset + d.size, file.size());
    }
    auto source = open_dump(where, ReadMode::map);
    ASSERT_TRUE(source) << source.message();
    EXPECT_TRUE((*source)->info().incomplete);
    std::size_t saved = 0;
    for (const auto& [pfn, bytes] : test::read_all(**source).pages) {
      if (!bytes) continue;
      ++saved;
      ASSERT_EQ(*bytes, pfn % 16 == 0 ? test::zeros(kPage) : test::noise(kPage, pfn)) << pfn;
    }
    EXPECT_GT(saved, 100U) << "what fitted was saved";
  }
};

TEST_F(FullDisk, OfATmpfs) {
  const std::string mount = dir_.file("small");
  ASSERT_TRUE(std::filesystem::create_directory(mount));
  if (::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=3m") != 0)
    GTEST_SKIP() << "cannot mount a small tmpfs";
  const bool failed = fill(mount + "/dump");
  EXPECT_TRUE(failed);
  expect_readable_prefix(mount + "/dump");
  ::umount(mount.c_str());
}

TEST_F(FullDisk, ByAFileSizeLimit) {
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  // Some limits end within a page's data, some within a batch.
  for (const rlim_t limit : {rlim_t{3U << 20}, rlim_t{3000001}, rlim_t{5U << 20} + 1}) {
    const std::string where = dir_.file("limited");
    const struct rlimit small = {limit, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const bool failed = fill(where);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(failed);
    ASSERT_NO_FATAL_FAILURE(expect_readable_prefix(where));
    ASSERT_EQ(::unlink(where.c_str()), 0);
  }
  ::signal(SIGXFSZ, old_handler);
}

TEST_F(FullDisk, NoRoomForTheHeadersLeavesNoFile) {
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  for (const rlim_t limit : {rlim_t{0}, rlim_t{100}, rlim_t{5000}}) {
    const struct rlimit small = {limit, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto writer = create(header_for(kPages));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_FALSE(writer);
    EXPECT_FALSE(std::filesystem::exists(path()));
  }
  ::signal(SIGXFSZ, old_handler);
}

}  // namespace
}  // namespace vmsift
