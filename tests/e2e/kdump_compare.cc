// SPDX-License-Identifier: GPL-2.0-or-later
//
// kdump_compare: every page of a kdump-compressed dump, read by libkdumpfile, against its source.
//
//   kdump_compare [--readable FILE] DUMP... SOURCE
//
// Several DUMPs are the members of a split set, which libkdumpfile opens as one.
// SOURCE is the ELF core that DUMP was made from (of either class and byte order; parsed here, not
// by libkdumpfile, so that one reader's mistake cannot hide the other's) or a second
// kdump-compressed file (then both must hold the same pages). As many page frames are asked for as
// SOURCE or DUMP know; of those that neither side says it has only the borders of each MiB, since
// libkdumpfile takes 8 us to say no and a hole can be 1000 times the RAM.
//
// It prints one line "pages=A zero=B excluded=C differ=D errors=E unsourced=F", and on stderr a
// line for each of the first page frames that are wrong:
//   differ     both sides have the page and the bytes are not the same
//   errors     libkdumpfile fails on the page with anything but its no-data error
//   unsourced  DUMP has a page that SOURCE has not (against a dump: or the other way round)
// --readable writes a bitmap (bit i, least significant first, = libkdumpfile returned page frame
// i), which the tests compare with the dump's own bitmap. Exit: 0 nothing wrong, 1 something wrong,
// 2 could not run.
//
// Built by the project as target kdump_compare; by hand:
//   c++ -std=c++20 -O2 kdump_compare.cc -o kdump_compare $(pkg-config --cflags --libs libkdumpfile)

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <libkdumpfile/kdumpfile.h>

namespace {

constexpr unsigned kShown = 20;  // wrong page frames named one by one

enum class Got { page, excluded, error };

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "kdump_compare: %s\n", what.c_str());
  std::exit(2);
}

void set(std::vector<unsigned char>& bits, uint64_t i) {
  bits[i / 8] = static_cast<unsigned char>(bits[i / 8] | 1u << (i % 8));
}

bool test(const std::vector<unsigned char>& bits, uint64_t i) {
  return (bits[i / 8] >> (i % 8) & 1) != 0;
}

// A dump behind libkdumpfile.
class Dump {
 public:
  explicit Dump(std::span<const char* const> paths) : ctx_(kdump_new()) {
    if (ctx_ == nullptr) die("no memory");
    for (const char* path : paths) {
      fds_.push_back(open(path, O_RDONLY | O_CLOEXEC));
      if (fds_.back() < 0) die(std::string("cannot open ") + path);
    }
    const char* const path = paths.front();
    if (kdump_open_fdset(ctx_, static_cast<unsigned>(fds_.size()), fds_.data()) != KDUMP_OK)
      die(std::string(path) + ": " + kdump_get_err(ctx_));
    kdump_num_t size = 0;
    if (kdump_get_number_attr(ctx_, KDUMP_ATTR_PAGE_SIZE, &size) != KDUMP_OK || size == 0)
      die(std::string(path) + ": no page size");
    page_ = size;
  }
  Dump(const Dump&) = delete;
  Dump& operator=(const Dump&) = delete;
  ~Dump() {
    kdump_free(ctx_);
    for (const int fd : fds_) close(fd);
  }

  // What libkdumpfile believes to be there, before it reads any page.
  std::vector<unsigned char> pagemap(uint64_t pfns) {
    std::vector<unsigned char> bits((pfns + 7) / 8);
    kdump_attr_t attr;
    if (pfns == 0) return bits;
    if (kdump_get_attr(ctx_, KDUMP_ATTR_FILE_PAGEMAP, &attr) != KDUMP_OK ||
        kdump_bmp_get_bits(attr.val.bitmap, 0, pfns - 1, bits.data()) != KDUMP_OK)
      die(std::string("no page map: ") + kdump_get_err(ctx_));
    return bits;
  }

  size_t page() const { return page_; }

  uint64_t pfns() {
    kdump_num_t max = 0;
    if (kdump_get_number_attr(ctx_, "max_pfn", &max) != KDUMP_OK) die("no max_pfn");
    return max;
  }

  Got read(uint64_t pfn, unsigned char* out) {
    size_t len = page_;
    const kdump_status status = kdump_read(ctx_, KDUMP_MACHPHYSADDR, pfn * page_, out, &len);
    if (status == KDUMP_OK && len == page_) return Got::page;
    error_ = kdump_get_err(ctx_) ? kdump_get_err(ctx_) : "short read";
    kdump_clear_err(ctx_);
    return status == KDUMP_ERR_NODATA ? Got::excluded : Got::error;
  }

