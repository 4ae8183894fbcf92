# SPDX-License-Identifier: GPL-2.0-or-later
"""Where things are kept, outside the source tree, and how they get there whole.

Everything lands under ${VMSIFT_CACHE:-${XDG_CACHE_HOME:-~/.cache}/vmsift}: Debian packages, unpacked
kernels, vmcores, the peers. A file or folder appears under its final name only when it is complete:
it is made beside it as `.NAME.PID.part` and renamed, so a killed run leaves nothing that looks done.
"""
from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Iterator

_START = time.monotonic()


def log(*words: object) -> None:
    """One progress line on stderr, with the seconds since the program started."""
    print(f'[{time.monotonic() - _START:7.1f} s]', *words, file=sys.stderr, flush=True)


def root() -> Path:
    """The cache folder; it is made by whoever first needs something in it."""
    explicit = os.environ.get('VMSIFT_CACHE')
    if explicit:
        return Path(explicit).absolute()
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base).absolute() / 'vmsift'


def folder(name: str) -> Path:
    """A sub-folder of the cache, made when missing."""
    path = root() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def remove(path: Path) -> None:
    """Delete a file or a tree; no complaint when it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _alive(pid: str) -> bool:
    return pid.isdigit() and Path('/proc', pid).exists()


def _sweep(path: Path) -> None:
    """Delete what killed runs left half-made for this path."""
    for litter in path.parent.glob(f'.{path.name}.*.part'):
        if not _alive(litter.name.split('.')[-2]):
            remove(litter)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path (nothing is there yet) that becomes `path` if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    part = path.parent / f'.{path.name}.{os.getpid()}.part'
    try:
        yield part
        if part.is_dir() and path.exists():
            return  # somebody else finished the same folder first: theirs is as good
        os.replace(part, path)
    finally:
        remove(part)


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Let one process at a time in; the kernel drops the lock when its holder dies."""
    with open(folder('locks') / name, 'w', encoding='ascii') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log(f'another run holds "{name}": waiting for it')
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
