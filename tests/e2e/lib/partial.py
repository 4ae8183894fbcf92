# SPDX-License-Identifier: GPL-2.0-or-later
"""What there is of a dump whose writer was stopped, in any form, and what is wrong with it.

Frames are taken off by zstd and lz4 themselves, records by lib/flat; pages of kdump-compressed dumps are read by
libkdumpfile, those of ELF cores here.
"""
from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import flat, judge, kdump, modes, run, tiny
from .tiny import PAGE, Load

PAGES = 4800
FIRST = (256, 1 << 16)      # page frames where the two pieces of memory begin
E_FLAGS, E_PHOFF, E_PHNUM = 48, 32, 56


def page(number: int) -> bytes:
    """Half of them noise, which no codec makes smaller: room is what the tests are about."""
    if number % 4 < 2:
        return random.Random(number).randbytes(PAGE)
    return bytes(PAGE) if number % 4 == 2 else tiny.page(2 + 4 * number)


class Memory:
    """A core of its own, and its pages."""

    def __init__(self, path: str, pages: int = PAGES) -> None:
        half = pages // 2
        parts = [b''.join(page(i) for i in range(first, first + half)) for first in (0, half)]
        self.path = tiny.write(path, tiny.elf([Load(f * PAGE, part) for f, part in zip(FIRST, parts)]))
        self.parts = dict(zip(FIRST, parts))
        self.kept = sum(page(i) != bytes(PAGE) for i in range(2 * half))     # at modes.LEVEL

    def at(self, pfn: int, pages: int) -> bytes | None:
        """None: they are not all memory."""
        for first, part in self.parts.items():
            begin = (pfn - first) * PAGE
            if begin >= 0 and begin + pages * PAGE <= len(part):
                return part[begin:begin + pages * PAGE]
        return None


@dataclass
class Saved:
    faults: list[str] = field(default_factory=list)
    pages: int = 0          # that are there and not zero
    opens: bool = False     # a reader takes the dump
    marked: bool = False    # it says of itself that it is incomplete
    ended: bool = True      # the stream has its end record


def without_frames(path: str, tool: str, target: str) -> str:
    """As much as whole frames give; the tool complains of the one that is cut."""
    with open(path, 'rb') as source, open(target, 'wb') as sink:
        subprocess.run([tool, '-dc', '-q'], stdin=source, stdout=sink, stderr=subprocess.DEVNULL, timeout=60)
    return target


@dataclass(frozen=True)
class Segment:
    type: int
    offset: int
    paddr: int
    filesz: int
    memsz: int


def elf_segments(raw: bytes) -> Iterator[Segment]:
    """Of an ELF64 little-endian core; ValueError: none that a reader would open."""
    if len(raw) < tiny.EHDR.size or raw[:6] != b'\x7fELF\2\1':
        raise ValueError('no ELF header')
    phoff, phnum = struct.unpack_from('<Q', raw, E_PHOFF)[0], struct.unpack_from('<H', raw, E_PHNUM)[0]
    if phnum == 0 or phoff + phnum * tiny.PHDR.size > len(raw):
        raise ValueError('no program headers')
    for i in range(phnum):
        kind, _, offset, _, paddr, filesz, memsz, _ = tiny.PHDR.unpack_from(raw, phoff + i * tiny.PHDR.size)
        yield Segment(kind, offset, paddr, filesz, memsz)


def _elf(path: str, memory: Memory, saved: Saved) -> None:
    with open(path, 'rb') as file:
        raw = file.read()
    saved.marked = len(raw) >= E_FLAGS + 4 and bool(struct.unpack_from('<I', raw, E_FLAGS)[0] & 1)
    try:
        segments = list(elf_segments(raw))
    except ValueError:
        return
    saved.opens = True
    past = [s for s in segments if s.offset + s.filesz > len(raw)]
    if past:
        saved.faults.append(f'{len(past)} program headers point past the end of the file')
    for s in segments:
        if s.type != tiny.PT_LOAD or s in past:
            continue
        expected = memory.at(s.paddr // PAGE, s.memsz // PAGE)
        if expected is None or s.memsz % PAGE or s.filesz % PAGE:
            saved.faults.append(f'{s}: not of the source')
            continue
        if raw[s.offset:s.offset + s.filesz] != expected[:s.filesz]:
            saved.faults.append(f'{s}: its bytes are not those of the source')
        if expected[s.filesz:].count(0) != s.memsz - s.filesz:
            saved.faults.append(f'{s}: pages that are not there read as zeros')
        zero = bytes(PAGE)
        saved.pages += sum(expected[at:at + PAGE] != zero for at in range(0, s.filesz, PAGE))


def _kdump(path: str, memory: Memory, saved: Saved, private: bool) -> None:
    if os.path.getsize(path) < kdump.MAIN['status'] + 4:
        return
    saved.marked = bool(kdump.status(path) & kdump.STATUS_INCOMPLETE)
    signature = kdump.PRIVATE_SIGNATURE if private else kdump.SIGNATURE
    try:
        kdump.read(path, signature)
    except (ValueError, struct.error):
        return      # before the bitmaps were in place
    saved.opens = True
    saved.faults += judge.descriptor_faults(path, signature)
    if private:     # only vmsift reads it: into what all others read
        done = run.vmsift('-z', '-f', '--message-level', '4', path, path + '.public', timeout=60)
        if done.status != (1 if saved.marked else 0):
            saved.faults.append(f'it cannot be converted: {done}')
            return
        path += '.public'
    result = run.compare_pages(path, memory.path)
    if result.counts['differ'] or result.counts['unsourced']:
        saved.faults.append(f'{result.counts} {result.wrong}')
    saved.pages = result.counts['pages'] - result.counts['zero']


def judge_dump(path: str, memory: Memory, saved: Saved | None = None) -> Saved:
    """A dump as a plain file."""
    saved = saved or Saved()
    with open(path, 'rb') as file:
        start = file.read(8)
    if start[:4] == b'\x7fELF':
        _elf(path, memory, saved)
    elif start in (kdump.SIGNATURE, kdump.PRIVATE_SIGNATURE):
        _kdump(path, memory, saved, start == kdump.PRIVATE_SIGNATURE)
    return saved


def judge_output(mode: modes.Mode, path: str, memory: Memory) -> Saved:
    """A file that `mode` wrote. Leaves files beside it."""
    saved = Saved()
    if mode.frames:
        path = without_frames(path, mode.frames, path + '.plain')
    if mode.stream:
        saved.ended = flat.rebuild(path, path + '.dump', may_be_cut=True) is not None
        path += '.dump'
    return judge_dump(path, memory, saved)
