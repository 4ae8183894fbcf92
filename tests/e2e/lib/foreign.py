# SPDX-License-Identifier: GPL-2.0-or-later
"""Small ELF cores of any machine: either class and byte order, pages of any size."""
from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from pathlib import Path

import elfcore      # tests/vmcores, found through lib

SMALLEST_PAGE = 4096
UNKNOWN = 0xfe99        # e_machine of nobody
X86_64, AARCH64 = 62, 183


@dataclass(frozen=True)
class Foreign:
    machine: int = UNKNOWN
    bits: int = 64
    order: str = '<'
    page: int = 4096
    pages: int = 40
    base: int = 0x400000        # physical address
    vaddr: int = 0              # of the first page, where the PT_LOADs have one
    note: str = 'OSRELEASE=6.1.0-foreign\nPAGESIZE={page}\nSYMBOL(swapper_pg_dir)=80004000\n'
    flags: int = 0x5000200

    def __str__(self) -> str:
        return f'machine {self.machine}, ELF{self.bits} {self.order} with pages of {self.page} bytes'

    def content(self, number: int) -> bytes:
        """One of: zeros, noise, text; the same for the same number."""
        if number % 4 == 0:
            return bytes(self.page)
        if number % 4 == 1:
            return random.Random(number).randbytes(self.page)
        return (b'page %08d of a foreign core. ' % number * (self.page // 8))[:self.page]

    def write(self, path: str) -> str:
        """Two PT_LOADs side by side: half of the pages each."""
        notes = self._note('CORE', 1, bytes(144))
        if self.note:
            notes += self._note('VMCOREINFO', 0, self.note.format(page=self.page).encode())
        half = self.pages // 2 * self.page
        first = self.page
        table = self._phdr(elfcore.PT_NOTE, 512, 0, 0, len(notes))
        for i in (0, 1):
            vaddr = self.vaddr + i * half if self.vaddr else 0
            table += self._phdr(elfcore.PT_LOAD, first + i * half, vaddr, self.base + i * half, half)
        ehdr, phdr = elfcore.EHDR_SIZE[self.bits], elfcore.PHDR_SIZE[self.bits]
        ident = b'\x7fELF' + bytes([self.bits // 32, 1 if self.order == '<' else 2, 1])
        head = ident.ljust(16, b'\0') + struct.pack(self.order + elfcore.EHDR[self.bits], 4, self.machine, 1, 0, ehdr, 0,
                                                    self.flags, ehdr, phdr, 3, 0, 0, 0)
        with open(path, 'wb') as file:
            file.write(((head + table).ljust(512, b'\0') + notes).ljust(first, b'\0'))
            for i in range(self.pages):
                file.write(self.content(i))
        return path

    def _note(self, name: str, kind: int, desc: bytes) -> bytes:
        owner = name.encode() + b'\0'
        head = struct.pack(self.order + 'III', len(owner), len(desc), kind)
        return head + owner.ljust(-(-len(owner) // 4) * 4, b'\0') + desc.ljust(-(-len(desc) // 4) * 4, b'\0')

    def _phdr(self, kind: int, offset: int, vaddr: int, paddr: int, size: int) -> bytes:
        fields = (kind, 7, offset, vaddr, paddr, size, size, 0) if self.bits == 64 else \
            (kind, offset, vaddr, paddr, size, size, 7, 0)
        return struct.pack(self.order + elfcore.PHDR[self.bits], *fields)


def memory(path: str) -> dict[int, bytes]:
    """What an ELF core has, by physical address, in pieces of the smallest page; zeros are left out."""
    raw = Path(path).read_bytes()
    found = {}
    for load in elfcore.ElfCore.read(Path(path)).loads():
        for at in range(0, load.filesz, SMALLEST_PAGE):
            piece = raw[load.offset + at:load.offset + min(at + SMALLEST_PAGE, load.filesz)]
            if any(piece):
                found[load.paddr + at] = piece
    return found
