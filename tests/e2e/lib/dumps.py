# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps shared by the tests of one module: made once, removed when the module is done."""
from __future__ import annotations

import os
import shutil
import tempfile

from . import env, kdump, run


class Dumps:
    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(dir=env.scratch())
        self._made: dict[tuple, str] = {}

    def path(self, core: env.Vmcore, level: int, codec: str = 'lzo', *extra: str) -> str:
        key = (core.name, level, codec, extra)
        if key not in self._made:
            target = os.path.join(self.folder, f'{len(self._made)}-{core.name}-d{level}-{codec}')
            self._made[key] = run.make_dump(core.path, target, level, codec, *extra)
        return self._made[key]

    def read(self, core: env.Vmcore, level: int, codec: str = 'lzo', *extra: str) -> kdump.Kdump:
        return kdump.read(self.path(core, level, codec, *extra))

    def forget(self, core: env.Vmcore, level: int, codec: str = 'lzo', *extra: str) -> None:
        """A level 0 dump is as large as its machine: give the room back early."""
        path = self._made.pop((core.name, level, codec, extra), None)
        if path:
            os.unlink(path)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
