# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF core files: reading their headers and notes, and writing one anew in the layout of /proc/vmcore.

QEMU >= 7.2 writes section headers first (e_phoff 192, e_ehsize 8 on 64 bits) and memory at whatever
offset follows. That is legal, and vmsift reads it, but makedumpfile ignores e_phoff and finds no
PT_LOAD, and it only maps memory (rather than reading it) at page-aligned file offsets. A vmcore made
by the kernel has its program headers right behind the ELF header and everything else on page
boundaries, and describes System RAM only, where QEMU adds the machine's ROM; relayout() brings a core
into that shape without touching a byte of memory. What else QEMU's headers lack on some machines is added
on the way by fix-ups, each in a file of its own.
"""
from __future__ import annotations

import os
import re
import struct
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO, Callable, Iterable

PT_LOAD, PT_NOTE = 1, 4
PN_XNUM = 0xFFFF  # e_phnum when the real number is in section header 0
PAGE = 4096

EHDR = {64: 'HHIQQQIHHHHHH', 32: 'HHIIIIIHHHHHH'}  # behind the 16 bytes of e_ident
PHDR = {64: 'IIQQQQQQ', 32: 'IIIIIIII'}
EHDR_SIZE = {64: 64, 32: 52}
PHDR_SIZE = {64: 56, 32: 32}
SH_INFO_AT = {64: 44, 32: 28}


class ElfError(Exception):
    """The file is not an ELF core that can be used, and why."""


@dataclass(frozen=True)
class Segment:
    """A program header."""
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


@dataclass(frozen=True)
class Note:
    """One ELF note: NT_PRSTATUS of a CPU, QEMU's CPU state, VMCOREINFO."""
    name: str
    type: int
    desc: bytes


