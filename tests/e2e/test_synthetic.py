# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels that cannot be booted here, and damaged ones: cores made from tests/synthetic/cases.

Of each case the kept set of each level is that of the expectation, which `make_synthetic` writes beside the core from
its own account of every release. Where something is damaged, nothing is left out that the whole kernel would keep.
makedumpfile, where it knows the release, leaves out the same pages.
"""
from __future__ import annotations

import functools
import glob
import json
import operator
import os
import re
import tempfile
import unittest
from collections.abc import Callable

from lib import bits, env, kdump, peer, run

CASES = os.path.join(env.ROOT, 'tests', 'synthetic', 'cases')
# makedumpfile's sense of the bits of a level.
LEVELS = {'cache': 2 | 4, 'cache_private': 4, 'user': 8, 'hugetlb': 8, 'free': 16, 'unaccepted': 16}
NEVER_READ = ('hwpoison', 'offline')
PEER_LEVEL = 30     # zeros are a matter of content


def maker() -> str:
    path = os.environ.get('MAKE_SYNTHETIC') or os.path.join(os.path.dirname(env.program()), 'tests', 'synthetic',
                                                            'make_synthetic')
    if not os.access(path, os.X_OK):
        raise env.missing(f'no {path}: build it, or set MAKE_SYNTHETIC')
    return path


class Case:
    def __init__(self, path: str, folder: str) -> None:
        self.name = os.path.basename(path).removesuffix('.txt')
        self.of_x86_64 = not re.search(r'^machine', read(path), re.M)   # makedumpfile is built for one
        self.core = os.path.join(folder, self.name + '.elf')
        expected = os.path.join(folder, self.name + '.json')
        made = run.run(maker(), path, self.core, expected)
        if made.status:
            raise AssertionError(f'{made}')
        self.expected = json.loads(read(expected))

    @property
    def spoilt(self) -> bool:
        return self.expected['spoilt']

    def kept_at(self, level: int) -> bits.PfnSet:
        kept = 0
        for begin, end, name in self.expected['classes']:
            if name not in NEVER_READ and not LEVELS.get(name, 0) & level:
                kept |= bits.from_range(begin, end)
        return kept


def case_files() -> list[str]:
    """All but those of made-up machines, which unit tests alone know."""
    paths = sorted(glob.glob(os.path.join(CASES, '*.txt')))
    return [path for path in paths if not re.search(r'^made-up', read(path), re.M)]


def read(path: str) -> str:
    with open(path, encoding='utf-8') as file:
        return file.read()


class Synthetic(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir=env.scratch())
        self.folder = folder.name
        self.addCleanup(folder.cleanup)

    def for_each(self, test: Callable[[Case], None], wanted: Callable[[Case], bool]) -> None:
        for path in case_files():
            case = Case(path, self.folder)
            with self.subTest(case.name):
                if wanted(case):
                    test(case)
            os.unlink(case.core)

    def dump(self, case: Case, level: int) -> tuple[bits.PfnSet, run.Result]:
        target = os.path.join(self.folder, 'dump')
        done = run.vmsift('-l', '--non-mmap', '-d', str(level), f'--stats=json:{self.folder}/stats', case.core, target,
                          timeout=60)
        self.assertEqual(done.status, 0, f'{done}')
        self.assertNotIn('not supported', done.out + done.err)
        kept = kdump.read(target).kept
        os.unlink(target)
        return kept, done

    def assert_none(self, pages: bits.PfnSet, why: str) -> None:
        self.assertEqual([hex(pfn) for pfn in bits.members(pages)][:20], [], why)

    def test_kept_set(self) -> None:
        self.for_each(self.check_kept_set, lambda case: True)

    def check_kept_set(self, case: Case) -> None:
        for level in (16, 31) if case.spoilt else (1, 2, 4, 8, 16, 31):
            kept, done = self.dump(case, level)
            wanted = case.kept_at(level)
            self.assert_none(wanted & ~kept, f'level {level} leaves out what it should keep\n{done}')
            if not case.spoilt:
                self.assert_none(kept & ~wanted, f'level {level} keeps what it should leave out\n{done}')
        stats = json.loads(read(self.folder + '/stats'))
        if case.name.startswith('seed-list'):
            reconciliation = stats['reconciliation']
            self.assertTrue(reconciliation['torn_free_lists'] or reconciliation['verdicts'], 'broken lists go unnamed')
        downgrades = stats['downgrades']
        said = '\n'.join(f'{d["rule"]}: {d["reason"]}' for d in downgrades)
        for report in case.expected['reports']:
            self.assertIn(report, said)

    def test_log(self) -> None:
        self.for_each(self.check_log, lambda case: bool(case.expected['message']))

    def check_log(self, case: Case) -> None:
        target = os.path.join(self.folder, 'log')
        done = run.vmsift('--dump-dmesg', case.core, target)
        self.assertEqual(done.status, 0, f'{done}')
        self.assertIn('[    1.000000] ' + case.expected['message'], read(target))
        os.unlink(target)

    def test_makedumpfile_leaves_out_the_same(self) -> None:
        if not peer.candidates():
            raise env.missing('no makedumpfile')
        self.for_each(self.check_peer, lambda case: case.of_x86_64 and not case.spoilt)

    def check_peer(self, case: Case) -> None:
        target = os.path.join(self.folder, 'peer')
        program = peer.candidates()[0][1]
        done = run.run(program, '-l', '-d', str(PEER_LEVEL), '--message-level', '4', case.core, target)
        self.assertEqual(done.status, 0, f'{done}')
        theirs = kdump.read(target).kept
        os.unlink(target)
        ours, _ = self.dump(case, PEER_LEVEL)
        self.assert_none(ours & ~theirs & ~pages_of(PEER_LOSES, case), 'we alone keep them')
        self.assert_none(theirs & ~ours & ~pages_of(PEER_KEEPS, case), 'makedumpfile alone keeps them')


# What makedumpfile 1.7.8 leaves out and should not, or by a guess: releases, and where the cases have such pages.
PEER_LOSES = {
    'bit 0 of a mapping that is none, under a page type': (r'4\.19|5|6|7', (0x4b00, 0x4b03)),
    'bit 0 of a count in the second page of a slab, since 7.1': (r'7\.1', (0x4551, 0x4552)),
    'the same of another block': (r'7\.1', (0x4569, 0x456a)),
    'tails of a large page, by a number of PG_head that the release has and the note has not': (
        r'2\.6\.38|3\.10', (0x4601, 0x4800)),
}
# What it keeps and need not.
PEER_KEEPS = {'unaccepted memory, which 6.12 to 6.15 do not name': (r'6\.12', (0x5000, 0x5400))}


def pages_of(table: dict[str, tuple[str, tuple[int, int]]], case: Case) -> bits.PfnSet:
    ranges = [bits.from_range(*pages) for releases, pages in table.values() if re.match(releases, case.name)]
    return functools.reduce(operator.or_, ranges, 0)


if __name__ == '__main__':
    unittest.main()
