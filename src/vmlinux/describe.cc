// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/vmlinux/describe.h"

#include "src/vmlinux/debug_types.h"
#include "src/vmlinux/elf_image.h"
#include "src/vmlinux/keys.h"

#include <algorithm>
#include <set>
#include <utility>

namespace vmsift {
namespace {

// Where the note and the log are written, by release, and where the types in their keys are at
// home: a unit that only asks for an offset may go without the type in its debug information.
constexpr std::array<std::string_view, 7> kFirstUnits = {
    "kernel/vmcore_info.c", "kernel/crash_core.c", "kernel/kexec.c", "kernel/printk/printk.c",
    "kernel/printk.c",      "mm/page_alloc.c",     "mm/vmalloc.c"};

// compound_dtor_id 4.5 to 6.5, pagetype since 6.11; the others are older than notes.
constexpr std::array<std::string_view, 4> kEnums = {"pageflags", "pagetype", "zone_stat_item",
                                                    "compound_dtor_id"};

constexpr std::size_t kMaxBanner = 512;  // with the compiler's name: 200 bytes
constexpr std::string_view kBannerStart = "Linux version ";

// "OFFSET(page.flags)": OFFSET, page, flags.
struct KeyParts {
  std::string_view kind, name, member;
};

KeyParts split(std::string_view key) {
  const auto open = key.find('(');
  const std::string_view inside = key.substr(open + 1, key.size() - open - 2);
  const auto dot = inside.find('.');
  return {key.substr(0, open), inside.substr(0, dot),
          dot == std::string_view::npos ? std::string_view() : inside.substr(dot + 1)};
}

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

class Description {
 public:
  Description(const ElfImage& image, const DebugTypes& types) : image_(image), types_(types) {}

  Result<std::string> text();