def _aligned(number: int, unit: int) -> int:
    return -(-number // unit) * unit


def _read_exactly(file: BinaryIO, offset: int, size: int, what: str) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if len(content) != size:
        raise ElfError(f'{file.name}: {what} at {offset:#x} reaches past the end of the file')
    return content


@dataclass(frozen=True)
class ElfCore:
    """The headers of a core file of either class and byte order."""
    path: Path
    ident: bytes
    bits: int
    order: str  # of struct: '<' or '>'
    machine: int
    flags: int
    phoff: int
    ehsize: int
    shoff: int
    shnum: int
    segments: tuple[Segment, ...]

    @classmethod
    def read(cls, path: Path) -> ElfCore:
        """Parse the ELF header and the program headers, wherever e_phoff says they are."""
        with open(path, 'rb') as file:
            ident = _read_exactly(file, 0, 16, 'e_ident')
            if ident[:4] != b'\x7fELF' or ident[4] not in (1, 2) or ident[5] not in (1, 2):
                raise ElfError(f'{path}: not an ELF file')
            bits, order = 32 * ident[4], '<>'[ident[5] - 1]
            header = _read_exactly(file, 16, EHDR_SIZE[bits] - 16, 'the ELF header')
            (_, machine, _, _, phoff, shoff, flags, ehsize, phentsize, phnum, _, shnum,
             _) = struct.unpack(order + EHDR[bits], header)
            if phentsize != PHDR_SIZE[bits]:
                raise ElfError(f'{path}: program headers of {phentsize} bytes')
            if phnum == PN_XNUM:
                sh_info = _read_exactly(file, shoff + SH_INFO_AT[bits], 4, 'section header 0')
                phnum, = struct.unpack(order + 'I', sh_info)
            table = _read_exactly(file, phoff, phnum * phentsize, 'the program header table')
        segments = tuple(_unpack_segment(fields, bits) for fields in struct.iter_unpack(order + PHDR[bits], table))
        return cls(path, ident, bits, order, machine, flags, phoff, ehsize, shoff, shnum, segments)

    def loads(self) -> list[Segment]:
        """The segments that hold memory."""
        return [segment for segment in self.segments if segment.type == PT_LOAD]

    def notes(self) -> list[Note]:
        """All notes of all note segments."""
        found = []
        with open(self.path, 'rb') as file:
            for segment in self.segments:
                if segment.type == PT_NOTE:
                    found += parse_notes(_read_exactly(file, segment.offset, segment.filesz, 'the notes'), self.order)
        return found

    def vmcoreinfo(self) -> bytes | None:
        """The text of the VMCOREINFO note."""
        return next((note.desc.rstrip(b'\0') for note in self.notes() if note.name == 'VMCOREINFO'), None)

    def memory(self, paddr: int, size: int) -> bytes:
        """The bytes at a physical address."""
        for load in self.loads():
            if load.paddr <= paddr and paddr + size <= load.paddr + load.filesz:
                with open(self.path, 'rb') as file:
                    return _read_exactly(file, load.offset + paddr - load.paddr, size, 'memory')
        raise ElfError(f'{self.path}: no memory at {paddr:#x}')

    def check_complete(self) -> None:
        """Raise when the file is shorter than its segments say."""
        need = max((segment.offset + segment.filesz for segment in self.segments), default=0)
        if os.path.getsize(self.path) < need:
            raise ElfError(f'{self.path}: {os.path.getsize(self.path)} bytes, its segments need {need}')

    def facts(self) -> dict:
        """What the headers say, for facts.json."""
        return {
            'size': os.path.getsize(self.path), 'class': self.bits, 'machine': self.machine,
            'endian': 'little' if self.order == '<' else 'big',
            'e_phoff': self.phoff, 'e_ehsize': self.ehsize, 'e_shoff': self.shoff, 'e_shnum': self.shnum,
            'segments': [asdict(segment) for segment in self.segments],
            'notes': [{'name': note.name, 'type': note.type, 'size': len(note.desc)} for note in self.notes()],
        }


def _unpack_segment(fields: tuple[int, ...], bits: int) -> Segment:
    if bits == 64:
        return Segment(*fields)
    kind, offset, vaddr, paddr, filesz, memsz, flags, align = fields
    return Segment(kind, flags, offset, vaddr, paddr, filesz, memsz, align)


@dataclass
class Draft:
    """The headers of a core that is about to be written: those of `core`, and what fix-ups make of them."""
    core: ElfCore
    bits: int
    order: str
    notes: list[Note]
    loads: list[Segment]  # of these bytes of `core`: an offset is one there


@dataclass(frozen=True)
class GuestFiles:
    """What fix-ups may know of the guest."""
    config: str            # the text of the kernel's configuration
    files: dict[str, str]  # what it printed about itself, see guest_init.sh


Fixup = Callable[[Draft, GuestFiles], 'str | None']  # returns what it changed, for facts.json


def _pack_segment(segment: Segment, core: Draft) -> bytes:
    kind, flags, *rest = (segment.type, segment.flags, segment.offset, segment.vaddr, segment.paddr,
                          segment.filesz, segment.memsz, segment.align)
    fields = [kind, flags, *rest] if core.bits == 64 else [kind, *rest[:-1], flags, rest[-1]]
    return struct.pack(core.order + PHDR[core.bits], *fields)


def parse_notes(content: bytes, order: str) -> list[Note]:
    """The notes in the bytes of a note segment; a note that runs past the end is left out."""
    notes, at = [], 0
    while at + 12 <= len(content):
        name_size, desc_size, kind = struct.unpack_from(order + 'III', content, at)
        name_at = at + 12
        desc_at = name_at + _aligned(name_size, 4)
        if desc_at + desc_size > len(content):
            break
        name = content[name_at:name_at + name_size].rstrip(b'\0').decode('latin-1')
        notes.append(Note(name, kind, content[desc_at:desc_at + desc_size]))
        at = desc_at + _aligned(desc_size, 4)
    return notes


def pack_note(note: Note, order: str) -> bytes:
    """A note as it stands in a note segment."""
    name = note.name.encode('latin-1') + b'\0'
    parts = struct.pack(order + 'III', len(name), len(note.desc), note.type), name, note.desc
    return b''.join(part + bytes(-len(part) % 4) for part in parts)


def headers(draft: Draft, segments: list[Segment]) -> bytes:
    """An ELF header with the program headers right behind it and no sections."""
    size, core = EHDR_SIZE[draft.bits], draft.core
    ident = core.ident[:4] + bytes((draft.bits // 32, '<>'.index(draft.order) + 1)) + core.ident[6:]
    header = struct.pack(draft.order + EHDR[draft.bits], 4, core.machine, 1, 0, size, 0, core.flags,
                         size, PHDR_SIZE[draft.bits], len(segments), 0, 0, 0)
    return ident + header + b''.join(_pack_segment(segment, draft) for segment in segments)


def _copy_sparse(source: BinaryIO, sink: BinaryIO, old: Segment, new: Segment) -> None:
    """Copy a segment's bytes; pages of zeros become holes of the (new, empty) output file."""
    source.seek(old.offset)
    left, at = old.filesz, new.offset
    zeros = bytes(1 << 16)
    while left:
        block = source.read(min(left, len(zeros)))
        if not block:
            raise ElfError(f'{source.name}: ends in the middle of a segment')
        if block != zeros[:len(block)]:
            for start in range(0, len(block), PAGE):
                page = block[start:start + PAGE]
                if page != zeros[:len(page)]:
                    sink.seek(at + start)
                    sink.write(page)
        at += len(block)
        left -= len(block)


def system_ram(iomem: str) -> list[tuple[int, int]]:
    """The ranges [begin, end) that the text of /proc/iomem calls System RAM."""
    found = re.findall(r'^([0-9a-f]+)-([0-9a-f]+) : System RAM', iomem, re.MULTILINE)
    return [(int(first, 16), int(last, 16) + 1) for first, last in found]


def _holds_any(segment: Segment, ranges: list[tuple[int, int]]) -> bool:
    return any(segment.paddr < end and begin < segment.paddr + segment.memsz for begin, end in ranges)


def relayout(source: Path, sink: Path, ram: list[tuple[int, int]] | None = None,
             fixups: Iterable[Fixup] = (), guest: GuestFiles = GuestFiles('', {})) -> list[str]:
    """Write `source` anew as `sink`, laid out as the kernel lays out /proc/vmcore.

    Memory that has nothing of `ram` is left out; None keeps all. Returns what the fix-ups changed.
    """
    core = ElfCore.read(source)
    loads = [load for load in core.loads() if ram is None or _holds_any(load, ram)]
    if len(loads) + 1 >= PN_XNUM:
        raise ElfError(f'{source}: too many segments')
    draft = Draft(core, core.bits, core.order, core.notes(), loads)
    changes = [words for words in (fixup(draft, guest) for fixup in fixups) if words]
    notes = b''.join(pack_note(note, draft.order) for note in draft.notes)
    end = EHDR_SIZE[draft.bits] + PHDR_SIZE[draft.bits] * (len(draft.loads) + 1)
    moved = []
    for segment in (Segment(PT_NOTE, 0, 0, 0, 0, len(notes), len(notes), 0), *draft.loads):
        moved.append(replace(segment, offset=_aligned(end, PAGE)))
        end = moved[-1].offset + segment.filesz
    with open(source, 'rb') as old_file, open(sink, 'wb') as new_file:
        new_file.write(headers(draft, moved))
        new_file.seek(moved[0].offset)
        new_file.write(notes)
        for old, new in zip(draft.loads, moved[1:]):
            _copy_sparse(old_file, new_file, old, new)
        new_file.truncate(end)
    return changes
