# SPDX-License-Identifier: GPL-2.0-or-later
"""A fix-up: a little-endian pseries guest, which QEMU without KVM takes for a big-endian one.

It asks where interrupts would be taken; under TCG a guest of either kind answers big-endian. Memory is as the
guest left it; headers and registers come in the wrong order.
"""
from __future__ import annotations

import struct

from elfcore import Draft, GuestFiles, Note

NT_PRSTATUS = 1
REGISTERS_AT, REGISTERS = 112, 48  # struct elf_prstatus of ppc64; behind them stands one int, pr_fpvalid


def _turned(note: Note) -> Note:
    registers = struct.unpack_from(f'>{REGISTERS}Q', note.desc, REGISTERS_AT)
    desc = bytearray(len(note.desc))
    struct.pack_into(f'<{REGISTERS}Q', desc, REGISTERS_AT, *registers)
    return Note(note.name, note.type, bytes(desc))


def turn(draft: Draft, _: GuestFiles) -> str | None:
    """Make headers and registers little-endian. Of the notes NT_PRSTATUS stays, as /proc/vmcore has no other."""
    if draft.order == '<':
        return None
    draft.order = '<'
    draft.notes = [_turned(note) for note in draft.notes if note.name == 'CORE' and note.type == NT_PRSTATUS]
    return 'headers and registers turned to little-endian'
