# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers that vmsift prints are the numbers of the files it writes: --levels foretells sizes to the byte, and
the counts of --stats=json add up and agree with the dump and with the kernel's own classes."""
from __future__ import annotations

import os
import unittest

from lib import bits, env, judge, run, stats
from lib.dumps import Dumps

CODECS = ('lzo', 'zstd')
LEVELS_RUN = (0, 1, 8, 16, 23, 31)     # of all 32, those made for real
# vmsift's class -> the kernel's, where one is the other
SAME_CLASS = {'free': ('free',), 'cache': ('cache',), 'cache_private': ('cache_private',), 'slab': ('slab',),
              'offline': ('offline',), 'hwpoison': ('hwpoison',)}

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


def read(path: str) -> str:
    with open(path, encoding='utf-8') as file:
        return file.read()


class Levels(unittest.TestCase):
    def foretold(self, core: env.Vmcore) -> dict[tuple[int, str], stats.LevelSize]:
        report = os.path.join(dumps.folder, f'levels-{core.name}.json')
        done = run.vmsift('--levels=' + ','.join(CODECS), f'--stats=json:{report}', core.path)
        self.assertEqual(done.status, 0, done)
        return stats.read_levels(read(report))

    def test_size_and_pages_of_real_dumps(self) -> None:
        for kernel in ('6.1', '7'):
            core = env.vmcore_of(kernel)
            table = self.foretold(core)
            for codec in CODECS:
                for level in LEVELS_RUN:
                    with self.subTest(core=core.name, codec=codec, level=level):
                        dump = dumps.read(core, level, codec)
                        self.assertEqual(table[level, codec].pages, dump.kept_count)
                        self.assertEqual(table[level, codec].bytes, dump.size)
                        dumps.forget(core, level, codec)

    def test_all_levels_and_their_order(self) -> None:
        core = env.vmcore_of('6.12')
        table = self.foretold(core)
        self.assertEqual(set(table), {(level, codec) for level in range(32) for codec in CODECS})
        for (level, codec), size in table.items():
            for bit in (2, 4, 8, 16):       # a zero page stays a page, so bit 1 changes bytes only
                if not level & bit:
                    self.assertLessEqual(table[level | bit, codec].pages, size.pages)
                    self.assertLessEqual(table[level | bit, codec].bytes, size.bytes)
            self.assertEqual(table[level | 1, codec].pages, size.pages)
            if level & 4:
                self.assertEqual(table[level | 2, codec], size, 'level bit 4 implies bit 2')

    def test_table_for_people(self) -> None:
        core = env.vmcore_of('6.1')
        done = run.vmsift('--levels', core.path)
        self.assertEqual(done.status, 0, done)
        first_words = [line.split()[0] for line in done.out.splitlines() if line.split()]
        for level in range(32):
            self.assertIn(str(level), first_words)

    def test_no_dump_file_is_taken(self) -> None:
        core = env.vmcore_of('6.1')
        target = os.path.join(dumps.folder, 'must-not-be')
        self.assertEqual(run.vmsift('--levels', core.path, target).status, 1)
        self.assertFalse(os.path.exists(target))


class Statistics(unittest.TestCase):
    def run_with_stats(self, core: env.Vmcore, level: int) -> tuple[stats.Stats, str]:
        report = os.path.join(dumps.folder, f'stats-{core.name}-{level}.json')
        path = dumps.path(core, level, 'lzo', f'--stats=json:{report}')
        return stats.read_run(read(report)), path

    def test_counts_add_up(self) -> None:
        for core in env.vmcores():
            for level in (1, 31):
                with self.subTest(core=core.name, level=level):
                    told, path = self.run_with_stats(core, level)
                    dump = dumps.read(core, level, 'lzo')
                    self.assertEqual(told.frames_by_class, told.frames)
                    self.assertEqual(told.present, bits.count(core.source.present()))
                    self.assertEqual(told.kept, dump.kept_count)
                    self.assertEqual(told.present - sum(told.dropped.values()), told.kept)
                    self.assertEqual(told.output_bytes, os.path.getsize(path))

    def test_classes_are_the_kernels(self) -> None:
        for core in env.vmcores():
            told, _ = self.run_with_stats(core, 31)
            for ours, kernels in SAME_CLASS.items():
                with self.subTest(core=core.name, page_class=ours):
                    self.assertAlmostEqual(told.classes[ours], bits.count(core.flags.of(*kernels)), delta=judge.PER_CPU_LISTS)

    def test_json_on_stdout_is_all_there_is(self) -> None:
        """So that `vmsift --stats=json ... | jq` works."""
        core = env.vmcore_of('6.1')
        target = os.path.join(dumps.folder, 'json')
        done = run.vmsift('-l', '-d', '31', '--stats=json', core.path, target)
        self.assertEqual(done.status, 0, done)
        self.assertGreater(stats.read_run(done.out).kept, 0)

    def test_dry_run_tells_the_same(self) -> None:
        core = env.vmcore_of('6.1')
        told, _ = self.run_with_stats(core, 31)
        report = os.path.join(dumps.folder, 'dry.json')
        target = os.path.join(dumps.folder, 'dry')
        done = run.vmsift('--dry-run', '-l', '-d', '31', f'--stats=json:{report}', core.path, target)
        self.assertEqual(done.status, 0, done)
        dry = stats.read_run(read(report))
        self.assertEqual((dry.frames, dry.kept, dry.classes), (told.frames, told.kept, told.classes))
        self.assertFalse(os.path.exists(target))


if __name__ == '__main__':
    unittest.main()
