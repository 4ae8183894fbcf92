# SPDX-License-Identifier: GPL-2.0-or-later
"""What cannot work is refused with one clear line, exit status 1, and no harm to any file.

No real vmcore is needed: the inputs are a few pages long.
"""
from __future__ import annotations

import os
import stat
import tempfile
import unittest

from lib import env, judge, kdump, run, tiny
from lib.tiny import PAGE, Load, Shape

CORE_PAGES = 64
MIB = 1 << 20
OLD = b'the dump of last week'


def setUpModule() -> None:
    env.program()


class Refused(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(dir=env.scratch())
        self.core = self.file('core', tiny.elf([Load(16 * PAGE, tiny.pages(16, CORE_PAGES))]))
        self.dump = os.path.join(self.folder, 'dump')

    def file(self, name: str, raw: bytes) -> str:
        return tiny.write(os.path.join(self.folder, name), raw)

    def read(self, path: str) -> bytes:
        with open(path, 'rb') as file:
            return file.read()

    def refused(self, args: list[str], *named: str) -> run.Result:
        """Exit 1; one or two lines on stderr that name all of `named`; no dump that claims to be whole."""
        done = run.vmsift(*args, timeout=60)
        self.assertEqual(done.status, 1, done)
        self.assertIn(len(done.error_lines), (1, 2), done)
        for word in named:
            self.assertIn(word.lower(), done.err.lower(), done)
        if os.path.isfile(self.dump) and self.read(self.dump) != OLD:
            self.assertTrue(kdump.is_kdump(self.dump), 'something that is no dump was left')
            self.assertEqual(judge.incomplete_faults(self.dump), [])
        return done


class Sources(Refused):
    def source_refused(self, raw: bytes, *named: str, level: str = '1') -> None:
        source = self.file('bad', raw)
        self.refused(['-d', level, source, self.dump], source, *named)
        self.assertFalse(os.path.exists(self.dump), 'an unreadable source needs no dump file')

    def test_missing(self) -> None:
        self.refused(['-d', '1', self.folder + '/nowhere', self.dump], 'nowhere', 'no such file')
        self.assertFalse(os.path.exists(self.dump))

    def test_folder(self) -> None:
        self.refused(['-d', '1', self.folder, self.dump], self.folder)
        self.assertFalse(os.path.exists(self.dump))

    def test_empty(self) -> None:
        self.source_refused(b'')

    def test_text(self) -> None:
        self.source_refused(b'This is a letter.\n' * 1000, 'elf')

    def test_elf_that_is_no_core(self) -> None:
        self.source_refused(tiny.elf([Load(MIB, tiny.pages(0, 4))], shape=Shape(type=2)), 'core')

    def test_elf_header_cut_off(self) -> None:
        for size in (4, 16, 30, 63):
            with self.subTest(size=size):
                self.source_refused(self.read(self.core)[:size])

    def test_program_headers_cut_off(self) -> None:
        for size in (64, 64 + 56, 64 + 56 + 30):
            with self.subTest(size=size):
                self.source_refused(self.read(self.core)[:size])

    def test_notes_cut_off(self) -> None:
        source = self.file('bad', self.read(self.core)[:64 + 2 * 56 + 64 + 20])
        self.refused(['-d', '1', source, self.dump], source)

    def test_program_headers_far_outside(self) -> None:
        raw = bytearray(self.read(self.core))
        raw[32:40] = (1 << 62).to_bytes(8, 'little')
        self.source_refused(bytes(raw))

    def test_segment_offset_overflows(self) -> None:
        raw = bytearray(self.read(self.core))
        at = 64 + 56 + 8
        raw[at:at + 8] = ((1 << 64) - PAGE).to_bytes(8, 'little')
        source = self.file('bad', bytes(raw))
        self.refused(['-d', '1', source, self.dump], source)

    def test_no_memory_at_all(self) -> None:
        self.source_refused(tiny.elf([]))


class TruncatedData(Refused):
    """The headers promise more than the file has: with mmap this is a SIGBUS to whoever does not check."""

    def check(self, keep: int, *extra: str) -> None:
        raw = self.read(self.core)
        source = self.file('cut', raw[:len(raw) - CORE_PAGES * PAGE + keep])
        for level in ('0', '1'):
            with self.subTest(level=level):
                if os.path.exists(self.dump):
                    os.unlink(self.dump)
                self.refused(['-d', level, *extra, source, self.dump], source)

    def test_last_page(self) -> None:
        self.check((CORE_PAGES - 1) * PAGE)

    def test_inside_a_page(self) -> None:
        self.check(30 * PAGE + 100)

    def test_all_of_it(self) -> None:
        self.check(0)

    def test_with_pread(self) -> None:
        self.check(30 * PAGE + 100, '--non-mmap')

    def test_with_threads(self) -> None:
        self.check(30 * PAGE, '--num-threads', '3')


class Vmcoreinfo(Refused):
    def test_level_above_1_needs_it(self) -> None:
        for level in ('2', '4', '8', '16', '31'):
            with self.subTest(level=level):
                self.refused(['-d', level, self.core, self.dump], 'vmcoreinfo', self.core)
                self.assertFalse(os.path.exists(self.dump))

    def test_levels_0_and_1_do_not(self) -> None:
        for level in ('0', '1'):
            target = f'{self.dump}.{level}'
            self.assertEqual(run.vmsift('-d', level, self.core, target).status, 0)
            result = run.compare_pages(target, self.core)
            self.assertTrue(result.clean, result.wrong)
            self.assertEqual(result.counts['pages'], CORE_PAGES)

    def test_file_that_is_not_there(self) -> None:
        self.refused(['-d', '31', '-i', self.folder + '/nothing', self.core, self.dump], 'nothing')
        self.assertFalse(os.path.exists(self.dump))

    def test_file_that_says_nothing(self) -> None:
        empty = self.file('empty-info', b'')
        self.refused(['-d', '31', '-i', empty, self.core, self.dump])
        self.assertFalse(os.path.exists(self.dump))

    def test_text_that_leads_nowhere(self) -> None:
        """A note with nothing to find any struct page by: every page is kept, and the reason is said."""
        text = b'OSRELEASE=6.1.0-made-up\nPAGESIZE=4096\n'
        source = self.file('bad', tiny.elf([Load(MIB, tiny.pages(0, 16))], [tiny.note('VMCOREINFO', 0, text)]))
        done = run.vmsift('-d', '31', source, self.dump)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn('all page classes are kept: NUMBER(phys_base) is missing', done.err)
        self.assertTrue(run.compare_pages(self.dump, source).clean)
        self.assertEqual(kdump.read(self.dump).kept_count, 16)


class Outputs(Refused):
    def test_existing_file_is_left_alone(self) -> None:
        self.file('dump', OLD)
        self.refused(['-d', '1', self.core, self.dump], self.dump, 'exist')
        self.assertEqual(self.read(self.dump), OLD)

    def test_force_overwrites(self) -> None:
        self.file('dump', OLD * 100000)
        self.assertEqual(run.vmsift('-f', '-d', '1', self.core, self.dump).status, 0)
        self.assertTrue(run.compare_pages(self.dump, self.core).clean)
        self.assertLess(os.path.getsize(self.dump), len(OLD) * 100000, 'the old file shows through at the end')
        self.assertEqual(stat.S_IMODE(os.stat(self.dump).st_mode) & 0o077, 0, 'others may read memory')

    def test_force_with_a_bad_source_destroys_nothing(self) -> None:
        self.file('dump', OLD)
        self.refused(['-f', '-d', '1', self.file('bad', b'letter'), self.dump])
        self.assertEqual(self.read(self.dump), OLD)
        self.refused(['-f', '-d', '31', self.core, self.dump], 'vmcoreinfo')
        self.assertEqual(self.read(self.dump), OLD)

    def test_source_is_never_the_output(self) -> None:
        before = self.read(self.core)
        link = os.path.join(self.folder, 'link')
        os.link(self.core, link)
        for target in (self.core, link):
            for options in ([], ['-f']):
                with self.subTest(target=target, options=options):
                    self.refused([*options, '-d', '1', self.core, target], target)
                    self.assertEqual(self.read(self.core), before)

    def test_folder_missing(self) -> None:
        target = os.path.join(self.folder, 'no', 'dump')
        self.refused(['-d', '1', self.core, target], target, 'no such file')

    def test_folder_as_output(self) -> None:
        for options in ([], ['-f']):
            self.refused([*options, '-d', '1', self.core, self.folder], self.folder)

    def test_mode_is_0600_whatever_the_umask(self) -> None:
        for mask in (0, 0o022, 0o077):
            with self.subTest(umask=oct(mask)):
                target = f'{self.dump}.{mask}'
                before = os.umask(mask)
                try:
                    self.assertEqual(run.vmsift('-d', '1', self.core, target).status, 0)
                finally:
                    os.umask(before)
                self.assertEqual(stat.S_IMODE(os.stat(target).st_mode), 0o600)


class CommandLine(Refused):
    def test_refused_words(self) -> None:
        for args, named in ((['--frobnicate'], 'frobnicate'), (['-Q'], 'Q'), (['-d', '32'], '32'), (['-d', '-1'], '-1'),
                            (['-d', 'x'], 'x'), (['-d', '31x'], '31x'), (['-d', ''], '-d'),
                            (['-d', '99999999999999999999'], '99999999999999999999')):
            with self.subTest(args=args):
                self.refused([*args, self.core, self.dump], named)
                self.assertFalse(os.path.exists(self.dump))

    def test_operands(self) -> None:
        for operands in ([], [self.core], [self.core, self.dump, self.dump + '.2']):
            with self.subTest(operands=len(operands)):
                self.refused(['-d', '1', *operands])
                self.assertFalse(os.path.exists(self.dump))

    def test_option_without_its_value(self) -> None:
        self.refused([self.core, self.dump, '-d'], 'd')
        self.assertFalse(os.path.exists(self.dump))

    def test_any_order_and_bundles_and_abbreviations(self) -> None:
        for number, args in enumerate((['-cd', '1', self.core, 'OUT'], [self.core, 'OUT', '-c', '-d1'],
                                       ['--num-th=2', self.core, '-d', '1', '--', 'OUT'])):
            with self.subTest(args=args):
                target = f'{self.dump}.{number}'
                done = run.vmsift(*[target if a == 'OUT' else a for a in args])
                self.assertEqual(done.status, 0, done)
                self.assertTrue(run.compare_pages(target, self.core).clean)

    def test_help_and_version(self) -> None:
        for option, word in (('-h', 'usage'), ('--help', 'usage'), ('-v', 'vmsift'), ('--version', 'vmsift')):
            with self.subTest(option):
                done = run.vmsift(option)
                self.assertEqual(done.status, 0, done)
                self.assertIn(word, done.out.lower())
                self.assertEqual(done.err, '')

    def test_dry_run_writes_nothing(self) -> None:
        done = run.vmsift('--dry-run', '-d', '1', self.core, self.dump)
        self.assertEqual(done.status, 0, done)
        self.assertFalse(os.path.exists(self.dump))


if __name__ == '__main__':
    unittest.main()
