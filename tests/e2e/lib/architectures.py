# SPDX-License-Identifier: GPL-2.0-or-later
"""One test on the vmcore of every other architecture that there is."""
from __future__ import annotations

import unittest
from collections.abc import Callable

from . import env
from .dumps import Dumps

UTSNAME_FIELD = 65


class EachArchitecture(unittest.TestCase):
    dumps: Dumps

    @classmethod
    def setUpClass(cls) -> None:
        env.program()
        cls.dumps = Dumps()
        cls.addClassCleanup(cls.dumps.close)

    def each(self, check: Callable[[env.Vmcore], None]) -> None:
        found = 0
        for name in env.other_architectures():
            with self.subTest(name):
                core = env.vmcore_of_any_architecture(name)
                found += 1
                check(core)
        if not found:
            raise env.missing('no vmcore of another architecture')


def utsname_at(core: env.Vmcore, field: int) -> int:
    """Where a field of struct new_utsname stands, in the image: 0 the system's name, 2 the release."""
    names = int(core.source.info('SYMBOL(init_uts_ns)'), 16) + int(core.source.info('OFFSET(uts_namespace.name)'))
    return names + field * UTSNAME_FIELD
