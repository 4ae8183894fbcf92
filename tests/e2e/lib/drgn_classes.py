# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs under the distribution's Python, which has drgn: the class of every page by the kernel's debug info.

  drgn_classes.py DUMP VMLINUX OUT

The names and numbers are those that vmlinux gives; nothing is taken from VMCOREINFO, and nothing of vmsift. For 6.12
and later: types in the top byte of page_type (enum pagetype), orders of folios in the low byte of the second page's
flags. OUT gets a line for each run of pages of one class: "FIRST END CLASS".
"""
from __future__ import annotations

import struct
import sys

try:
    import drgn
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

ANON = 1            # FOLIO_MAPPING_ANON, a macro and so not in the debug info
PRESENT_AND_MAPPED, ONLINE = 3, 4       # flags of section_mem_map (SECTION_*)


class Pages:
    """Struct pages of one section."""

    def __init__(self, prog: drgn.Program, section: drgn.Object, first: int, count: int) -> None:
        page = prog.type('struct page')
        self.size = page.size
        at = int(prog['vmemmap_base']) + first * page.size
        self.raw = prog.read(at, count * page.size)
        self.online = bool(int(section.section_mem_map) & ONLINE)
        self.first, self.end = first, first + count
        self.flags_at, self.type_at, self.mapping_at, self.private_at = (
            drgn.offsetof(page, name) for name in ('flags', 'page_type', 'mapping', 'private'))

    def word(self, pfn: int, offset: int) -> int:
        return struct.unpack_from('<Q', self.raw, (pfn - self.first) * self.size + offset)[0]

    def flags(self, pfn: int) -> int:
        return self.word(pfn, self.flags_at)

    def type(self, pfn: int) -> int:
        return self.raw[(pfn - self.first) * self.size + self.type_at + 3]


class Judge:
    def __init__(self, prog: drgn.Program) -> None:
        flag = {name: 1 << prog.constant(f'PG_{name}').value_() for name in
                ('hwpoison', 'lru', 'swapcache', 'swapbacked', 'private', 'head')}
        self.hwpoison, self.lru, self.private, self.head = (flag[n] for n in ('hwpoison', 'lru', 'private', 'head'))
        self.swapcache = flag['swapcache'] | flag['swapbacked']
        self.types = {prog.constant(f'PGTY_{name}').value_(): ours for name, ours in (
            ('buddy', 'free'), ('offline', 'offline'), ('slab', 'slab'), ('table', 'page_table'),
            ('hugetlb', 'hugetlb'), ('unaccepted', 'unaccepted'))}
        self.any_type = range(min(self.types), 0xff)

    def head_class(self, pages: Pages, pfn: int) -> str:
        flags, kind = pages.flags(pfn), pages.type(pfn)
        if flags & self.hwpoison:
            return 'hwpoison'
        if kind in self.any_type:
            return self.types.get(kind, 'kernel')
        if pages.word(pfn, pages.mapping_at) & ANON:
            return 'user'
        if flags & self.lru or flags & self.swapcache == self.swapcache:
            return 'cache_private' if flags & self.private else 'cache'
        return 'kernel'

    def block(self, pages: Pages, pfn: int, page_class: str) -> int:
        """How many pages the head at `pfn` speaks for."""
        if page_class == 'free':
            return 1 << pages.word(pfn, pages.private_at)
        if pages.flags(pfn) & self.head:
            return 1 << (pages.flags(pfn + 1) & 0xff)
        return 1


def classes(prog: drgn.Program) -> dict[int, str]:
    """By page frame, of those that have a struct page."""
    judge = Judge(prog)
    per_section = 1 << 27 - 12      # SECTION_SIZE_BITS of x86_64
    per_root = 4096 // prog.type('struct mem_section').size
    found: dict[int, str] = {}
    block_end, block_class = 0, ''
    for number in range(int(prog['max_pfn'] + per_section - 1) // per_section):
        root = prog['mem_section'][number // per_root]
        section = root[number % per_root] if root else None
        if section is None or int(section.section_mem_map) & PRESENT_AND_MAPPED != PRESENT_AND_MAPPED:
            continue
        pages = Pages(prog, section, number * per_section, per_section)
        for pfn in range(pages.first, pages.end):
            if pfn >= block_end:
                block_class = judge.head_class(pages, pfn) if pages.online else 'offline'
                block_end = pfn + (judge.block(pages, pfn, block_class) if pages.online else 1)
            found[pfn] = 'hwpoison' if pages.online and pages.flags(pfn) & judge.hwpoison else block_class
    return found


def main() -> None:
    dump, vmlinux, target = sys.argv[1:]
    prog = drgn.Program()
    prog.set_core_dump(dump)
    prog.load_debug_info([vmlinux])
    runs: list[list] = []
    for pfn, page_class in sorted(classes(prog).items()):
        if runs and runs[-1][1] == pfn and runs[-1][2] == page_class:
            runs[-1][1] += 1
        else:
            runs.append([pfn, pfn + 1, page_class])
    with open(target, 'w', encoding='ascii') as file:
        file.writelines(f'{first} {end} {name}\n' for first, end, name in runs)


if __name__ == '__main__':
    main()
