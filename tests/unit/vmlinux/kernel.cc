// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel to read: types and symbols of its note, in an executable with debug information. Which
// era's page types it has is chosen by VMLINUX_ERA (the first release, as a number: 601 is 6.1).
// Its units have names of a kernel's (see CMakeLists.txt).
#pragma GCC diagnostic ignored "-Wmissing-declarations"
#pragma GCC diagnostic ignored "-Wpedantic"

extern "C" {

using u64 = unsigned long;

#define KEEP __attribute__((used))

struct list_head {
  list_head *next, *prev;
};
struct atomic_t {
  int counter;
};
typedef atomic_t atomic_long_t;
KEEP atomic_long_t an_atomic_long;
struct flags_t {
  u64 f;
};

struct page {
#if VMLINUX_ERA >= 618
  flags_t flags;
#else
  u64 flags;
#endif
  union {
    struct {
      union {
        list_head lru;
        struct {
          void* filler;
          unsigned mlock_count;
        };
      };
      void* mapping;
      u64 index;
      u64 private_;  // "private" is a word of this language
    };
    struct {
      u64 compound_head;
#if VMLINUX_ERA < 603
      unsigned char compound_dtor;
      unsigned char compound_order;
#endif
    };
  };
  union {
    atomic_t _mapcount;
#if VMLINUX_ERA >= 418
    unsigned page_type;
#endif
  };
  atomic_t _refcount;
  u64 memcg_data;
};
KEEP page* mem_map_of_nothing;

#if VMLINUX_ERA >= 603 && VMLINUX_ERA < 606
struct folio {
  page first;
  u64 flags_1, head_1;
  unsigned char _folio_dtor, _folio_order;
};
KEEP folio* a_folio;
#endif

enum pageflags {
  PG_locked,
  PG_referenced,
  PG_lru,
  PG_private = 13,
  PG_swapcache = 10,
  PG_swapbacked = 19,
#if VMLINUX_ERA < 610
  PG_slab = 9,
#endif
  PG_head = 16,
};
KEEP pageflags a_flag;

#if VMLINUX_ERA == 611
enum pagetype { PG_buddy = 0x40000000, PG_offline = 0x20000000, PG_slab = 0x02000000 };
KEEP pagetype a_type;
#elif VMLINUX_ERA >= 612
enum pagetype { PGTY_buddy = 0xf0, PGTY_offline = 0xf1, PGTY_slab = 0xf5 };
KEEP pagetype a_type;
#endif

enum zone_stat_item { NR_FREE_PAGES, NR_ZONE_ACTIVE };
KEEP zone_stat_item a_stat;

struct free_area {
  list_head free_list[5];
  u64 nr_free;
};
struct zone {
  u64 watermark[4];
  u64 spanned_pages;
  struct free_area free_area[11];
  u64 vm_stat[10];
};
KEEP zone* a_zone;

struct pglist_data {
  zone node_zones[2];
  int nr_zones;
  u64 node_start_pfn;
  u64 node_spanned_pages;
  int node_id;
};
KEEP pglist_data* node_data[64];

struct mem_section {
  u64 section_mem_map;
  void* usage;
};
#if VMLINUX_ERA >= 415
KEEP struct mem_section** mem_section;
#else
KEEP struct mem_section* mem_section[2048];
#endif

struct new_utsname {
  char sysname[65], nodename[65], release[65];
};
struct uts_namespace {
#if VMLINUX_ERA < 511
  int count;
#endif
  new_utsname name;
};
KEEP uts_namespace init_uts_ns = {
#if VMLINUX_ERA < 511
    1,
#endif
    {"Linux", "(none)", "9.9.0-test"}};

#ifdef VMLINUX_NO_BANNER
extern const char linux_banner[];
KEEP const char linux_banner[] = "no banner";
#else
extern const char linux_banner[];
KEEP const char linux_banner[] = "Linux version 9.9.0-test (me@here) #1 SMP\n";
#endif

struct nodemask_t {
  u64 bits[2];
};
KEEP nodemask_t node_states[5] = {{{1}}};

struct printk_ringbuffer {
  u64 desc_ring[6];
  u64 fail;
};
static KEEP printk_ringbuffer printk_rb_static asm("printk_rb_static");
static KEEP printk_ringbuffer* prb asm("prb") = &printk_rb_static;

KEEP u64 init_top_pgt[512] = {1};

extern const char exported[];
KEEP const char exported[] = "PAGE_BUDDY_MAPCOUNT_VALUE\0PAGE_SLAB_MAPCOUNT_VALUE";

KEEP void _stext() {}

}  // extern "C"
