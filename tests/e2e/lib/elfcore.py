# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF64 little-endian cores: segments, notes, VMCOREINFO. Program headers are taken from e_phoff, wherever it points."""
from __future__ import annotations

import struct
from dataclasses import dataclass

from . import bits

PAGE = 4096
EHDR = struct.Struct('<16sHHIQQQIHHHHHH')
PHDR = struct.Struct('<IIQQQQQQ')
SHDR = struct.Struct('<IIQQQQIIQQ')
PT_LOAD, PT_NOTE, PN_XNUM = 1, 4, 0xffff
NT_PRSTATUS = 1
NO_PADDR = (1 << 64) - 1


@dataclass(frozen=True)
class Segment:
    type: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int

    def pack(self) -> bytes:
        return PHDR.pack(self.type, 7, self.offset, self.vaddr, self.paddr, self.filesz, self.memsz, 0)


@dataclass(frozen=True)
class Note:
    name: str
    type: int
    desc: bytes


def parse_notes(raw: bytes) -> list[Note]:
    notes, at = [], 0
    while at + 12 <= len(raw):
        name_size, desc_size, kind = struct.unpack_from('<III', raw, at)
        name = raw[at + 12:at + 12 + name_size].rstrip(b'\0').decode('latin1')
        start = at + 12 + (name_size + 3 & ~3)
        notes.append(Note(name, kind, raw[start:start + desc_size]))
        at = start + (desc_size + 3 & ~3)
    return notes


class ElfCore:
    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, 'rb') as file:
            head = EHDR.unpack(file.read(EHDR.size))
            if head[0][:6] != b'\x7fELF\2\1':
                raise ValueError(f'{path}: not an ELF64 little-endian file')
            self.type, self.phoff, count = head[1], head[5], head[10]
            if count == PN_XNUM:
                file.seek(head[6])
                count = SHDR.unpack(file.read(SHDR.size))[7]
            file.seek(self.phoff)
            raw = file.read(count * PHDR.size)
            self.segments = [Segment(t, off, va, pa, fs, ms) for t, _, off, va, pa, fs, ms, _ in PHDR.iter_unpack(raw)]
            first = [s for s in self.segments if s.type == PT_NOTE][:1]
            self.raw_notes = b''
            for segment in first:
                file.seek(segment.offset)
                self.raw_notes = file.read(segment.filesz)
        self.notes = parse_notes(self.raw_notes)

    @property
    def loads(self) -> list[Segment]:
        return [s for s in self.segments if s.type == PT_LOAD and s.paddr != NO_PADDR]

    def max_mapnr(self) -> int:
        return max((s.paddr + s.memsz + PAGE - 1) // PAGE for s in self.loads)

    def present(self) -> bits.PfnSet:
        """The page frames that have memory: every page a PT_LOAD touches."""
        pfns = 0
        for s in self.loads:
            pfns |= bits.from_range(s.paddr // PAGE, (s.paddr + s.memsz + PAGE - 1) // PAGE)
        return pfns

    def vmcoreinfo(self) -> dict[str, str]:
        text = b''.join(n.desc for n in self.notes if n.name == 'VMCOREINFO').decode('latin1')
        return dict(line.split('=', 1) for line in text.splitlines() if '=' in line)

    def cpus(self) -> int:
        return sum(n.type == NT_PRSTATUS and n.name == 'CORE' for n in self.notes)
