# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kept page, read back through libkdumpfile, has the bytes of the source; every other page is "no data".

All codecs at all the levels that differ in kind: everything, no zero pages, no free pages, only the kernel's.
"""
from __future__ import annotations

import unittest

from lib import bits, env, run
from lib.dumps import Dumps

LEVELS = (0, 1, 16, 31)
CODECS = ('none', 'zlib', 'lzo', 'snappy', 'zstd')
FULL = ('6.1', '6.12', '7')     # every level with every codec; other vmcores: one codec a level

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    env.page_checker()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


class Bytes(unittest.TestCase):
    def check(self, core: env.Vmcore, level: int, codec: str) -> None:
        with self.subTest(core=core.name, level=level, codec=codec):
            dump = dumps.read(core, level, codec)
            result = run.compare_pages(dump.path, core.path)
            dumps.forget(core, level, codec)
            self.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
            self.assertEqual(bits.from_bitmap(result.readable), dump.kept, 'libkdumpfile reads another set of pages')
            self.assertEqual(result.counts['pages'], dump.kept_count)
            self.assertGreater(result.counts['excluded'], 0)

    def check_kernel(self, kernel: str) -> None:
        core = env.vmcore_of(kernel)
        for level in LEVELS:
            for codec in CODECS:
                self.check(core, level, codec)

    def test_linux_6_1(self) -> None:
        self.check_kernel('6.1')

    def test_linux_6_12(self) -> None:
        self.check_kernel('6.12')

    def test_linux_7(self) -> None:
        self.check_kernel('7')

    def test_other_vmcores(self) -> None:
        others = [c for c in env.vmcores() if c.source.as_qemu_wrote_it or not c.release.startswith(tuple(
            kernel + '.' for kernel in FULL))]
        for number, core in enumerate(others):
            for index, level in enumerate(LEVELS):
                self.check(core, level, CODECS[(number + index) % len(CODECS)])


if __name__ == '__main__':
    unittest.main()
