# SPDX-License-Identifier: GPL-2.0-or-later
"""The core of a machine for which QEMU has no dump-guest-memory: memory as QMP's pmemsave writes it, and an ELF
header. It has no notes: what the CPUs did is not known."""
from __future__ import annotations

import shutil
from pathlib import Path

import elfcore
from elfcore import PT_LOAD, Draft, ElfCore, Segment
from machines import ByHand
from qemu import Qemu

IDENT = b'\x7fELF\2\1\1' + bytes(9)  # 64 bits, little-endian


def dump(qemu: Qemu, kind: ByHand, ram: list[tuple[int, int]], path: Path) -> None:
    """Write the ranges [begin, end) of a stopped guest's memory as a core file."""
    loads, at = [], elfcore.PAGE
    with open(path, 'wb') as sink:
        for begin, end in ram:
            piece = path.with_name('piece')
            qemu.command('pmemsave', val=begin, size=end - begin, filename=str(piece))
            sink.seek(at)
            with open(piece, 'rb') as source:
                shutil.copyfileobj(source, sink, 1 << 20)
            piece.unlink()
            loads.append(Segment(PT_LOAD, 7, at, 0, begin, end - begin, end - begin, 0))
            at += end - begin
        core = ElfCore(path, IDENT, 64, '<', kind.machine, kind.flags, 0, 0, 0, 0, tuple(loads))
        sink.seek(0)
        sink.write(elfcore.headers(Draft(core, core.bits, core.order, [], loads), loads))
