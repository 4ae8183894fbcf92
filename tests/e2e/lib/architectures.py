# SPDX-License-Identifier: GPL-2.0-or-later
"""One test on the vmcore of every other architecture that there is."""
from __future__ import annotations

import unittest
from collections.abc import Callable

from . import env


class EachArchitecture(unittest.TestCase):
    def each(self, check: Callable[[env.Vmcore], None]) -> None:
        found = 0
        for name in env.other_architectures():
            with self.subTest(name):
                core = env.vmcore_of_any_architecture(name)
                found += 1
                check(core)
        if not found:
            raise env.missing('no vmcore of another architecture')
