# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF32 cores of both byte orders: into ELF32, into kdump-compressed dumps with 32-bit headers, and back."""
from __future__ import annotations

import os
import shutil
import struct
import tempfile
import unittest
from pathlib import Path

from lib import env, flat, forms, kdump, run, tiny
from lib.source import PAGE

import elfcore      # tests/vmcores, found through lib

PAGES = 300
BASE = 0x100000     # physical address of the first page
MACHINES = {'i386': (3, '<', 80), 'arm': (40, '<', 96), 'ppc': (20, '>', 96)}   # e_machine, order, size of the sub header
STATUS, BLOCK_SIZE, SUB_BLOCKS, BITMAP_BLOCKS = 412, 416, 420, 424              # in the main header of 32-bit kernels
MACHINE = slice(272, 337)       # utsname.machine there

folder: str


def setUpModule() -> None:
    global folder
    env.program()
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name)


def content() -> dict[int, bytes]:
    return {BASE // PAGE + i: tiny.page(i) for i in range(PAGES)}


def elf32(machine: int, order: str) -> bytes:
    desc = bytes(144)
    note = struct.pack(order + 'III', 5, len(desc), 1) + b'CORE'.ljust(8, b'\0') + desc
    ident = b'\x7fELF' + bytes([1, 1 if order == '<' else 2, 1])
    first = PAGE
    head = ident.ljust(16, b'\0') + struct.pack(order + elfcore.EHDR[32], 4, machine, 1, 0, 52, 0, 0, 52, 32, 3, 0, 0, 0)
    half = PAGES // 2 * PAGE
    phdr = struct.Struct(order + elfcore.PHDR[32])
    table = phdr.pack(4, 512, 0, 0, len(note), len(note), 0, 0)
    table += phdr.pack(1, first, 0xc0000000 + BASE, BASE, half, half, 7, 0)
    table += phdr.pack(1, first + half, 0xc0000000 + BASE + half, BASE + half, half, half, 7, 0)
    raw = (head + table).ljust(512, b'\0') + note
    return raw.ljust(first, b'\0') + b''.join(content().values())


def read_elf(path: str) -> tuple[elfcore.ElfCore, dict[int, bytes]]:
    core = elfcore.ElfCore.read(Path(path))
    raw = Path(path).read_bytes()
    found = {}
    for load in core.loads():
        for i in range(0, load.memsz, PAGE):
            data = raw[load.offset + i:load.offset + i + PAGE] if i < load.filesz else bytes(PAGE)
            found[(load.paddr + i) // PAGE] = data
    return core, found


class Elf32(unittest.TestCase):
    def each(self):
        for name, (machine, order, sub) in MACHINES.items():
            yield name, tiny.write(at(name), elf32(machine, order)), order, sub

    def check_elf(self, path: str, source: str, *, from_kdump: bool = False) -> None:
        """A kdump-compressed dump names its machine by uname's text alone, and a core without a note has none."""
        core, found = read_elf(path)
        before, _ = read_elf(source)
        self.assertEqual((core.bits, core.order), (32, before.order))
        if not from_kdump:
            self.assertEqual(core.machine, before.machine)
        self.assertEqual([n for n in core.notes() if n.name == 'CORE'], before.notes())
        self.assertEqual(found, content())

    def check_kdump(self, path: str, order: str, sub: int) -> None:
        raw = Path(path).read_bytes()
        self.assertEqual(raw[:8], kdump.SIGNATURE)
        block, sub_blocks, bitmaps = struct.unpack_from(order + 'III', raw, BLOCK_SIZE)
        self.assertEqual(block, PAGE)
        packed = sub == 80
        note_at, = struct.unpack_from(order + 'Q', raw, PAGE + (32 if packed else 40))
        max_mapnr, = struct.unpack_from(order + 'Q', raw, PAGE + (72 if packed else 88))
        # makedumpfile and crash count page frames of arm from phys_base on.
        base = BASE // PAGE if raw[MACHINE].startswith(b'arm') else 0
        if base:
            self.assertEqual(struct.unpack_from(order + 'I', raw, PAGE), (BASE,))
        self.assertEqual((note_at, max_mapnr), (PAGE + sub, BASE // PAGE - base + PAGES))
        first = PAGE * (1 + sub_blocks)
        kept = int.from_bytes(raw[first + bitmaps * PAGE // 2:first + bitmaps * PAGE], 'little')
        found, table = {}, first + bitmaps * PAGE
        for pfn in range(max_mapnr):
            if kept >> pfn & 1:
                offset, size, flags, _ = struct.unpack_from(order + 'QIIQ', raw, table + len(found) * 24)
                self.assertEqual((size, flags), (PAGE, 0))
                found[base + pfn] = raw[offset:offset + PAGE]
        self.assertEqual(found, content())

    def test_elf(self) -> None:
        for name, source, _, _ in self.each():
            with self.subTest(name):
                for level in (0, 1):
                    (made,) = forms.make(forms.FORMS['elf'], level, [source], at('out'))
                    self.check_elf(made, source)
                    (stream,) = forms.make(forms.FORMS['flat elf'], level, [source], at('stream'))
                    flat.rebuild(stream, at('rebuilt'))
                    self.assertEqual(forms.digest(at('rebuilt')), forms.digest(made))

    def test_kdump_and_back(self) -> None:
        for name, source, order, sub in self.each():
            with self.subTest(name):
                run.make_dump(source, at('kdump'), 1, 'none', '-f')
                self.check_kdump(at('kdump'), order, sub)
                (back,) = forms.make(forms.FORMS['elf'], 1, [at('kdump')], at('back'))
                self.check_elf(back, source, from_kdump=True)
                for codec in kdump.CODEC_FLAGS:
                    run.make_dump(at('kdump'), at('packed'), 1, codec, '-f')
                    run.make_dump(at('packed'), at('unpacked'), 1, 'none', '-f')
                    self.check_kdump(at('unpacked'), order, sub)

    def test_split(self) -> None:
        for name, source, order, sub in self.each():
            with self.subTest(name):
                members = forms.make(forms.FORMS['split in 2'], 1, [source], at('member'))
                direct = run.make_dump(source, at('direct'), 1, 'lzo', '-f')
                done = run.vmsift('--reassemble', '-f', *members, at('whole'))
                self.assertEqual(done.status, 0, done)
                self.assertEqual(forms.digest(at('whole')), forms.digest(direct))


if __name__ == '__main__':
    unittest.main()
