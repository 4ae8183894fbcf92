# SPDX-License-Identifier: GPL-2.0-or-later
"""drgn lists the same tasks from a level 31 dump as from an unfiltered one, and as crash does from the vmcore.

drgn 0.0.22 cannot read QEMU's ELF itself, which gives no virtual addresses ("recursive address translation"), so the
unfiltered side is a level 0 dump, whose bytes test_bytes.py compares with the ELF.
"""
from __future__ import annotations

import unittest

from lib import debuggers, env
from lib.dumps import Dumps

dumps: Dumps
core: env.Vmcore
vmlinux: str


def setUpModule() -> None:
    global dumps, core, vmlinux
    env.program()
    core = env.vmcore_of('6.1')
    vmlinux = debuggers.vmlinux_of(core)
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


class Drgn(unittest.TestCase):
    def test_tasks(self) -> None:
        unfiltered = debuggers.drgn_tasks(dumps.path(core, 0, 'none'), vmlinux)
        dumps.forget(core, 0, 'none')
        self.assertGreater(len(unfiltered), 40)
        self.assertIn((2, 'kthreadd'), unfiltered)
        for codec in ('lzo', 'zstd', 'zlib', 'snappy', 'none'):
            with self.subTest(codec=codec):
                self.assertEqual(debuggers.drgn_tasks(dumps.path(core, 31, codec), vmlinux), unfiltered)

    def test_tasks_are_those_crash_finds_in_the_vmcore(self) -> None:
        debuggers.crash_program()
        ps = debuggers.crash(core.path, vmlinux, ('ps',))['ps']
        self.assertEqual(debuggers.drgn_tasks(dumps.path(core, 31, 'lzo'), vmlinux), debuggers.tasks_of_ps(ps))


if __name__ == '__main__':
    unittest.main()
