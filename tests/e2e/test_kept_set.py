# SPDX-License-Identifier: GPL-2.0-or-later
"""vmsift keeps the pages that makedumpfile keeps, page for page, where there is a makedumpfile that is right.

Differences are allowed only by a rule of RULES, which says why vmsift is meant to differ.
"""
from __future__ import annotations

import unittest
from collections.abc import Callable
from dataclasses import dataclass

from lib import bits, env, judge, kdump, peer
from lib.dumps import Dumps

REQUIRED = ('6.1', '6.12')
LEVELS = (0, 1, 2, 4, 8, 16, 17, 23, 30, 31)
LEVELS_OF_CLASSES = (2, 4, 8, 16, 31)       # each class once, and all of them


@dataclass(frozen=True)
class Rule:
    why: str
    pages: Callable[[env.Vmcore, kdump.Kdump], bits.PfnSet]     # the page frames it explains, given the peer's dump
    side: str                                                   # who keeps them: 'vmsift' or 'peer'


def beyond_the_memory_map(core: env.Vmcore, theirs: kdump.Kdump) -> bits.PfnSet:
    return core.source.present() & ~bits.from_range(0, theirs.sub['max_mapnr_64'])


RULES = (
    # QEMU's cores have a PT_LOAD for the firmware below 4 GiB. makedumpfile ends the dump with the last section
    # that has a memory map; vmsift keeps memory that no struct page speaks of.
    Rule('no struct page: firmware ROM above the last memory section', beyond_the_memory_map, 'vmsift'),
)

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


def explained(core: env.Vmcore, theirs: kdump.Kdump, ours_only: bits.PfnSet, theirs_only: bits.PfnSet) -> bits.PfnSet:
    pfns = 0
    for rule in RULES:
        pfns |= rule.pages(core, theirs) & (ours_only if rule.side == 'vmsift' else theirs_only)
    return pfns


class KeptSet(unittest.TestCase):
    def check(self, core: env.Vmcore, level: int) -> None:
        ours = dumps.read(core, level)
        theirs = peer.dump(core, dumps.folder, level)
        allowed = explained(core, theirs, ours.kept & ~theirs.kept, theirs.kept & ~ours.kept)
        first, second = ours.kept & ~allowed, theirs.kept & ~allowed
        self.assertEqual(first, second, f'{core.name} level {level}, vmsift first, makedumpfile second:\n'
                         + judge.differences(first, second, core.flags))
        outside = bits.from_range(0, theirs.sub['max_mapnr_64'])
        self.assertEqual(ours.memory & outside, theirs.memory, f'{core.name}: bitmap 1 differs')
        dumps.forget(core, level)

    def check_kernel(self, kernel: str) -> None:
        try:
            core = env.vmcore_of(kernel)
        except AssertionError:
            if kernel in REQUIRED:
                raise
            self.skipTest(f'no vmcore of Linux {kernel}')
        self.check_levels(core, LEVELS)

    def check_levels(self, core: env.Vmcore, levels: tuple[int, ...]) -> None:
        for level in levels:
            with self.subTest(core=core.name, level=level):
                self.check(core, level)

    def test_linux_5_10(self) -> None:
        self.check_kernel('5.10')

    def test_linux_6_1(self) -> None:
        self.check_kernel('6.1')

    def test_linux_6_12(self) -> None:
        self.check_kernel('6.12')

    def test_the_kernels_between_and_two_nodes(self) -> None:
        for name in ('amd64-numa', 'amd64-6.16', 'amd64-6.18'):
            self.check_levels(env.vmcore_named(name), LEVELS_OF_CLASSES)


if __name__ == '__main__':
    unittest.main()
