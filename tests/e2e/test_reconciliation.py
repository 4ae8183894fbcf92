# SPDX-License-Identifier: GPL-2.0-or-later
"""Free pages by marks, by free lists and by the kernel's own counters, on real kernels: they agree, and when the
note lies about one of them, no page is lost and the dump is as small as the others allow."""
from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest

from lib import bits, edited, env, kdump, run

KERNELS = ('5.10', '6.1', '6.12', '7')
BUDDY = 'NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)'
# Each CPU may keep 125 pages to itself before it adds them to a zone's counter (mm/vmstat.c); the guests have 2 CPUs
# and memory in 2 zones.
TOLERANCE = 125 * 2 * 2


def setUpModule() -> None:
    env.program()
    env.vmcores()


class Dump:
    """A dump of the given level: what it keeps, what was said, the statistics."""

    def __init__(self, source: str, level: int, *options: str) -> None:
        with tempfile.TemporaryDirectory(dir=env.scratch()) as folder:
            target, stats = os.path.join(folder, 'dump'), os.path.join(folder, 'stats')
            self.done = run.vmsift('-l', '-d', str(level), f'--stats=json:{stats}', *options, source, target)
            if self.done.status != 0:
                raise AssertionError(f'no dump:\n{self.done}')
            self.kept = kdump.read(target).kept
            with open(stats, encoding='utf-8') as file:
                self.stats = json.load(file)

    @property
    def free(self) -> dict:
        return next(c for c in self.stats['reconciliation']['comparisons'] if c['pages'] == 'free pages')

    @property
    def verdicts(self) -> list[str]:
        return self.stats['reconciliation']['verdicts']

    @property
    def rule(self) -> dict:
        return next(r for r in self.stats['rules'] if r['class'] == 'free')


class Counted(unittest.TestCase):
    def test_marks_are_what_the_kernel_counts(self) -> None:
        for core in env.vmcores():
            with self.subTest(core.name):
                dump = Dump(core.path, 31)
                self.assertTrue(dump.free['agree'], dump.free)
                self.assertEqual(dump.verdicts, [])
                self.assertEqual(dump.free['found'], dump.stats['classes']['free']['pages'])
                self.assertGreater(dump.free['found'], 10 * TOLERANCE)
                if core.name.startswith('amd64-') and core.source.cpus() == 2:
                    self.assertLessEqual(abs(dump.free['found'] - dump.free['counted']), TOLERANCE)

    def test_both_numbers_are_in_the_report_and_the_table_is_the_peers(self) -> None:
        core = env.vmcore_of('6.1')
        done = run.vmsift('--dry-run', '-d', '31', '--show-stats', core.path)
        free = Dump(core.path, 31).free
        line = f'free pages: {free["found"]} found, {free["counted"]} counted by the kernel (NR_FREE_PAGES)'
        self.assertIn(line, done.err)
        self.assertNotIn('counted by the kernel', done.out)

    def test_pages_that_an_earlier_dump_left_out_are_counted_too(self) -> None:
        core = env.vmcore_of('6.12')
        with tempfile.TemporaryDirectory(dir=env.scratch()) as folder:
            first = run.make_dump(core.path, os.path.join(folder, 'first'), 16)
            again = Dump(first, 31)
        self.assertTrue(again.free['agree'], again.free)
        self.assertEqual(again.stats['classes']['free']['pages'], 0)

    def test_levels_and_mem_usage_compare(self) -> None:
        core = env.vmcore_of('7')
        for options in (('--levels', '-d', '0'), ('--mem-usage',)):
            done = run.vmsift(options[0], '--stats=json', core.path)
            self.assertEqual(done.status, 0, done)
            comparisons = json.loads(done.out)['reconciliation']['comparisons']
            self.assertTrue(comparisons and comparisons[0]['agree'], comparisons)


