# SPDX-License-Identifier: GPL-2.0-or-later
"""-e leaves out pages of struct pages that describe nothing that is kept, all others stay, and the header says so."""
from __future__ import annotations

import os
import subprocess
import tempfile
import unittest

from lib import bits, env, kdump, page_table, run, source

EXCLUDED_VMEMMAP = 0x10
LEVEL = 31


def struct_page_frames(core: source.Source, max_pfn: int) -> dict[int, list[range]]:
    """Frame of each page of struct pages -> the page frames that it describes."""
    vmemmap, size = int(core.info('SYMBOL(vmemmap)'), 16), int(core.info('SIZE(page)'))
    per_page = source.PAGE // size
    frames: dict[int, list[range]] = {}
    for first in range(0, max_pfn, per_page):
        try:
            paddr = page_table.translate(core, vmemmap + first * size)
        except ValueError:
            continue        # a hole of the memory map
        frames.setdefault(paddr // source.PAGE, []).append(range(first, first + per_page))
    return frames


class ExcludeUnusedVm(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(dir=env.scratch())
        self.addCleanup(scratch.cleanup)
        self.dir = scratch.name

    def dump(self, vmcore: str, name: str, *options: str) -> kdump.Kdump:
        return kdump.read(run.make_dump(vmcore, os.path.join(self.dir, name), LEVEL, 'lzo', *options))

    def check(self, kernel: str) -> None:
        found = env.vmcore_of(kernel)
        vmcore, core = found.path, found.source
        whole, less = self.dump(vmcore, 'whole'), self.dump(vmcore, 'less', '-e')
        self.assertFalse(whole.main['status'] & EXCLUDED_VMEMMAP)
        self.assertTrue(less.main['status'] & EXCLUDED_VMEMMAP)
        self.assertEqual(less.kept & ~whole.kept, 0)
        gone = set(bits.members(whole.kept & ~less.kept))
        self.assertGreater(len(gone), 500, 'most of a guest is left out, and so should its struct pages be')
        frames = struct_page_frames(core, whole.sub['max_mapnr_64'])
        for pfn in gone:
            described = frames.get(pfn, [])
            self.assertTrue(described, f'{pfn:#x} is no page of struct pages')
            kept = [p for pages in described for p in pages if whole.kept >> p & 1]
            self.assertEqual(kept, [], f'{pfn:#x} has struct pages of pages that are kept')
        for threads in ('1', '3'):
            again = os.path.join(self.dir, 'again')
            run.make_dump(vmcore, again, LEVEL, 'lzo', '-e', '-f', '--num-threads', threads)
            with open(again, 'rb') as one, open(less.path, 'rb') as two:
                self.assertEqual(one.read(), two.read(), f'{threads} threads')
        # The stream and the ELF core leave out the same.
        stream = os.path.join(self.dir, 'stream')
        with open(stream, 'wb') as out:
            subprocess.run([env.program(), '-F', '-l', '-e', '-d', str(LEVEL), '--message-level', '4', vmcore], stdout=out,
                           check=True, timeout=120)
        rebuilt = os.path.join(self.dir, 'rebuilt')
        with open(stream, 'rb') as data:
            subprocess.run([env.program(), '-R', '--message-level', '4', rebuilt], stdin=data, check=True, timeout=120)
        with open(rebuilt, 'rb') as one, open(less.path, 'rb') as two:
            self.assertEqual(one.read(), two.read())

    def test_linux_6_12(self) -> None:
        self.check('6.12')

    def test_linux_7(self) -> None:
        self.check('7')


if __name__ == '__main__':
    unittest.main()
