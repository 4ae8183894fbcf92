# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own page classes (kpageflags) against what vmsift keeps and drops, on every vmcore there is.

The proof that needs no other dump filter: it holds on kernels newer than any of them. Tolerances and their reason
stand in lib/judge.py.
"""
from __future__ import annotations

import unittest

from lib import env, judge
from lib.dumps import Dumps

LEVELS = (1, 2, 4, 8, 16, 31)
REQUIRED = ('6.1', '6.12', '7')

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


class KernelOracle(unittest.TestCase):
    def test_the_kernels_that_matter_are_here(self) -> None:
        for kernel in REQUIRED:
            with self.subTest(kernel):
                env.vmcore_of(kernel)

    def test_every_vmcore(self) -> None:
        for core in env.all_vmcores():
            memory = core.source.present()
            for level in LEVELS if core in env.vmcores() else (31,):
                with self.subTest(core=core.name, level=level):
                    kept = dumps.read(core, level).kept
                    faults = judge.oracle_faults(core.flags, memory, kept, level)
                    if faults:
                        self.fail('\n'.join(faults))
                    dumps.forget(core, level)


if __name__ == '__main__':
    unittest.main()
