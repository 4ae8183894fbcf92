# SPDX-License-Identifier: GPL-2.0-or-later
"""--estimate foretells from a sample what --levels counts page by page, and says whether a kernel is understood."""
from __future__ import annotations

import json
import os
import unittest

from lib import env, run, stats
from lib.edited import EditedCore

CODECS = ('lzo', 'zlib', 'zstd')
# Beyond what the estimate itself says may be wrong with it (which one in 20 sizes is), this part of a size.
TOLERANCE = 0.10


def setUpModule() -> None:
    env.program()
    env.all_vmcores()


def estimate(path: str, *options: str, codecs: tuple[str, ...] = ('lzo',)) -> tuple[int, dict]:
    done = run.vmsift('--estimate=' + ','.join(codecs), '--stats=json', *options, path)
    if done.error_lines:
        raise AssertionError(f'no estimate:\n{done}')
    return done.status, json.loads(done.out)


class Sizes(unittest.TestCase):
    def compare(self, core: env.Vmcore, codecs: tuple[str, ...]) -> None:
        status, told = estimate(core.path, codecs=codecs)
        self.assertEqual((status, told['ready'], told['obstacles']), (0, True, []), core.name)
        counted = run.vmsift('--levels=' + ','.join(codecs), '--stats=json', core.path)
        self.assertEqual(counted.status, 0, counted)
        real = stats.read_levels(counted.out)
        self.assertEqual([row['level'] for row in told['levels']], list(range(32)))
        for row in told['levels']:
            for codec in codecs:
                with self.subTest(core=core.name, level=row['level'], codec=codec):
                    size = real[row['level'], codec]
                    self.assertLessEqual(abs(row['pages'] - size.pages), row['pages_error'])
                    error, expected = row['dump_bytes_error'][codec], row['dump_bytes'][codec]
                    self.assertLess(error, TOLERANCE * size.bytes, 'an error that says nothing')
                    self.assertLess(abs(expected - size.bytes), max(error, TOLERANCE * size.bytes))

    def test_near_what_is_counted(self) -> None:
        for core in env.all_vmcores():
            self.compare(core, ('lzo',))

    def test_other_codecs(self) -> None:
        self.compare(env.vmcore_of('6.12'), CODECS[1:])

    def test_same_each_time(self) -> None:
        core = env.vmcore_of('6.1')
        texts = {run.vmsift('--estimate', '--num-threads', '2', core.path).out for _ in range(3)}
        self.assertEqual(len(texts), 1)
        self.assertEqual(estimate(core.path, '--num-threads', '1')[1]['levels'],
                         estimate(core.path, '--num-threads', '2', '--non-mmap')[1]['levels'])

    def test_of_a_filtered_dump(self) -> None:
        core = env.vmcore_of('6.12')
        dump = os.path.join(env.scratch(), 'estimate-dump')
        run.make_dump(core.path, dump, 17)
        _, whole = estimate(core.path)
        _, told = estimate(dump)
        os.unlink(dump)
        self.assertEqual(told['levels'][31]['pages'], whole['levels'][31]['pages'])
        self.assertEqual(told['levels'][0]['pages'], whole['levels'][17]['pages'])


class Readiness(unittest.TestCase):
    def test_for_people(self) -> None:
        done = run.vmsift('--estimate', '-d', '2', env.vmcore_of('6.1').path)
        self.assertEqual((done.status, done.error_lines), (0, []), done)
        self.assertRegex(done.out, r'(?m)^Ready: every rule of dump level 31 runs\.$')
        self.assertRegex(done.out, r'(?m)^  free pages +on +\S')
        for level in (0, 1, 2, 31):     # 2: as -d says
            self.assertRegex(done.out, rf'(?m)^ ?{level} .* \d+  +[\d.]+%  +[\d.]+ MiB \+- ?\d+%')
        self.assertRegex(done.out, r'(?m)^ +1 thread +[\d.]+ MiB with lzo')
        self.assertNotIn('crash kernel:', done.out, 'a vmcore is not the machine that it runs on')

    def test_a_rule_that_is_off(self) -> None:
        core = EditedCore(env.vmcore_of('6.1'))
        path = core.write({'NUMBER(PG_lru)': None})
        status, told = estimate(path, '--no-btf')
        self.assertEqual((status, told['ready']), (1, False))
        self.assertTrue(any('cache pages are kept: NUMBER(PG_lru) is missing' in o for o in told['obstacles']), told['obstacles'])
        done = run.vmsift('--estimate', '--no-btf', path)
        self.assertEqual(done.status, 1, done)
        self.assertRegex(done.out, r'(?m)^Not ready:\n  - .*NUMBER\(PG_lru\) is missing$')
        self.assertRegex(done.out, r'(?m)^  non-private cache pages +off +NUMBER\(PG_lru\) is missing$')
        # With the kernel's own types nothing is missing.
        self.assertEqual(estimate(path)[0], 0)
        core.remove()

    def test_nothing_that_is_understood(self) -> None:
        core = EditedCore(env.vmcore_of('6.1'))
        status, told = estimate(core.write({'SYMBOL(mem_section)': None}), '--no-btf')
        core.remove()
        self.assertEqual((status, told['ready'], len(told['obstacles'])), (1, False, 1))
        self.assertIn('mem_section', told['obstacles'][0])

    def test_what_the_capture_kernel_needs(self) -> None:
        _, told = estimate(env.vmcore_of('6.1').path, '--num-threads', '4')
        one, four = told['memory']
        self.assertEqual((one['threads'], four['threads']), (1, 4))
        self.assertLess(one['bytes']['lzo'], four['bytes']['lzo'])
        self.assertLess(one['bytes']['lzo'], 8 << 20)
        self.assertNotIn('crash_kernel', told)


class CommandLine(unittest.TestCase):
    def test_without_an_operand_it_is_the_running_kernel(self) -> None:
        self.assertEqual(run.vmsift('--check-params', '--estimate').status, 0)
        if not os.access('/proc/kcore', os.R_OK):
            done = run.vmsift('--estimate')
            self.assertEqual((done.status, len(done.error_lines)), (1, 1), done)
            self.assertIn('/proc/kcore', done.err)

    def test_what_does_not_go_with_it(self) -> None:
        core = env.vmcore_of('6.1').path
        for option in ('--estimate=zip', '-F', '-E', '--split', '--dry-run', '--mem-usage', '--levels'):
            done = run.vmsift('--check-params', '--estimate', option, core)
            self.assertEqual((done.status, len(done.error_lines)), (1, 1), done)
        self.assertEqual(run.vmsift('--check-params', '--estimate', '-l', '-d', '31', '--stats=json', core).status, 0)


if __name__ == '__main__':
    unittest.main()
