# SPDX-License-Identifier: GPL-2.0-or-later
"""The output is a function of the input: same bytes for any number of threads, with and without mmap, from a core
as QEMU wrote it and as /proc/vmcore would have it."""
from __future__ import annotations

import hashlib
import os
import unittest
from pathlib import Path

from lib import env, forms, kdump, run
from lib.dumps import Dumps
from lib.forms import FORMS

import elfcore      # tests/vmcores, found through lib

THREADS = ('1', '2', '3', '8')

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


def digest(path: str) -> str:
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def relaid(core: env.Vmcore, folder: str) -> str:
    """The same memory and notes, laid out as the kernel lays out /proc/vmcore."""
    path = os.path.join(folder, 'relaid.elf')
    elfcore.relayout(Path(core.path), Path(path))
    return path


class SameBytes(unittest.TestCase):
    def expect_same(self, core: env.Vmcore, level: int, codec: str, variants: list[tuple[str, ...]]) -> None:
        first = None
        for extra in variants:
            with self.subTest(core=core.name, level=level, codec=codec, options=' '.join(extra)):
                got = digest(dumps.path(core, level, codec, *extra))
                dumps.forget(core, level, codec, *extra)
                first = first or got
                self.assertEqual(got, first, f'not the bytes of {" ".join(variants[0])}')

    def test_threads(self) -> None:
        variants = [('--num-threads', n) for n in THREADS]
        for kernel, level, codec in (('6.1', 31, 'lzo'), ('6.12', 31, 'zstd'), ('7', 31, 'zlib'), ('6.12', 1, 'lzo'),
                                     ('6.1', 0, 'none')):
            self.expect_same(env.vmcore_of(kernel), level, codec, variants + [()])

    def test_mmap_and_pread(self) -> None:
        for kernel in ('6.1', '7'):
            variants = [('--num-threads', '1'), ('--non-mmap', '--num-threads', '1'), ('--non-mmap',),
                        ('--non-mmap', '--num-threads', '3')]
            self.expect_same(env.vmcore_of(kernel), 31, 'lzo', variants)

    def test_repeated_runs(self) -> None:
        """A race shows when the same run is repeated."""
        core = env.vmcore_of('6.12')
        seen = set()
        for _ in range(8):
            seen.add(digest(dumps.path(core, 31, 'lzo', '--num-threads', '8')))
            dumps.forget(core, 31, 'lzo', '--num-threads', '8')
        self.assertEqual(len(seen), 1)


class EveryForm(unittest.TestCase):
    """For any number of threads, mapped or read."""

    VARIANTS = (*(('--num-threads', n) for n in '1238'), ('--non-mmap', '--num-threads', '8'),
                ('--non-mmap', '--num-threads', '1'))

    def check(self, sources: list[str], level: int, variants: tuple[tuple[str, ...], ...] = VARIANTS[-3:]) -> None:
        for name, form in FORMS.items():
            first: list[bytes] = []
            if form.files > 1 and len(sources) > 1:
                continue
            for extra in variants:
                with self.subTest(name, level=level, options=' '.join(extra)):
                    files = forms.make(form, level, sources, os.path.join(dumps.folder, 'same'), *extra)
                    got = [forms.digest(path) for path in files]
                    first = first or got
                    self.assertEqual(got, first)
                    forms.remove(files)

    def test_of_a_vmcore(self) -> None:
        self.check([env.vmcore_of('6.12').path], 31, self.VARIANTS)

    def test_of_a_dump(self) -> None:
        source = dumps.path(env.vmcore_of('6.1'), 31, 'lzo')
        self.check([source], 31)

    def test_of_a_split_set(self) -> None:
        sources = forms.make(FORMS['split in 3'], 31, [env.vmcore_of('6.1').path], os.path.join(dumps.folder, 'set'))
        self.check(sources, 31)


class QemuLayout(unittest.TestCase):
    def test_kept_pages_do_not_depend_on_where_the_headers_are(self) -> None:
        raw = [core for core in env.vmcores() if core.source.as_qemu_wrote_it]
        if not raw:
            raise env.missing('no vmcore in the layout of QEMU 7.2 and newer (program headers behind others)')
        for core in raw:
            copy = relaid(core, dumps.folder)
            for level, codec in ((31, 'lzo'), (1, 'none')):
                with self.subTest(core=core.name, level=level):
                    direct = dumps.path(core, level, codec)
                    through = run.make_dump(copy, os.path.join(dumps.folder, 'relaid.dump'), level, codec)
                    self.assertEqual(kdump.read(direct).kept, kdump.read(through).kept)
                    self.assertEqual(digest(direct), digest(through))
                    os.unlink(through)
                    dumps.forget(core, level, codec)
            os.unlink(copy)


if __name__ == '__main__':
    unittest.main()