  const std::string& error() const { return error_; }

 private:
  std::vector<int> fds_;
  kdump_ctx_t* ctx_;
  size_t page_ = 0;
  std::string error_;
};

// An ELF core, wherever its program headers are, as pages of so many bytes.
class ElfCore {
 public:
  ElfCore(const char* path, size_t page) : page_(page) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st {};
    if (fd < 0 || fstat(fd, &st) != 0) die(std::string("cannot open ") + path);
    size_ = static_cast<size_t>(st.st_size);
    void* map = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED) die(std::string("cannot map ") + path);
    base_ = static_cast<const unsigned char*>(map);
    load_segments(path);
  }

  uint64_t pfns() const {
    uint64_t end = 0;
    for (const Load& p : loads_) end = std::max(end, (p.paddr + p.memsz + page_ - 1) / page_);
    return end;
  }

  std::vector<unsigned char> pagemap(uint64_t pfns) const {
    std::vector<unsigned char> bits((pfns + 7) / 8);
    for (const Load& p : loads_)
      for (uint64_t pfn = p.paddr / page_; pfn < pfns && pfn * page_ < p.paddr + p.memsz; ++pfn)
        set(bits, pfn);
    return bits;
  }

  // Bytes of the page that no segment holds read as zero (a segment may begin or end inside a
  // page).
  Got read(uint64_t pfn, unsigned char* out) const {
    const uint64_t start = pfn * page_;
    bool any = false;
    std::memset(out, 0, page_);
    // From the last segment that starts before the page's end, back to where none reaches into the
    // page any more.
    const auto after = [](uint64_t end, const Load& p) { return end <= p.paddr; };
    auto i = static_cast<size_t>(
        std::upper_bound(loads_.begin(), loads_.end(), start + page_, after) - loads_.begin());
    while (i > 0 && reach_[i - 1] > start) {
      const Load& p = loads_[--i];
      const uint64_t from = std::max(start, p.paddr);
      const uint64_t to = std::min(start + page_, p.paddr + p.filesz);
      if (from >= to) continue;
      const uint64_t offset = p.offset + (from - p.paddr);
      if (offset > size_ || to - from > size_ - offset) continue;
      std::memcpy(out + (from - start), base_ + offset, to - from);
      any = true;
    }
    return any ? Got::page : Got::excluded;
  }

 private:
  struct Load {
    uint64_t offset, paddr, filesz, memsz;
  };

  uint64_t number(uint64_t offset, size_t bytes) const {
    if (offset > size_ || bytes > size_ - offset) die("truncated ELF headers");
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i)
      value |= uint64_t{base_[offset + i]} << 8 * (big_ ? bytes - 1 - i : i);
    return value;
  }

  // Places of fields are those of the format's description, of ELF64 and ELF32.
  void load_segments(const char* path) {
    if (size_ < EI_NIDENT || std::memcmp(base_, ELFMAG, SELFMAG) != 0)
      die(std::string(path) + ": not an ELF file");
    const bool wide = base_[EI_CLASS] == ELFCLASS64;
    big_ = base_[EI_DATA] == ELFDATA2MSB;
    const size_t word = wide ? 8 : 4;
    const uint64_t phoff = number(wide ? 32 : 28, word);
    uint64_t count = number(wide ? 56 : 44, 2);
    if (count == PN_XNUM) count = number(number(wide ? 40 : 32, word) + (wide ? 44 : 28), 4);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t at = phoff + i * (wide ? 56 : 32);
      const auto field = [&](size_t n) { return number(at + (wide ? 8 : 4) + n * word, word); };
      const Load load{field(0), field(2), field(3), field(4)};
      const uint64_t none = wide ? UINT64_MAX : UINT32_MAX;
      if (number(at, 4) == PT_LOAD && load.paddr != none) loads_.push_back(load);
    }
    std::stable_sort(loads_.begin(), loads_.end(),
                     [](const auto& a, const auto& b) { return a.paddr < b.paddr; });
    for (const Load& p : loads_)
      reach_.push_back(std::max(reach_.empty() ? 0 : reach_.back(), p.paddr + p.filesz));
  }

  size_t page_;
  bool big_ = false;
  const unsigned char* base_ = nullptr;
  size_t size_ = 0;
  std::vector<Load> loads_;      // by p_paddr
  std::vector<uint64_t> reach_;  // the highest end among loads_[0..i]
};

