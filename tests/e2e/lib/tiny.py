# SPDX-License-Identifier: GPL-2.0-or-later
"""Tiny files that the tests write themselves: ELF cores of any shape, and kdump-compressed files.

The kdump writer here exists to test the checkers: it makes a sound dump that a test then spoils.
"""
from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass

from . import kdump, source

PAGE = source.PAGE
EHDR = struct.Struct('<16sHHIQQQIHHHHHH')
PHDR = struct.Struct('<IIQQQQQQ')
SHDR = struct.Struct('<IIQQQQIIQQ')
PT_LOAD, PT_NOTE, PN_XNUM = 1, 4, 0xffff
EM_X86_64 = 62
ET_CORE = 4


def page(number: int) -> bytes:
    """One of: zero, text that compresses, noise that does not. Never the same twice (but zero)."""
    if number % 4 == 0:
        return bytes(PAGE)
    if number % 4 == 1:
        return random.Random(number).randbytes(PAGE)
    return (b'page %08d of a tiny core. ' % number * 200)[:PAGE]


def pages(first: int, number: int) -> bytes:
    return b''.join(page(i) for i in range(first, first + number))


@dataclass
class Load:
    paddr: int
    data: bytes
    memsz: int | None = None      # beyond the data: memory that the file does not hold
    vaddr: int = 0


def note(name: str, kind: int, desc: bytes) -> bytes:
    raw = name.encode() + b'\0'
    return struct.pack('<III', len(raw), len(desc), kind) + raw.ljust(len(raw) + 3 & ~3, b'\0') \
        + desc.ljust(len(desc) + 3 & ~3, b'\0')


def prstatus() -> bytes:
    return note('CORE', source.NT_PRSTATUS, bytes(336))


@dataclass
class Shape:
    """How the file is laid out; the defaults are those of /proc/vmcore."""
    phoff: int = EHDR.size
    pn_xnum: bool = False          # the number of program headers stands in section header 0
    skew: int = 0                  # bytes that the data is off a page boundary
    note_segments: int = 1         # notes dealt out to so many PT_NOTEs
    machine: int = EM_X86_64
    type: int = ET_CORE


def program_header(kind: int, offset: int, vaddr: int, paddr: int, filesz: int, memsz: int) -> bytes:
    return PHDR.pack(kind, 7, offset, vaddr, paddr, filesz, memsz, 0)


def header(phoff: int, phnum: int, shoff: int = 0, kind: int = ET_CORE, machine: int = EM_X86_64) -> bytes:
    return EHDR.pack(b'\x7fELF\2\1\1'.ljust(16, b'\0'), kind, machine, 1, 0, phoff, shoff, 0, EHDR.size, PHDR.size,
                     phnum, SHDR.size if shoff else 0, 1 if shoff else 0, 0)


def elf(loads: list[Load], notes: list[bytes] | None = None, shape: Shape | None = None) -> bytes:
    shape = shape or Shape()
    notes = [prstatus()] if notes is None else notes
    count = shape.note_segments + len(loads)
    shoff = shape.phoff + count * PHDR.size if shape.pn_xnum else 0
    at = shape.phoff + count * PHDR.size + SHDR.size
    table, body = b'', []
    for i in range(shape.note_segments):
        raw = b''.join(notes[i::shape.note_segments])
        table += program_header(PT_NOTE, at, 0, 0, len(raw), len(raw))
        body.append((at, raw))
        at += len(raw)
    at = (at + PAGE - 1 & ~(PAGE - 1)) + shape.skew
    for load in loads:
        memsz = len(load.data) if load.memsz is None else load.memsz
        table += program_header(PT_LOAD, at, load.vaddr, load.paddr, len(load.data), memsz)
        body.append((at, load.data))
        at += len(load.data)
    head = header(shape.phoff, PN_XNUM if shape.pn_xnum else count, shoff, shape.type, shape.machine)
    out = bytearray(at)
    out[:len(head)] = head
    out[shape.phoff:shape.phoff + count * 56] = table
    if shoff:
        out[shoff:shoff + 64] = SHDR.pack(0, 0, 0, 0, 0, 0, 0, count, 0, 0)
    for offset, raw in body:
        out[offset:offset + len(raw)] = raw
    return bytes(out)


def write(path: str, raw: bytes) -> str:
    with open(path, 'wb') as file:
        file.write(raw)
    return path


def _bitmap(pfns: set[int], size: int) -> bytes:
    raw = bytearray(size)
    for pfn in pfns:
        raw[pfn >> 3] |= 1 << (pfn & 7)
    return bytes(raw)


def kdump_file(kept: dict[int, bytes], max_mapnr: int, memory: set[int] | None = None,
               zlib_level: int = 1) -> bytes:
    """A sound dump of these pages: zlib where it is smaller, raw elsewhere, no sharing."""
    half = ((max_mapnr + 7) // 8 + PAGE - 1) // PAGE * PAGE
    head = bytearray(PAGE)
    head[:8] = kdump.SIGNATURE
    for i, name in enumerate((b'Linux', b'tiny', b'6.1.0', b'#1', b'x86_64', b'(none)')):
        head[12 + 65 * i:12 + 65 * i + len(name)] = name
    values = {'header_version': 6, 'status': 1, 'block_size': PAGE, 'sub_hdr_size': 1,
              'bitmap_blocks': 2 * half // PAGE, 'max_mapnr': max_mapnr, 'nr_cpus': 1}
    for name, value in values.items():
        struct.pack_into('<I', head, kdump.MAIN[name], value)
    sub = bytearray(PAGE)
    struct.pack_into('<I', sub, kdump.SUB['dump_level'][0], 1)
    struct.pack_into('<Q', sub, kdump.SUB['max_mapnr_64'][0], max_mapnr)
    at = 2 * PAGE + 2 * half + len(kept) * kdump.DESCRIPTOR.size
    descriptors, data = bytearray(), bytearray()
    for pfn in sorted(kept):
        packed = zlib.compress(kept[pfn], zlib_level)
        raw, flags = (packed, 1) if len(packed) < PAGE else (kept[pfn], 0)
        descriptors += kdump.DESCRIPTOR.pack(at + len(data), len(raw), flags, 0)
        data += raw
    bitmaps = _bitmap(set(kept) | (memory or set()), half) + _bitmap(set(kept), half)
    return bytes(head + sub) + bitmaps + bytes(descriptors + data)
