# SPDX-License-Identifier: GPL-2.0-or-later
"""NAME.kpageflags.gz: the guest kernel's own word on every page frame, one little-endian u64 each.

  page_flags.py NAME.kpageflags.gz    counts by flag

The bits are those of Documentation/admin-guide/mm/pagemap.rst; from 32 on they are the kernel's
private additions (include/linux/kernel-page-flags.h).
"""
from __future__ import annotations

import array
import gzip
import sys
from collections import Counter
from pathlib import Path

NAMES = {
    0: 'locked', 1: 'error', 2: 'referenced', 3: 'uptodate', 4: 'dirty', 5: 'lru', 6: 'active', 7: 'slab',
    8: 'writeback', 9: 'reclaim', 10: 'buddy', 11: 'mmap', 12: 'anon', 13: 'swapcache', 14: 'swapbacked',
    15: 'compound_head', 16: 'compound_tail', 17: 'huge', 18: 'unevictable', 19: 'hwpoison', 20: 'nopage',
    21: 'ksm', 22: 'thp', 23: 'offline', 24: 'zero_page', 25: 'idle', 26: 'pgtable',
    32: 'reserved', 33: 'mlocked', 34: 'mappedtodisk', 35: 'private', 36: 'private_2', 37: 'owner_private',
    38: 'arch', 39: 'uncached', 40: 'softdirty', 41: 'arch_2',
}
BIT = {name: 1 << bit for bit, name in NAMES.items()}


def load(path: Path) -> array.array:
    """The flags of every page frame from 0 on."""
    flags = array.array('Q')
    with gzip.open(path) as file:
        flags.frombytes(file.read())
    if sys.byteorder == 'big':
        flags.byteswap()
    return flags


def count(flags: array.array) -> dict[str, int]:
    """How many page frames have each flag; a frame has several."""
    counts: Counter[str] = Counter()
    for value, pages in Counter(flags).items():
        for bit in range(64):
            if value >> bit & 1:
                counts[NAMES.get(bit, f'bit_{bit}')] += pages
    return dict(sorted(counts.items()))


def classes(flags: array.array) -> dict[str, int]:
    """Page frames of each class that the workload promises to make."""
    def having(*present: str, but: tuple[str, ...] = ()) -> int:
        want, forbid = sum(BIT[name] for name in present), sum(BIT[name] for name in but)
        return sum(pages for value, pages in Counter(flags).items() if value & want == want and not value & forbid)

    file_cache = ('anon', 'swapbacked', 'slab', 'compound_tail')
    return {
        'free': having('buddy'),
        'anonymous': having('anon', 'lru'),
        'transparent huge': having('thp', 'anon'),
        'hugetlb': having('huge'),
        'merged (KSM)': having('ksm'),  # 6.12 shows the flag on all anonymous pages
        'file cache, clean, no private data': having('lru', 'uptodate', but=(*file_cache, 'private', 'dirty')),
        'file cache, clean, private data': having('lru', 'private', but=(*file_cache, 'dirty')),
        'file cache, dirty': having('lru', 'dirty', but=file_cache),
        'tmpfs or shared': having('lru', 'swapbacked', but=('anon',)),
        'swap cache': having('swapcache', 'anon'),
        'slab': having('slab'),
        'hwpoison': having('hwpoison'),
        'offline (balloon)': having('offline'),
        'reserved': having('reserved'),
    }


if __name__ == '__main__':
    for _name, _pages in count(load(Path(sys.argv[1]))).items():
        print(f'{_pages:10} {_name}')
