# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies of vmcores whose VMCOREINFO text is another one."""
from __future__ import annotations

import subprocess

from . import env


def entries(text: bytes) -> dict[str, str]:
    return dict(line.split('=', 1) for line in text.decode('latin1').strip('\0').splitlines() if '=' in line)


def note_of(core: env.Vmcore) -> dict[str, str]:
    return entries(core.source.vmcoreinfo())


def with_note(core: env.Vmcore, note: dict[str, str], path: str) -> str:
    """A copy of the vmcore with another note; what remains of the old one's room is filled up with zeros."""
    subprocess.run(['cp', '--sparse=always', core.path, path], check=True)
    old = core.source.vmcoreinfo()
    new = ''.join(f'{key}={value}\n' for key, value in note.items()).encode('latin1')
    if len(new) > len(old):
        raise ValueError(f'a note of {len(new)} bytes does not fit in the place of {len(old)}')
    with open(path, 'r+b') as file:
        at = file.read(1 << 20).index(old)
        file.seek(at)
        file.write(new.ljust(len(old), b'\0'))
    return path
