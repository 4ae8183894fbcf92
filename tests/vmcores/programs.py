# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of this machine in a guest's initramfs: each with its libraries and its loader."""
from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from initramfs import File

# glibc loads it by itself when a thread ends; nothing names it
UNNAMED = ('libgcc_s.so.1',)


@dataclass(frozen=True)
class Program:
    """One to be found as /usr/bin/NAME. `library_path`: libraries of another suite, with that suite's loader."""
    name: str
    path: Path
    library_path: Path | None = None

    @property
    def loader(self) -> Path:
        """That runs it and knows which libraries it needs."""
        return (self.library_path or Path('/lib64')) / 'ld-linux-x86-64.so.2'


def _libraries(program: Program) -> list[Path]:
    command = [str(program.loader)]
    if program.library_path:
        command += ['--library-path', str(program.library_path)]
    listed = subprocess.run([*command, '--list', str(program.path)], capture_output=True, text=True, check=True).stdout
    found = [Path(path) for path in re.findall(r'=> (/\S+) \(0x', listed)]
    folder = next((path.parent for path in found if path.name == 'libc.so.6'), Path('/'))
    return found + [folder / name for name in UNNAMED if (folder / name).exists()]


def _content(path: Path) -> bytes:
    return Path(os.path.realpath(path)).read_bytes()


def files(program: Program) -> list[File]:
    """What the initramfs needs to run it."""
    libraries = _libraries(program)
    if not program.library_path:
        return [File(f'usr/bin/{program.name}', program.path.read_bytes(), 0o755),
                *(File(str(path), _content(path), 0o755) for path in (program.loader, *libraries))]
    place = f'/usr/lib/{program.name}'
    script = f'#!/bin/sh\nexec {place}/{program.loader.name} --library-path {place} {place}/{program.name} "$@"\n'
    return [File(f'usr/bin/{program.name}', script.encode(), 0o755),
            File(f'{place}/{program.name}', program.path.read_bytes(), 0o755),
            *(File(f'{place}/{path.name}', _content(path), 0o755) for path in (program.loader, *libraries))]