struct Counts {
  uint64_t pages = 0, zero = 0, excluded = 0, differ = 0, errors = 0, unsourced = 0;
  bool wrong() const { return differ + errors + unsourced != 0; }
};

std::string first_difference(const unsigned char* a, const unsigned char* b, size_t page) {
  const auto at = std::mismatch(a, a + page, b).first - a;
  char text[80];
  std::snprintf(text, sizeof text, "differs from byte %td on: %02x, source has %02x", at, a[at],
                b[at]);
  return text;
}

bool is_zero(const std::vector<unsigned char>& page) {
  return page[0] == 0 && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

// `both_ways`: a page that only the source has is wrong too (two dumps of the same pages).
template <class Source>
Counts compare(Dump& dump, Source& source, uint64_t pfns, bool both_ways,
               std::vector<unsigned char>& readable) {
  const size_t page = dump.page();
  std::vector<unsigned char> a(page), b(page);
  Counts n;
  unsigned shown = 0;
  const auto report = [&shown](uint64_t pfn, const std::string& what) {
    if (shown++ < kShown) std::fprintf(stderr, "pfn 0x%" PRIx64 ": %s\n", pfn, what.c_str());
  };
  const std::vector<unsigned char> here = dump.pagemap(pfns), there = source.pagemap(pfns);
  for (uint64_t pfn = 0; pfn < pfns; ++pfn) {
    const bool border = pfn % 256 == 0 || pfn % 256 == 255 || pfn + 1 == pfns;
    if (!border && !test(here, pfn) && !test(there, pfn)) continue;
    const Got got = dump.read(pfn, a.data());
    n.errors += got == Got::error;
    n.excluded += got == Got::excluded;
    if (got == Got::error) report(pfn, "libkdumpfile: " + dump.error());
    if (got == Got::excluded && both_ways && source.read(pfn, b.data()) != Got::excluded) {
      ++n.unsourced;
      report(pfn, "only the second dump has it");
    }
    if (got != Got::page) continue;
    ++n.pages;
    n.zero += is_zero(a);
    set(readable, pfn);
    if (source.read(pfn, b.data()) != Got::page) {
      ++n.unsourced;
      report(pfn, "the source does not have it");
    } else if (std::memcmp(a.data(), b.data(), page) != 0) {
      ++n.differ;
      report(pfn, first_difference(a.data(), b.data(), page));
    }
  }
  return n;
}

bool is_elf(const char* path) {
  char magic[SELFMAG] = {};
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "rb"), std::fclose);
  if (!file) die(std::string("cannot open ") + path);
  return std::fread(magic, 1, SELFMAG, file.get()) == SELFMAG &&
         std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

void write_file(const char* path, const std::vector<unsigned char>& bytes) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path, "wb"), std::fclose);
  if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
    die(std::string("cannot write ") + path);
}

struct Options {
  const char* readable = nullptr;
  std::vector<const char*> files;  // the last one is the source
};

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--readable" && i + 1 < argc)
      o.readable = argv[++i];
    else
      o.files.push_back(argv[i]);
  }
  if (o.files.size() < 2) die("usage: kdump_compare [--readable FILE] DUMP... SOURCE");
  return o;
}

template <class Source>
Counts run(const Options& o, Dump& dump, Source& source, bool both_ways) {
  const uint64_t pfns = std::max(dump.pfns(), source.pfns());
  std::vector<unsigned char> readable((pfns + 7) / 8);
  const Counts n = compare(dump, source, pfns, both_ways, readable);
  if (o.readable) write_file(o.readable, readable);
  return n;
}

}  // namespace

int main(int argc, char** argv) {
  const Options o = parse(argc, argv);
  Dump dump(std::span(o.files).first(o.files.size() - 1));
  Counts n;
  if (is_elf(o.files.back())) {
    ElfCore source(o.files.back(), dump.page());
    n = run(o, dump, source, false);
  } else {
    Dump source(std::span(o.files).last(1));
    if (source.page() != dump.page()) die("the two dumps have pages of different sizes");
    n = run(o, dump, source, true);
  }
  std::printf("pages=%" PRIu64 " zero=%" PRIu64 " excluded=%" PRIu64 " differ=%" PRIu64
              " errors=%" PRIu64 " unsourced=%" PRIu64 "\n",
              n.pages, n.zero, n.excluded, n.differ, n.errors, n.unsourced);
  return n.wrong() ? 1 : 0;
}
