# SPDX-License-Identifier: GPL-2.0-or-later
"""/proc/kpageflags as the vmcore maker saved it: the kernel's own word on every page, as classes of a dump filter.

Flags live on the head of a compound page; some kernels
report them for tails as well (6.10+, from the folio), some do not, so a tail is always read with its head's flags.
"""
from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import page_flags       # tests/vmcores: names of the bits, and the file

from . import bits

BIT = page_flags.BIT


# A page has the first class whose flags it shows. The order is the one in which a dump filter has to decide: what
# must not be read, what is free, what belongs to the kernel, and only then whose data it is.
CLASSES = (('nopage', BIT['nopage']), ('hwpoison', BIT['hwpoison']), ('offline', BIT['offline']),
           ('free', BIT['buddy']), ('slab', BIT['slab']), ('pgtable', BIT['pgtable']), ('reserved', BIT['reserved']),
           ('hugetlb', BIT['huge']), ('user', BIT['anon']))

# What each bit of the dump level drops.
LEVEL_CLASSES = {2: ('cache',), 4: ('cache', 'cache_private'), 8: ('user', 'hugetlb'), 16: ('free',)}
ALWAYS_DROPPED = ('hwpoison', 'offline')


def describe(flags: int) -> str:
    return '|'.join(name for name, bit in BIT.items() if flags & bit) or 'none'


def classify(flags: int) -> str:
    for name, mask in CLASSES:
        if flags & mask:
            return name
    if flags & (BIT['lru'] | BIT['swapcache']):
        return 'cache_private' if flags & BIT['private'] else 'cache'
    return 'kernel_compound' if flags & (BIT['compound_head'] | BIT['compound_tail']) else 'kernel'


def with_head_flags(raw: array) -> array:
    """A tail gets what its head shows; a free block's pages are all buddy by themselves and have no tails."""
    out = array('Q', raw)
    head = 0
    inherited = ~(BIT['compound_head'] | BIT['hwpoison'] | BIT['nopage']) & (1 << 64) - 1
    for pfn, flags in enumerate(raw):
        if flags & BIT['compound_head']:
            head = flags
        elif flags & BIT['compound_tail']:
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


def load(path: str, offline: Iterable[range] = ()) -> PageFlags:
    """`offline`: page frames of memory blocks that are offline; kpageflags says nothing of them, or "no page"."""
    raw = page_flags.load(Path(path))
    for block in offline:
        raw[block.start:block.stop] = array('Q', [BIT['offline']]) * len(block)
    return build(raw)
