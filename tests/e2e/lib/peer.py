# SPDX-License-Identifier: GPL-2.0-or-later
"""makedumpfile as the reference: the newest one here that understands a given kernel.

VMSIFT_PEER names one to use instead. Which version is right on which kernel was checked against kpageflags:
1.7.2 (bookworm) up to 6.1; 1.7.8 (sid) up to 7.0, since 7.1 moved the compound head to page.compound_info and
1.7.8 then drops slab pages; 1.7.9 knows it.
"""
from __future__ import annotations

import functools
import os
import re
import shutil

from . import env, kdump, run

# makedumpfile version -> the last kernel series it is right on
UNDERSTANDS = (((1, 7, 9), (99, 0)), ((1, 7, 8), (7, 0)), ((1, 7, 2), (6, 1)))


def last_kernel(version: tuple[int, ...]) -> tuple[int, int]:
    for known, kernel in UNDERSTANDS:
        if version >= known:
            return kernel
    return (0, 0)


def version_of(path: str) -> tuple[int, ...]:
    match = re.search(r'version (\d+)\.(\d+)\.(\d+)', run.run(path, '-v').out)
    return tuple(map(int, match.groups())) if match else (0,)


@functools.cache
def candidates() -> tuple[tuple[tuple[int, ...], str], ...]:
    """(version, path), the newest first."""
    named = os.environ.get('VMSIFT_PEER')
    paths = [named] if named else [env.peer_tool('makedumpfile-sid'), shutil.which('makedumpfile')]
    return tuple(sorted(((version_of(path), path) for path in paths if path), reverse=True))


def peer_for(core: env.Vmcore) -> str:
    for version, path in candidates():
        if last_kernel(version) >= core.version:
            return path
    raise env.missing(f'no makedumpfile here understands Linux {core.release}')


def dump(core: env.Vmcore, folder: str, level: int, *options: str) -> kdump.Kdump:
    """The reference dump, uncompressed: only its headers and bitmaps are looked at."""
    target = os.path.join(folder, f'peer-{core.name}-d{level}')
    done = run.run(peer_for(core), '-d', str(level), '--message-level', '4', *options, core.path, target)
    if done.status != 0:
        raise AssertionError(f'the reference failed:\n{done}')
    dumped = kdump.read(target)
    os.unlink(target)
    return dumped
