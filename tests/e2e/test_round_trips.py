# SPDX-License-Identifier: GPL-2.0-or-later
"""From every form into every form, level by level: the same pages and bytes.

ELF (-E), flattened (-F), compressed streams (--stream), kdump-compressed with every codec, split sets: what comes out is
opened by libkdumpfile or read by lib/forms.py, and compared with the vmcore that it all began with.

An ELF core has no data for long rows of zero pages (from 16 on, when the level leaves zeros out); what is made of one
has the same pages, those rows excepted.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
import zlib

from lib import bits, env, forms, kdump, run, tiny
from lib.forms import FORMS

folder: str


def setUpModule() -> None:
    global folder
    env.program()
    env.vmcores()
    env.page_checker()
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name.replace(' ', '-'))


class Trips(unittest.TestCase):
    """Of one kernel."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.core = env.vmcore_of('6.1')
        cls.judge = forms.Judge(cls(), cls.core.path)
        cls.kept = {}
        for level in (0, 1, 31):
            direct = forms.make(FORMS['kdump lzo'], level, [cls.core.path], at('direct'))
            cls.kept[level] = kdump.read(direct[0]).kept
            cls.judge.check(FORMS['kdump lzo'], direct, cls.kept[level])
            forms.remove(direct)

    def runTest(self) -> None:
        """For the judge, which asserts by a test case."""

    def test_form_into_form(self) -> None:
        """Every form into a sixth of all, such that each is made of a sixth of all."""
        for i, (before, first) in enumerate(FORMS.items()):
            files = forms.make(first, 31, [self.core.path], at('before'))
            with self.subTest(before):
                self.judge.check(first, files, self.kept[31], zeros=first.keeps_zeros)
            for j, (after, second) in enumerate(FORMS.items()):
                if (i + j) % 6 or first.files > 1 and second.files > 1:     # --split takes one file to read
                    continue
                with self.subTest(before=before, after=after):
                    made = forms.make(second, 31, files, at('after'))
                    zeros = first.keeps_zeros and second.keeps_zeros
                    self.judge.check(second, made, self.kept[31], zeros=zeros)
                forms.remove([at(f'after.{i}') for i in range(second.files)])
            forms.remove(files)

    def test_level_by_level(self) -> None:
        """0, of that 1, of that 31, and all three forms differ."""
        for chain in (('kdump none', 'kdump lzo', 'flat'), ('elf', 'kdump zlib', 'split in 2'),
                      ('kdump zstd', 'split in 3', 'elf'),
                      ('flat zstd', 'flat elf', 'kdump snappy'),
                      ('elf lz4', 'elf', 'elf'), ('split in 2', 'dedup', 'flat elf zstd'),
                      ('flat elf', 'elf zstd', 'flat lz4'), ('split in 3', 'kdump none', 'elf')):
            files, zeros = [self.core.path], True
            for level, name in zip((0, 1, 31), chain):
                with self.subTest(chain=chain, level=level):
                    form = FORMS[name]
                    made = forms.make(form, level, files, at(f'level{level}'))
                    # Level 0 leaves no zero page out of any form.
                    zeros = zeros and (level == 0 or form.keeps_zeros)
                    self.judge.check(form, made, self.kept[level], zeros=zeros)
                    for path in made:
                        for suffix in ('.unwrapped', '.unwrapped.rebuilt', '.rebuilt'):
                            forms.remove([path + suffix])
                if files != [self.core.path]:
                    forms.remove(files)
                files = made
            forms.remove(files)

    def test_reassembled(self) -> None:
        """In any order of the members: the file that would have been written in one."""
        for parts in (2, 3):
            for codec in ('lzo', 'zlib'):
                with self.subTest(parts=parts, codec=codec):
                    members = [at(f'member{i}') for i in range(parts)]
                    options = [*run.dump_args(31, codec), '-f']
                    done = run.vmsift('--split', *options, self.core.path, *members)
                    self.assertEqual(done.status, 0, done)
                    done = run.vmsift('--reassemble', '-f', *reversed(members), at('whole'))
                    self.assertEqual(done.status, 0, done)
                    direct = run.make_dump(self.core.path, at('direct'), 31, codec, '-f')
                    self.assertEqual(forms.digest(at('whole')), forms.digest(direct))

    def test_a_split_set_has_parts_of_about_as_many_pages(self) -> None:
        for parts in (2, 3):
            files = forms.make(forms.Form(('--split', '-l'), parts), 1, [self.core.path], at('part'))
            members = [kdump.read(path) for path in files]
            starts = [member.sub['start_pfn_64'] for member in members]
            self.assertTrue(all(start % 64 == 0 for start in starts), starts)
            pages = [member.described for member in members]
            self.assertLess(max(pages), min(pages) * 1.01, pages)
            forms.remove(files)


