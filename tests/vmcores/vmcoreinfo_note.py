# SPDX-License-Identifier: GPL-2.0-or-later
"""A fix-up: the VMCOREINFO note of a guest that could not hand it to QEMU.

The kernel keeps the note in its memory, as it is to stand in /proc/vmcore, and says in /sys/kernel/vmcoreinfo
where: the physical address and the size of the place, both in hexadecimal, the size without 0x.
"""
from __future__ import annotations

import elfcore
from elfcore import Draft, ElfError, GuestFiles

NAME = 'VMCOREINFO'


def add(draft: Draft, guest: GuestFiles) -> str | None:
    """Add the note where the core has none."""
    if any(note.name == NAME for note in draft.notes):
        return None
    words = guest.files.get('vmcoreinfo', '').split()
    if len(words) != 2:
        raise ElfError('no VMCOREINFO note: QEMU wrote none and the guest does not say where it is')
    address, size = (int(word, 16) for word in words)
    found = elfcore.parse_notes(draft.core.memory(address, size), draft.order)
    if not found or found[0].name != NAME:
        raise ElfError(f'no VMCOREINFO note at {address:#x} in guest memory')
    draft.notes.append(found[0])
    return 'VMCOREINFO note added from guest memory'