class Contradicted(unittest.TestCase):
    """The note of a real vmcore, with something wrong in it that the kernel's type information would put right."""

    def dump(self, copy: edited.EditedCore, changes: dict[str, str | None], level: int, *options: str) -> Dump:
        return Dump(copy.write(changes), level, '--no-btf', *options)

    def each(self):
        for kernel in KERNELS:
            core = env.vmcore_of(kernel)
            copy = edited.EditedCore(core)
            try:
                yield core, copy
            finally:
                copy.remove()

    def test_lists_find_the_pages_that_marks_find(self) -> None:
        for core, copy in self.each():
            true = Dump(core.path, 16)
            for threads in ('1', '3'):
                with self.subTest(core.name, threads=threads):
                    dump = self.dump(copy, {BUDDY: None}, 16, '--num-threads', threads)
                    self.assertEqual(dump.kept, true.kept, 'free pages of the lists are not those of the marks')
                    self.assertTrue(dump.rule['on'] and 'free lists' in dump.rule['evidence'], dump.rule)
                    self.assertEqual(dump.verdicts, [])

    def test_a_wrong_mark_gives_way_to_the_lists(self) -> None:
        for core, copy in self.each():
            note = core.source.info
            wrong = ['-130', '-1025', note('NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)') or note('NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)')]
            for level in (16, 31):
                true = Dump(core.path, level)
                for value in wrong:
                    with self.subTest(core.name, level=level, value=value):
                        dump = self.dump(copy, {BUDDY: value}, level)
                        self.assertEqual(true.kept & ~dump.kept, 0, 'pages are lost')
                        self.assertTrue(dump.rule['on'] or dump.rule['reason'], dump.rule)
                        if dump.verdicts:
                            self.assertIn('the mark of free pages is suspect', dump.verdicts[0])
                            # CPUs may have pages in their lists that they have not yet counted.
                            self.assertAlmostEqual(dump.stats['classes']['free']['pages'], dump.free['counted'],
                                                   delta=dump.free['tolerance'])

    def test_a_wrong_counter_costs_nothing(self) -> None:
        for core, copy in self.each():
            true = Dump(core.path, 31)
            offset = int(core.source.info('OFFSET(zone.vm_stat)'))
            for changes in ({'NUMBER(NR_FREE_PAGES)': '1'}, {'NUMBER(NR_FREE_PAGES)': '3'},
                            {'OFFSET(zone.vm_stat)': str(offset + 8)}, {'OFFSET(zone.vm_stat)': str(offset - 8)},
                            {'OFFSET(zone.vm_stat)': '0'}, {'SYMBOL(node_data)': None}, {'SIZE(zone)': None}):
                with self.subTest(core.name, **changes):
                    dump = self.dump(copy, changes, 31)
                    self.assertEqual(dump.kept, true.kept)
                    said = dump.verdicts or [dump.stats['reconciliation']['not_compared']]
                    self.assertTrue(said[0], 'it was not said')

    def test_other_entries_lose_no_page(self) -> None:
        for core, copy in self.each():
            true = Dump(core.path, 31)
            lists = {BUDDY: None}
            area = int(core.source.info('OFFSET(zone.free_area)'))
            size = int(core.source.info('SIZE(free_area)'))
            for changes in ({'LENGTH(zone.free_area)': '5'}, {'LENGTH(zone.free_area)': '12'},
                            {'OFFSET(page.private)': '16'}, {'SYMBOL(node_data)': '0'},
                            lists | {'OFFSET(page.lru)': '16'}, lists | {'OFFSET(page.lru)': None},
                            lists | {'OFFSET(zone.free_area)': str(area + size)},
                            lists | {'OFFSET(zone.free_area)': str(area - size)},
                            lists | {'LENGTH(free_area.free_list)': '2'}, lists | {'SIZE(free_area)': str(size - 16)},
                            lists | {'NUMBER(NR_FREE_PAGES)': '1'}):
                with self.subTest(core.name, **{k: str(v) for k, v in changes.items()}):
                    dump = self.dump(copy, changes, 31)
                    self.assertEqual(true.kept & ~dump.kept, 0, 'pages are lost')
                    if bits.count(dump.kept) > bits.count(true.kept) + TOLERANCE:
                        self.assertTrue(dump.verdicts or dump.stats['downgrades'], 'it was not said')
                        for verdict in dump.verdicts:
                            self.assertIn(f'warning: {verdict}', dump.done.err)

    def test_a_stream_is_corrected_before_it_is_written(self) -> None:
        for core, copy in self.each():
            path = copy.write({BUDDY: '-130'})
            with self.subTest(core.name), tempfile.TemporaryDirectory(dir=env.scratch()) as folder:
                stream, target = os.path.join(folder, 'stream'), os.path.join(folder, 'dump')
                with open(stream, 'wb') as file:
                    subprocess.run([env.program(), '-F', '-l', '--no-btf', '-d', '16', path], stdout=file, check=True,
                                   stderr=subprocess.DEVNULL)
                with open(stream, 'rb') as file:
                    subprocess.run([env.program(), '-R', target], stdin=file, check=True, stdout=subprocess.DEVNULL)
                self.assertEqual(bits.count(kdump.read(target).kept), bits.count(Dump(core.path, 16).kept))


if __name__ == '__main__':
    unittest.main()
