# SPDX-License-Identifier: GPL-2.0-or-later
"""A signal at a chosen write of a run, in any way to write (kill_at_write.c)."""
from __future__ import annotations

import os

from . import modes, preload, run
from .modes import Mode


class Preloaded:
    def __init__(self, folder: str, sources: modes.Sources) -> None:
        self.folder, self.sources = folder, sources
        self.library = preload.build(folder, 'kill_at_write')

    def write(self, mode: Mode, threads: str, **how: str) -> tuple[run.Result, str]:
        """What was said, and the target."""
        target = os.path.join(self.folder, 'dump')
        for path in modes.files(mode, target):
            if os.path.exists(path):
                os.unlink(path)
        # An address sanitizer wants to be the first library otherwise.
        environment = {**os.environ, 'LD_PRELOAD': self.library, 'ASAN_OPTIONS': 'verify_asan_link_order=0', **how}
        extra = () if mode.stdin else ('--num-threads', threads)
        return modes.write(mode, self.sources.of(mode), target, *extra, environment=environment), target

    def calls(self, mode: Mode, threads: str) -> int:
        """How many writes there are when nothing stops it."""
        count = os.path.join(self.folder, 'count')
        done, _ = self.write(mode, threads, KILL_COUNT=count)
        if done.status:
            raise AssertionError(f'no dump was made:\n{done}')
        with open(count, encoding='ascii') as file:
            return int(file.read())
