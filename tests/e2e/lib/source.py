# SPDX-License-Identifier: GPL-2.0-or-later
"""The ELF core that a dump is made from: which page frames it has, its notes, its kernel."""
from __future__ import annotations

from functools import cached_property
from pathlib import Path

import elfcore      # tests/vmcores

from . import bits

PAGE = 4096
NT_PRSTATUS = 1
EM_ARM = 40
NO_PADDR = (1 << 64) - 1


class Source:
    def __init__(self, path: str, page: int = PAGE) -> None:
        self.page = page        # bytes of the kernel's pages
        self.headers = elfcore.ElfCore.read(Path(path))
        self.loads = [s for s in self.headers.loads() if s.paddr != NO_PADDR]

    @property
    def as_qemu_wrote_it(self) -> bool:
        """Program headers not right behind the ELF header: no makedumpfile opens it."""
        return self.headers.phoff != elfcore.EHDR_SIZE[64]

    def max_mapnr(self) -> int:
        return max((s.paddr + s.memsz + self.page - 1) // self.page for s in self.loads)

    @property
    def first_pfn(self) -> int:
        """The page frame that a kdump-compressed dump counts from: arm's count from the first byte of memory."""
        return min(s.paddr for s in self.loads) // self.page if self.headers.machine == EM_ARM else 0

    def present(self) -> bits.PfnSet:
        """The page frames that have memory: every page a PT_LOAD touches."""
        return self._pages('memsz')

    def with_data(self) -> bits.PfnSet:
        """Those of which the file holds at least one byte; the rest was left out by whoever wrote the core."""
        return self._pages('filesz')

    def _pages(self, size: str) -> bits.PfnSet:
        pfns = 0
        for s in self.loads:
            if getattr(s, size):
                pfns |= bits.from_range(s.paddr // self.page,
                                        (s.paddr + getattr(s, size) + self.page - 1) // self.page)
        return pfns

    @cached_property
    def raw_notes(self) -> bytes:
        """The first note segment, as it stands in the file: what a dump carries on."""
        first = next((s for s in self.headers.segments if s.type == elfcore.PT_NOTE), None)
        if first is None:
            return b''
        with open(self.headers.path, 'rb') as file:
            file.seek(first.offset)
            return file.read(first.filesz)

    @cached_property
    def notes(self) -> list[elfcore.Note]:
        return elfcore.parse_notes(self.raw_notes, self.headers.order)

    def vmcoreinfo(self) -> bytes:
        return next((n.desc for n in self.notes if n.name == 'VMCOREINFO'), b'')

    def info(self, key: str) -> str:
        """A value of the VMCOREINFO text; empty where there is none."""
        lines = self.vmcoreinfo().decode('latin1').splitlines()
        return next((line.partition('=')[2] for line in lines if line.startswith(key + '=')), '')

    def file_offset(self, paddr: int) -> int:
        for s in self.loads:
            if s.paddr <= paddr < s.paddr + s.filesz:
                return s.offset + paddr - s.paddr
        raise ValueError(f'no memory at {paddr:#x}')

    def read(self, paddr: int, size: int) -> bytes:
        with open(self.headers.path, 'rb') as file:
            file.seek(self.file_offset(paddr))
            return file.read(size)

    def cpus(self) -> int:
        return sum(n.type == NT_PRSTATUS and n.name == 'CORE' for n in self.notes)
