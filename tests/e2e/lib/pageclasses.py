# SPDX-License-Identifier: GPL-2.0-or-later
"""The class that vmsift gives to every page of a vmcore (page_classes.cc)."""
from __future__ import annotations

import os
from dataclasses import dataclass

from . import bits, env, run


@dataclass(frozen=True)
class PageClasses:
    numbers: bytes              # by page frame
    names: tuple[str, ...]      # by number
    remarks: tuple[str, ...]    # what the rules were not sure of

    def of(self, *names: str) -> bits.PfnSet:
        pfns = 0
        for number, name in enumerate(self.names):
            if name in names:
                # '1' where the page has the class, the last page first: the digits of the set
                digits = self.numbers[::-1].translate(bytes(ord('1') if i == number else ord('0') for i in range(256)))
                pfns |= int(digits, 2)
        return pfns

    def name(self, pfn: int) -> str:
        return self.names[self.numbers[pfn]]


def load(path: str, *options: str) -> PageClasses:
    target = os.path.join(env.scratch(), 'page-classes')
    done = run.run(env.helper('page_classes'), *options, path, target)
    if done.status != 0:
        raise AssertionError(f'page_classes failed:\n{done}')
    with open(target, 'rb') as file:
        numbers = file.read()
    os.unlink(target)
    first, *remarks = done.out.splitlines()
    return PageClasses(numbers, tuple(first.split()[1:]), tuple(remarks))