 private:
  [[nodiscard]] bool applies(const KeyRule& rule) const;
  [[nodiscard]] std::string value_of(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint64_t> address_of(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> length_of(std::string_view name,
                                                       std::string_view member) const;
  [[nodiscard]] std::optional<std::int64_t> number_of(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> page_type(std::string_view name, int bit) const;
  [[nodiscard]] std::string banner() const;
  [[nodiscard]] std::string release(const std::string& banner) const;

  const ElfImage& image_;
  const DebugTypes& types_;
};

bool Description::applies(const KeyRule& rule) const {
  if (rule.exported_only && !image_.has_string(split(rule.key).name)) return false;
  if (rule.when.empty()) return true;
  const bool wanted = !rule.when.starts_with('!');
  const std::string_view what = rule.when.substr(wanted ? 0 : 1);
  const auto dot = what.find('.');
  const bool known = dot != std::string_view::npos
                         ? types_.has_member(what.substr(0, dot), what.substr(dot + 1))
                         : types_.has_type(what) || image_.symbol(what).has_value();
  return known == wanted;
}

std::optional<std::uint64_t> Description::address_of(std::string_view name) const {
  if (const auto symbol = image_.symbol(name)) return symbol->address;
  // A macro since 2.6.24: node_states[N_ONLINE], the second of its masks.
  if (name == "node_online_map") {
    const auto states = image_.symbol("node_states");
    const auto size = types_.size_of("nodemask_t");
    if (states && size) return states->address + *size;
  }
  // Names of one table: init_level4_pgt until 4.12, init_top_pgt since.
  if (name == "swapper_pg_dir") {
    for (const std::string_view alias : {"init_top_pgt", "init_level4_pgt"}) {
      if (const auto symbol = image_.symbol(alias)) return symbol->address;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Description::length_of(std::string_view name,
                                                    std::string_view member) const {
  if (!member.empty()) return types_.length_of(name, member);
  if (name == "printk_info_subsystem") return types_.length_of("dev_printk_info", "subsystem");
  if (name == "printk_info_device") return types_.length_of("dev_printk_info", "device");
  // Declared without a length; an array of pointers. Since 4.15 mem_section is a pointer and the
  // boot decides the length of what it points to.
  if (name == "node_data") {
    const auto symbol = image_.symbol(name);
    if (symbol && symbol->size != 0) return symbol->size / image_.pointer_size();
    return std::nullopt;
  }
  return types_.length_of(name);
}

// A page type as the note has it. PGTY_x since 6.12 (4ffca5a96678c): the top byte. PG_x as an
// enumerator in 6.11 (a bit below 2^31), as a macro since 4.18 (6e292b9be7f4, `bit`): that bit
// cleared in a word of ones. Before 4.18 buddy alone was marked, with -128 (2.6.39).
std::optional<std::int64_t> Description::page_type(std::string_view name, int bit) const {
  if (const auto type = types_.enumerator(fmt::format("PGTY_{}", name))) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(*type) << 24);
  }
  if (types_.enumerator("PGTY_buddy")) return std::nullopt;
  if (types_.enumerator("PG_buddy")) {
    const auto type = types_.enumerator(fmt::format("PG_{}", name));
    return type && *type > 64 ? std::optional(~*type) : std::nullopt;
  }
  if (bit != 0 && types_.has_member("page", "page_type")) return ~std::int64_t{bit};
  return name == "buddy" ? std::optional(std::int64_t{-128}) : std::nullopt;
}

std::optional<std::int64_t> Description::number_of(std::string_view name) const {
  if (name == "PAGE_BUDDY_MAPCOUNT_VALUE") return page_type("buddy", 0x80);
  if (name == "PAGE_OFFLINE_MAPCOUNT_VALUE") return page_type("offline", 0x100);
  if (name == "PAGE_HUGETLB_MAPCOUNT_VALUE") return page_type("hugetlb", 0x800);  // 6.9, 6.10
  if (name == "PAGE_SLAB_MAPCOUNT_VALUE") return page_type("slab", 0x1000);       // 6.10
  if (name == "PAGE_UNACCEPTED_MAPCOUNT_VALUE") return page_type("unaccepted", 0);
  if (name == "PG_head_mask") {
    const auto bit = types_.enumerator("PG_head");
    if (!bit || *bit < 0 || *bit > 62) return std::nullopt;
    return std::int64_t{1} << *bit;
  }
  const auto value = types_.enumerator(name);
  // 6.11 has page types whose names are those of older flags.
  if (value && name.starts_with("PG_") && (*value < 0 || *value > 63)) return std::nullopt;
  return value;
}

std::string Description::value_of(std::string_view key) const {
  const auto [kind, name, member] = split(key);
  if (kind == "NUMBER") {
    const auto number = number_of(name);
    return number ? fmt::format("{}", *number) : std::string();
  }
  if (kind == "SYMBOL") {
    const auto address = address_of(name);
    return address && *address != 0 ? fmt::format("{:x}", *address) : std::string();
  }
  const auto number = kind == "SIZE"     ? types_.size_of(name)
                      : kind == "OFFSET" ? types_.offset_of(name, member)
                                         : length_of(name, member);
  return number ? fmt::format("{}", *number) : std::string();
}

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
  for (const KeyRule& rule : kKeys) {
    if (!applies(rule)) continue;
    const std::string value = value_of(rule.key);
    if (!value.empty()) text += fmt::format("{}={}\n", rule.key, value);
  }
  if (!version.empty()) text += fmt::format("LINUX_BANNER={}\n", version);
  return text;
}

}  // namespace

Result<std::string> describe_vmlinux(const std::string& path) {
  std::set<std::string_view> symbols = {"node_states"};
  std::set<std::string_view> types = {"new_utsname"};
  for (const KeyRule& rule : kKeys) {
    const KeyParts parts = split(rule.key);
    if (parts.kind == "SYMBOL") symbols.insert(parts.name);
    if (parts.kind != "SYMBOL" && parts.kind != "NUMBER") types.insert(parts.name);
  }
  const std::vector<std::string_view> symbol_names(symbols.begin(), symbols.end());
  auto image = ElfImage::open(path, symbol_names);
  if (!image) return image.take_error();

  const std::vector<std::string_view> type_names(types.begin(), types.end());
  constexpr std::array<std::string_view, 1> kVariables = {"mem_section"};
  auto read = DebugTypes::read(image->elf(), {type_names, kEnums, kVariables}, kFirstUnits, enough);
  if (!read) return read.take_error().context(path);
  auto text = Description(*image, *read).text();
  if (!text) return text.take_error().context(path);
  return text;
}

}  // namespace vmsift
