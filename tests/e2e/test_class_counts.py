# SPDX-License-Identifier: GPL-2.0-or-later
"""Every class of vmsift, page by page, against the guest's own /proc/kpageflags, on every vmcore there is.

Where test_kernel_oracle.py looks at what dumps keep, this looks at classes: none may be taken for another, even where
the level keeps or drops both. Tolerances and their reason stand in lib/judge.py.
"""
from __future__ import annotations

import unittest

from lib import bits, env, judge, pageclasses

# The guest's word -> the classes of vmsift that say the same.
SAME = {'hwpoison': ('hwpoison',), 'offline': ('offline',), 'free': ('free',), 'slab': ('slab',),
        'pgtable': ('page_table', 'kernel'),       # before 6.12 no note says how page tables are marked
        'reserved': ('kernel',), 'hugetlb': ('hugetlb',), 'user': ('user',), 'cache': ('cache',),
        'cache_private': ('cache_private',), 'kernel': ('kernel',), 'kernel_compound': ('kernel',)}
NEVER_DROPPED = ('slab', 'pgtable', 'reserved')
KEPT_AT_EVERY_LEVEL = ('slab', 'page_table', 'kernel', 'unknown')

REQUIRED = ('amd64-5.10', 'amd64-6.1', 'amd64-6.12', 'amd64-7', 'amd64-6.16', 'amd64-6.18', 'amd64-numa', 'amd64-hvo')
# What a machine was made for, and must therefore show.
PROMISED = {'amd64-hvo': {'hugetlb': (1 << 18) + 512, 'offline': (1 << 15) + 1}, 'amd64-7': {'hugetlb': 512}}


def setUpModule() -> None:
    env.program()
    env.all_vmcores()


def side_by_side(core: env.Vmcore, ours: pageclasses.PageClasses, memory: bits.PfnSet) -> str:
    """Both counts of each class, and how many pages are in it by both."""
    lines = [f'{"guest":16}{"vmsift":24}{"guest says":>11}{"vmsift says":>12}{"both say":>10}']
    for theirs, same in SAME.items():
        first, second = core.flags.of(theirs) & memory, ours.of(*same) & memory
        lines.append(f'{theirs:16}{" or ".join(same):24}{bits.count(first):11}{bits.count(second):12}'
                     f'{bits.count(first & second):10}')
    return '\n'.join(lines)


class ClassCounts(unittest.TestCase):
    def check(self, core: env.Vmcore, ours: pageclasses.PageClasses) -> None:
        memory = core.source.present()
        faults = []
        for theirs, same in SAME.items():
            others = core.flags.of(theirs) & memory & ~ours.of(*same)
            if bits.count(others) > judge.MAY_CHANGE[theirs]:
                faults.append(f'{bits.count(others)} {theirs} pages have another class (at most '
                              f'{judge.MAY_CHANGE[theirs]} may): {judge.sample(others, core.flags, ours.name)}')
        if faults:
            self.fail('\n'.join([*faults, side_by_side(core, ours, memory), *ours.remarks]))

    def test_the_kernels_that_matter_are_here(self) -> None:
        for name in REQUIRED:
            with self.subTest(name):
                env.vmcore_named(name)

    def test_every_class_of_every_vmcore(self) -> None:
        for core in env.all_vmcores():
            for options in ((), ('--no-btf',)):
                with self.subTest(core=core.name, options=options):
                    self.check(core, pageclasses.load(core.path, *options))

    def test_no_page_of_the_kernels_own_is_dropped_at_any_level(self) -> None:
        for core in env.all_vmcores():
            ours = pageclasses.load(core.path)
            lost = core.source.present() & ~ours.of(*KEPT_AT_EVERY_LEVEL)
            for theirs in NEVER_DROPPED:
                with self.subTest(core=core.name, page_class=theirs):
                    pages = core.flags.of(theirs) & lost
                    self.assertLessEqual(bits.count(pages), judge.MAY_BE_DROPPED[theirs],
                                         judge.sample(pages, core.flags, ours.name))

    def test_what_a_machine_was_made_for_is_there(self) -> None:
        for name, classes in PROMISED.items():
            core = env.vmcore_named(name)
            ours = pageclasses.load(core.path)
            for page_class, least in classes.items():
                with self.subTest(core=name, page_class=page_class):
                    self.assertGreaterEqual(bits.count(ours.of(page_class)), least)


if __name__ == '__main__':
    unittest.main()
