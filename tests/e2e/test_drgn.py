# SPDX-License-Identifier: GPL-2.0-or-later
"""drgn lists the same tasks from a level 31 dump as from an unfiltered one, and as crash does from the vmcore; and by
the kernel's debug info it sees every page in the class that vmsift gives it.

drgn 0.0.22 cannot read QEMU's ELF itself, which gives no virtual addresses ("recursive address translation"), so the
unfiltered side is a level 0 dump, whose bytes test_bytes.py compares with the ELF.
"""
from __future__ import annotations

import unittest

from lib import bits, debuggers, env, pageclasses
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

    def test_every_page_of_6_12_and_later_has_the_class_that_debug_info_says(self) -> None:
        """No tolerance: both look at the same memory, drgn at what a level 31 dump kept of it."""
        judged = [c for c in env.all_vmcores() if c.version >= (6, 12) and env.peer_tool(f'vmlinux-{c.release}')]
        if not judged:
            self.skipTest('no vmlinux of 6.12 or later in peers/ (scripts/fetch-peers vmlinux-7)')
        for judged_core in judged:
            theirs = debuggers.drgn_classes(dumps.path(judged_core, 31), debuggers.vmlinux_of(judged_core))
            ours = pageclasses.load(judged_core.path)
            memory = judged_core.source.present()
            for name, pages in theirs.items():
                with self.subTest(core=judged_core.name, page_class=name):
                    differ = (pages ^ ours.of(name)) & memory
                    self.assertEqual(differ, 0, f'{bits.count(differ)} pages, the first 0x{bits.first(differ):x}')
            dumps.forget(judged_core, 31)


if __name__ == '__main__':
    unittest.main()