class Streams(unittest.TestCase):
    """What a stream stands for is the file, and a wrapper only wraps."""

    def rebuilt(self, stream: str, target: str) -> str:
        with open(stream, 'rb') as flat:
            done = subprocess.run([env.program(), '-R', '-f', target], stdin=flat, capture_output=True, text=True,
                                  timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return target

    def test_of_kdump(self) -> None:
        core = env.vmcore_of('6.12')
        for codec, level in (('lzo', 31), ('zstd', 1), ('none', 31)):
            direct = forms.digest(run.make_dump(core.path, at('direct'), level, codec, '-f'))
            for wrapper in ((), ('--stream', 'zstd'), ('--stream', 'lz4')):
                with self.subTest(codec=codec, wrapper=wrapper):
                    form = forms.Form(('-F', *run.CODEC_OPTIONS[codec], *wrapper), 1, *wrapper[1:])
                    files = forms.make(form, level, [core.path], at('stream'))
                    self.assertEqual(forms.digest(self.rebuilt(files[0], at('rebuilt'))), direct)
                    self.assertEqual(forms.digest(forms.plain(form, files)[0]), direct)
                    forms.remove(files)

    def test_of_elf(self) -> None:
        """A compressed stream holds the zero pages that a plain ELF core leaves out; the pages are the same."""
        core = env.vmcore_of('6.12')
        for level in (31, 1):
            (direct,) = forms.make(FORMS['elf'], level, [core.path], at('direct'))
            expected = forms.pages_of_elf(direct)
            for name in ('elf zstd', 'elf lz4', 'flat elf', 'flat elf zstd', 'flat elf lz4'):
                with self.subTest(name, level=level):
                    form = FORMS[name]
                    files = forms.make(form, level, [core.path], at('stream'))
                    (opened,) = forms.plain(form, files)
                    if form.stream:
                        self.assertEqual(forms.digest(self.rebuilt(files[0], at('rebuilt'))), forms.digest(opened))
                    if form.keeps_zeros:
                        pages = forms.pages_of_elf(opened)
                        self.assertEqual(pages.content, expected.content)
                        self.assertEqual(expected.stored & ~pages.stored, 0)
                    else:
                        self.assertEqual(forms.digest(opened), forms.digest(direct))
                    forms.remove(files)


class PassedThrough(unittest.TestCase):
    """With the same codec the stored bytes of a page are those of the source."""

    @staticmethod
    def stored(path: str) -> dict[int, tuple[int, bytes]]:
        dump = kdump.read(path)
        with open(path, 'rb') as file:
            raw = file.read()
        return {pfn: (d.flags, raw[d.offset:d.offset + d.size])
                for pfn, d in zip(bits.members(dump.kept), dump.descriptors())}

    def test_a_real_dump(self) -> None:
        core = env.vmcore_of('6.1')
        for codec in kdump.CODEC_FLAGS:
            with self.subTest(codec):
                before = self.stored(run.make_dump(core.path, at('before'), 1, codec, '-f'))
                after = self.stored(run.make_dump(at('before'), at('after'), 31, codec, '-f'))
                self.assertGreater(len(before), 2 * len(after))
                self.assertEqual([pfn for pfn, data in after.items() if before[pfn] != data], [])

    def test_bytes_that_vmsift_would_not_write(self) -> None:
        """Pages packed harder than any dump writer does come out as they went in: nothing packed them again."""
        pages = {pfn: tiny.page(pfn) for pfn in range(400)}
        source = tiny.write(at('hard'), tiny.kdump_file(pages, 400, zlib_level=9))
        before = self.stored(source)
        self.assertNotEqual(before[2][1], zlib.compress(pages[2], 1))
        for options in ((), ('--num-threads', '3'), ('--dedup',)):
            with self.subTest(options):
                after = self.stored(run.make_dump(source, at('out'), 0, 'zlib', '-f', *options))
                self.assertEqual(set(after), set(before))
                wrong = [pfn for pfn in after if pfn % 4 and after[pfn] != before[pfn]]     # every fourth is zeros
                self.assertEqual(wrong, [])
        other = self.stored(run.make_dump(source, at('out'), 0, 'lzo', '-f'))
        self.assertNotEqual(other[2], before[2])


if __name__ == '__main__':
    unittest.main()
