# SPDX-License-Identifier: GPL-2.0-or-later
"""/proc/kpageflags as the vmcore maker saved it: the kernel's own word on every page.

Bit numbers are the kernel's ABI (include/uapi/linux/kernel-page-flags.h), the numbers above 31 those of
include/linux/kernel-page-flags.h, stable since 2.6.31. Flags live on the head of a compound page; some kernels
report them for tails as well (6.10+, from the folio), some do not, so a tail is always read with its head's flags.
"""
from __future__ import annotations

import gzip
from array import array
from dataclasses import dataclass

from . import bits

NAMES = {0: 'locked', 1: 'error', 2: 'referenced', 3: 'uptodate', 4: 'dirty', 5: 'lru', 6: 'active', 7: 'slab',
         8: 'writeback', 9: 'reclaim', 10: 'buddy', 11: 'mmap', 12: 'anon', 13: 'swapcache', 14: 'swapbacked',
         15: 'head', 16: 'tail', 17: 'huge', 18: 'unevictable', 19: 'hwpoison', 20: 'nopage', 21: 'ksm', 22: 'thp',
         23: 'offline', 24: 'zero_page', 25: 'idle', 26: 'pgtable', 32: 'reserved', 33: 'mlocked', 34: 'owner2',
         35: 'private', 36: 'private2', 37: 'owner_private', 38: 'arch', 39: 'uncached', 40: 'softdirty'}
BIT = {name: 1 << number for number, name in NAMES.items()}

# A page has the first class whose flags it shows. The order is the one in which a dump filter has to decide: what
# must not be read, what is free, what belongs to the kernel, and only then whose data it is.
CLASSES = (('nopage', BIT['nopage']), ('hwpoison', BIT['hwpoison']), ('offline', BIT['offline']),
           ('free', BIT['buddy']), ('slab', BIT['slab']), ('pgtable', BIT['pgtable']), ('reserved', BIT['reserved']),
           ('user', BIT['huge'] | BIT['anon']))

# What each bit of the dump level drops.
LEVEL_CLASSES = {2: ('cache',), 4: ('cache', 'cache_private'), 8: ('user',), 16: ('free',)}
ALWAYS_DROPPED = ('hwpoison', 'offline')


def describe(flags: int) -> str:
    return '|'.join(name for number, name in NAMES.items() if flags >> number & 1) or 'none'


def classify(flags: int) -> str:
    for name, mask in CLASSES:
        if flags & mask:
            return name
    if flags & (BIT['lru'] | BIT['swapcache']):
        return 'cache_private' if flags & BIT['private'] else 'cache'
    return 'kernel_compound' if flags & (BIT['head'] | BIT['tail']) else 'kernel'


def with_head_flags(raw: array) -> array:
    """A tail gets what its head shows; a free block's pages are all buddy by themselves and have no tails."""
    out = array('Q', raw)
    head = 0
    inherited = ~(BIT['head'] | BIT['hwpoison'] | BIT['nopage']) & (1 << 64) - 1
    for pfn, flags in enumerate(raw):
        if flags & BIT['head']:
            head = flags
        elif flags & BIT['tail']:
            out[pfn] = flags | head & inherited
    return out


@dataclass
class PageFlags:
    flags: array                       # by page frame, tails with their heads' flags
    by_class: dict[str, bits.PfnSet]

    def name(self, pfn: int) -> str:
        return describe(self.flags[pfn]) if pfn < len(self.flags) else 'beyond kpageflags'

    def of(self, *classes: str) -> bits.PfnSet:
        pfns = 0
        for name in classes:
            pfns |= self.by_class.get(name, 0)
        return pfns

    def dropped_at(self, level: int) -> tuple[str, ...]:
        """The classes that a dump of this level must not hold."""
        names = set(ALWAYS_DROPPED)
        for bit, classes in LEVEL_CLASSES.items():
            if level & bit:
                names.update(classes)
        return tuple(sorted(names))


def build(raw: array) -> PageFlags:
    flags = with_head_flags(raw)
    members: dict[str, list[int]] = {}
    for pfn, value in enumerate(flags):
        members.setdefault(classify(value), []).append(pfn)
    return PageFlags(flags, {name: bits.from_pfns(pfns) for name, pfns in members.items()})


def load(path: str) -> PageFlags:
    with gzip.open(path, 'rb') as file:
        raw = array('Q')
        raw.frombytes(file.read())
    return build(raw)
