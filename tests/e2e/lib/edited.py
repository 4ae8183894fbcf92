# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies of a real vmcore whose VMCOREINFO says something else."""
from __future__ import annotations

import os
import subprocess
import tempfile

import elfcore      # tests/vmcores

from . import env


class EditedCore:
    """One copy, of which the note is written anew as often as needed."""

    def __init__(self, core: env.Vmcore) -> None:
        self.core = core
        self.path = os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'core')
        subprocess.run(['cp', '--sparse=always', core.path, self.path], check=True)
        self.true_note = core.source.vmcoreinfo()

    def write(self, changes: dict[str, str | None]) -> str:
        """The true note with these values; None takes a key away. The path of the copy."""
        note = dict(line.split('=', 1) for line in self.true_note.rstrip(b'\0').decode().splitlines() if '=' in line)
        for key, value in changes.items():
            if value is None:
                del note[key]
            else:
                note[key] = value
        note.pop('LENGTH(printk_info_device)', None)     # room for longer values; of use to the log alone
        text = ''.join(f'{key}={value}\n' for key, value in note.items()).encode()
        if len(text) > len(self.true_note):
            raise ValueError('there is no room for that note')
        source = self.core.source
        notes = next(s for s in source.headers.segments if s.type == elfcore.PT_NOTE)
        with open(self.path, 'r+b') as file:
            file.seek(notes.offset + source.raw_notes.index(self.true_note))
            file.write(text.ljust(len(self.true_note), b'\n'))
        return self.path

    def remove(self) -> None:
        os.remove(self.path)
        os.rmdir(os.path.dirname(self.path))
