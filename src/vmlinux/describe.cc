// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/vmlinux/describe.h"

#include "src/note/derive.h"
#include "src/vmlinux/debug_types.h"
#include "src/vmlinux/elf_image.h"

#include <algorithm>
#include <utility>

namespace vmsift {
namespace {

// Where the note and the log are written, by release, and where the types in their keys are at
// home: a unit that only asks for an offset may go without the type in its debug information.
constexpr std::array<std::string_view, 7> kFirstUnits = {
    "kernel/vmcore_info.c", "kernel/crash_core.c", "kernel/kexec.c", "kernel/printk/printk.c",
    "kernel/printk.c",      "mm/page_alloc.c",     "mm/vmalloc.c"};

constexpr std::size_t kMaxBanner = 512;  // with the compiler's name: 200 bytes
constexpr std::string_view kBannerStart = "Linux version ";

// Units say enough when they know what every kernel has. In kernels without the enumeration of page
// types a macro has their values; since nothing but its absence tells, it must be sure.
bool enough(const DebugTypes& types) {
  constexpr std::array<std::string_view, 7> kAlways = {
      "page", "pglist_data", "zone", "free_area", "list_head", "mem_section", "uts_namespace"};
  const bool has_log = types.has_type("printk_ringbuffer") || types.has_type("printk_log") ||
                       types.has_member("log", "ts_nsec") || !types.has_member("page", "_mapcount");
  const bool has_page_types =
      types.enumerator("PGTY_buddy") || types.enumerator("PG_buddy") || types.enumerator("PG_slab");
  return types.enumerator("PG_lru") && has_page_types && has_log &&
         std::all_of(kAlways.begin(), kAlways.end(),
                     [&](std::string_view type) { return types.has_type(type); });
}

class VmlinuxFacts : public KernelFacts {
 public:
  VmlinuxFacts(const ElfImage& image, const DebugTypes& types) : image_(image), types_(types) {}

  [[nodiscard]] std::optional<std::uint64_t> symbol(std::string_view name) const override {
    const auto found = image_.symbol(name);
    return found ? std::optional(found->address) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint64_t> size_of(std::string_view type) const override {
    return types_.size_of(type);
  }
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::string_view type,
                                                       std::string_view member) const override {
    return types_.offset_of(type, member);
  }
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view type,
                                                       std::string_view member) const override {
    return types_.length_of(type, member);
  }
  // node_data is declared without a length; an array of pointers. Since 4.15 mem_section is a
  // pointer and the boot decides the length of what it points to.
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view variable) const override {
    if (variable != "node_data") return types_.length_of(variable);
    const auto found = image_.symbol(variable);
    if (!found || found->size == 0) return std::nullopt;
    return found->size / image_.pointer_size();
  }
  [[nodiscard]] std::optional<std::int64_t> enumerator(std::string_view name) const override {
    return types_.enumerator(name);
  }
  // What it writes it has as a string.
  [[nodiscard]] bool may_export(std::string_view name) const override {
    return image_.has_string(name);
  }

 private:
  const ElfImage& image_;
  const DebugTypes& types_;
};

class Description {
 public:
  Description(const ElfImage& image, const DebugTypes& types) : image_(image), types_(types) {}

  Result<std::string> text();

 private:
  [[nodiscard]] std::string banner() const;
  [[nodiscard]] std::string release(const std::string& banner) const;

  const ElfImage& image_;
  const DebugTypes& types_;
};

std::string Description::banner() const {
  const auto symbol = image_.symbol("linux_banner");
  auto text = symbol ? image_.string_at(symbol->address, kMaxBanner) : std::nullopt;
  if (!text || !text->starts_with(kBannerStart)) return {};
  if (text->ends_with('\n')) text->pop_back();
  if (text->find('\n') != std::string::npos) return {};
  return *text;
}

std::string Description::release(const std::string& banner) const {
  if (!banner.empty()) {
    return banner.substr(kBannerStart.size(),
                         banner.find(' ', kBannerStart.size()) - kBannerStart.size());
  }
  const auto names = image_.symbol("init_uts_ns");
  const auto name = types_.offset_of("uts_namespace", "name");
  const auto field = types_.offset_of("new_utsname", "release");
  if (!names || !name || !field) return {};
  return image_.string_at(names->address + *name + *field, kMaxBanner).value_or("");
}

Result<std::string> Description::text() {
  const std::string version = banner();
  const std::string name = release(version);
  if (name.empty()) return error("neither linux_banner nor init_uts_ns tells a kernel's release");
  if (!types_.size_of("page")) return error("the debug information has no struct page");
  std::string text = fmt::format("OSRELEASE={}\n", name);
  if (const std::string id = image_.build_id(); !id.empty()) {
    text += fmt::format("BUILD-ID={}\n", id);
  }
  // A macro. Other architectures have several, which nothing in the file tells.
  constexpr std::array<std::uint16_t, 3> kPagesOf4k = {EM_X86_64, EM_386, EM_S390};
  if (std::find(kPagesOf4k.begin(), kPagesOf4k.end(), image_.machine()) != kPagesOf4k.end()) {
    text += "PAGESIZE=4096\n";
  }
  const VmlinuxFacts facts(image_, types_);
  for (const KeyRule& rule : kKeys) {
    const std::string value = derive_value(rule, facts);
    if (!value.empty()) text += fmt::format("{}={}\n", rule.key, value);
  }
  if (!version.empty()) text += fmt::format("LINUX_BANNER={}\n", version);
  return text;
}

}  // namespace

Result<std::string> describe_vmlinux(const std::string& path) {
  AskedNames asked = asked_names();
  auto image = ElfImage::open(path, asked.symbols);
  if (!image) return image.take_error();

  asked.types.emplace_back("new_utsname");
  constexpr std::array<std::string_view, 1> kVariables = {"mem_section"};
  auto read =
      DebugTypes::read(image->elf(), {asked.types, kNoteEnums, kVariables}, kFirstUnits, enough);
  if (!read) return read.take_error().context(path);
  auto text = Description(*image, *read).text();
  if (!text) return text.take_error().context(path);
  return text;
}

}  // namespace vmsift
