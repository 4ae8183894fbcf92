# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of elfcore.py on small synthetic cores."""
from __future__ import annotations

import os
import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import elfcore  # noqa: E402
from elfcore import ElfCore, ElfError  # noqa: E402

VMCOREINFO = b'OSRELEASE=6.1.0-test\nPAGESIZE=4096\n'
MEMORY = (b'A' * 4096 + bytes(3 * 4096) + b'B' * 4096, b'C' * 100)  # a hole in the middle; an odd size
ADDRESSES = (0x100000, 0xFFFC0000)


def note(order: str, name: bytes, kind: int, desc: bytes) -> bytes:
    """One ELF note."""
    def padded(content: bytes) -> bytes:
        return content + bytes(-len(content) % 4)
    return struct.pack(order + 'III', len(name), len(desc), kind) + padded(name) + padded(desc)


def qemu_core(bits: int, order: str, extended_numbering: bool = False) -> bytes:
    """A core as QEMU >= 7.2 lays it out: section headers, program headers, notes, memory, nothing aligned."""
    ehdr, phdr = elfcore.EHDR_SIZE[bits], elfcore.PHDR_SIZE[bits]
    shentsize = 64 if bits == 64 else 40
    phoff = ehdr + 2 * shentsize
    notes = note(order, b'CORE\0', 1, bytes(336)) + note(order, b'VMCOREINFO\0', 0, VMCOREINFO)
    count = 1 + len(MEMORY)
    at = phoff + count * phdr
    rows = [(elfcore.PT_NOTE, 0, at, 0, 0, len(notes), len(notes), 0)]
    at += len(notes)
    for address, content in zip(ADDRESSES, MEMORY):
        rows.append((elfcore.PT_LOAD, 0, at, 0, address, len(content), len(content), 0))
        at += len(content)
    if bits == 32:  # p_flags stands elsewhere
        rows = [(kind, *rest, flags, align) for kind, flags, *rest, align in rows]
    ident = b'\x7fELF' + bytes((bits // 32, 1 if order == '<' else 2, 1)) + bytes(9)
    phnum = elfcore.PN_XNUM if extended_numbering else count
    header = struct.pack(order + elfcore.EHDR[bits], 4, 62, 1, 0, phoff, ehdr, 0, 8, phdr, phnum, shentsize, 2, 1)
    sections = bytearray(2 * shentsize)
    struct.pack_into(order + 'I', sections, elfcore.SH_INFO_AT[bits], count)
    table = b''.join(struct.pack(order + elfcore.PHDR[bits], *row) for row in rows)
    return ident + header + sections + table + notes + b''.join(MEMORY)


class ElfCoreTest(unittest.TestCase):
    """Reading headers and relayout()."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.raw, self.tidy = Path(folder.name, 'raw.elf'), Path(folder.name, 'tidy.elf')

    def memory_of(self, core: ElfCore) -> list[bytes]:
        """The bytes of each PT_LOAD."""
        content = core.path.read_bytes()
        return [content[load.offset:load.offset + load.filesz] for load in core.loads()]

    def each_kind(self):
        """All classes and byte orders, with the raw file written."""
        for bits in (64, 32):
            for order in '<>':
                with self.subTest(bits=bits, order=order):
                    self.raw.write_bytes(qemu_core(bits, order))
                    yield bits, order

    def test_reads_headers_wherever_e_phoff_points(self) -> None:
        for bits, order in self.each_kind():
            core = ElfCore.read(self.raw)
            self.assertEqual((core.bits, core.order, core.ehsize), (bits, order, 8))
            self.assertEqual(tuple(load.paddr for load in core.loads()), ADDRESSES)
            self.assertEqual(tuple(self.memory_of(core)), MEMORY)
            self.assertEqual(core.vmcoreinfo(), VMCOREINFO)
            core.check_complete()

    def test_relayout_moves_headers_and_aligns_data(self) -> None:
        for bits, order in self.each_kind():
            elfcore.relayout(self.raw, self.tidy)
            core = ElfCore.read(self.tidy)
            self.assertEqual((core.bits, core.order), (bits, order))
            self.assertEqual(core.phoff, core.ehsize)
            self.assertEqual(core.ehsize, elfcore.EHDR_SIZE[bits])
            self.assertEqual([segment.offset % 4096 for segment in core.segments], [0, 0, 0])
            self.assertEqual(tuple(self.memory_of(core)), MEMORY)
            self.assertEqual(core.notes(), ElfCore.read(self.raw).notes())
            core.check_complete()

    def test_relayout_leaves_out_what_is_no_system_ram(self) -> None:
        iomem = f'00000000-00000fff : Reserved\n{ADDRESSES[0]:08x}-{ADDRESSES[0] + 0xfff:08x} : System RAM\n'
        for _ in self.each_kind():
            elfcore.relayout(self.raw, self.tidy, elfcore.system_ram(iomem))
            self.assertEqual([load.paddr for load in ElfCore.read(self.tidy).loads()], [ADDRESSES[0]])

    def test_relayout_of_its_own_output_changes_nothing(self) -> None:
        self.raw.write_bytes(qemu_core(64, '<'))
        elfcore.relayout(self.raw, self.tidy)
        first = self.tidy.read_bytes()
        elfcore.relayout(self.tidy, self.raw)
        self.assertEqual(self.raw.read_bytes(), first)

    def test_reads_extended_numbering(self) -> None:
        self.raw.write_bytes(qemu_core(64, '<', extended_numbering=True))
        self.assertEqual(len(ElfCore.read(self.raw).segments), 3)

    def test_refuses_what_is_not_a_whole_core(self) -> None:
        whole = qemu_core(64, '<')
        for content in (b'', b'\x7fELF', b'not an ELF file, but long enough to have a header' * 4, whole[:200]):
            self.raw.write_bytes(content)
            with self.subTest(size=len(content)), self.assertRaises(ElfError):
                ElfCore.read(self.raw)
        self.raw.write_bytes(whole[:-1])
        with self.assertRaises(ElfError):
            ElfCore.read(self.raw).check_complete()
        with self.assertRaises(ElfError):
            elfcore.relayout(self.raw, self.tidy)

    def test_a_note_that_runs_past_the_end_is_left_out(self) -> None:
        good = note('<', b'CORE\0', 1, b'12345678')
        self.assertEqual(len(elfcore.parse_notes(good + good[:-4], '<')), 1)
        self.assertEqual(elfcore.parse_notes(b'\xff' * 12, '<'), [])


if __name__ == '__main__':
    unittest.main()
