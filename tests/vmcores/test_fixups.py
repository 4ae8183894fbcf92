# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the fix-ups of cores and of what else the machines beyond amd64 need, on small synthetic cores."""
from __future__ import annotations

import gzip
import lzma
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import boot_image  # noqa: E402
import by_hand  # noqa: E402
import elfcore  # noqa: E402
import linear_map  # noqa: E402
import machines  # noqa: E402
import ppc64_order  # noqa: E402
import recipes  # noqa: E402
import vmcoreinfo_note  # noqa: E402
from elfcore import ElfCore, ElfError, GuestFiles, Note, Segment  # noqa: E402
from qemu import QemuError  # noqa: E402

TEXT = b'OSRELEASE=6.1.0-test\n'
ADDRESS = 0x40001000  # of the note in memory
PAGES = 4             # of the memory from 0x40000000 on
ZONES = '''Node 0, zone   Normal
  pages free     1
        present  2
  start_pfn:           262144
Node 0, zone  HighMem
  pages free     1
        present  {}
  start_pfn:           {}
'''


def core_file(path: Path, bits: int, order: str, notes: list[Note], memory: bytes, base: int = 0x40000000) -> None:
    """A core of memory from `base` on, split into halves; headers are written by elfcore."""
    half = len(memory) // 2
    content = b''.join(elfcore.pack_note(note, order) for note in notes)
    segments = [Segment(elfcore.PT_NOTE, 0, 4096, 0, 0, len(content), len(content), 0),
                *(Segment(elfcore.PT_LOAD, 7, 8192 + at, 0, base + at, half, half, 0) for at in (0, half))]
    ident = b'\x7fELF' + bytes((bits // 32, '<>'.index(order) + 1, 1)) + bytes(9)
    core = ElfCore(path, ident, bits, order, 21, 0, 0, 0, 0, 0, tuple(segments))
    draft = elfcore.Draft(core, bits, order, notes, segments)
    with open(path, 'wb') as file:
        for at, part in ((0, elfcore.headers(draft, segments)), (4096, content), (8192, memory)):
            file.seek(at)
            file.write(part)


class FixupTest(unittest.TestCase):
    """What relayout() makes of a core with a fix-up."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.raw, self.tidy = Path(folder.name, 'raw.elf'), Path(folder.name, 'tidy.elf')

    def fixed(self, *fixups: elfcore.Fixup, config: str = '', **files: str) -> tuple[ElfCore, list[str]]:
        """The core written anew, and what was said to be changed."""
        changes = elfcore.relayout(self.raw, self.tidy, None, fixups, GuestFiles(config, files))
        core = ElfCore.read(self.tidy)
        core.check_complete()
        return core, changes


class VmcoreinfoNoteTest(FixupTest):
    """The note from guest memory."""

    def write(self, order: str, notes: list[Note], in_memory: Note) -> None:
        """A core with a note in its second page."""
        memory = bytearray(PAGES * 4096)
        content = elfcore.pack_note(in_memory, order)
        memory[4096:4096 + len(content)] = content
        core_file(self.raw, 64, order, notes, bytes(memory))

    def test_it_is_found_and_added(self) -> None:
        for order in '<>':
            self.write(order, [Note('CORE', 1, bytes(336))], Note('VMCOREINFO', 0, TEXT))
            core, changes = self.fixed(vmcoreinfo_note.add, vmcoreinfo=f'{ADDRESS:#018x} 1000\n')
            self.assertEqual(core.vmcoreinfo(), TEXT)
            self.assertEqual([note.name for note in core.notes()], ['CORE', 'VMCOREINFO'])
            self.assertEqual(len(changes), 1)

    def test_one_of_qemu_is_kept(self) -> None:
        self.write('<', [Note('VMCOREINFO', 0, b'of QEMU')], Note('VMCOREINFO', 0, TEXT))
        core, changes = self.fixed(vmcoreinfo_note.add, vmcoreinfo=f'{ADDRESS:#x} 1000\n')
        self.assertEqual((core.vmcoreinfo(), changes), (b'of QEMU', []))

    def test_nothing_else_is_taken_for_it(self) -> None:
        there = Note('VMCOREINFO', 0, TEXT)
        for note, place in ((Note('CORE', 0, TEXT), f'{ADDRESS:#x} 1000'), (there, ''), (there, '0x40000000 1000'),
                            (there, '0x0 1000')):
            self.write('<', [], note)
            with self.subTest(place=place, note=note.name), self.assertRaises(ElfError):
                self.fixed(vmcoreinfo_note.add, vmcoreinfo=place)


class Ppc64OrderTest(FixupTest):
    """A little-endian guest in a big-endian core."""

    def test_headers_and_registers_are_turned_and_memory_is_not(self) -> None:
        memory = bytes(range(256)) * 16 * PAGES
        registers = struct.pack('>48Q', *range(1, 49))
        notes = [Note('CORE', 1, bytes(112) + registers + bytes(8)), Note('CORE', 2, b'fp')]
        core_file(self.raw, 64, '>', notes, memory)
        core, changes = self.fixed(ppc64_order.turn)
        self.assertEqual((core.order, len(changes)), ('<', 1))
        self.assertEqual(core.notes(), [Note('CORE', 1, bytes(112) + struct.pack('<48Q', *range(1, 49)) + bytes(8))])
        self.assertEqual(core.memory(0x40000000, 4096), memory[:4096])

    def test_a_little_endian_core_is_left_alone(self) -> None:
        core_file(self.raw, 64, '<', [Note('CORE', 2, b'fp')], bytes(PAGES * 4096))
        core, changes = self.fixed(ppc64_order.turn)
        self.assertEqual((core.order, changes, len(core.notes())), ('<', [], 1))


class LinearMapTest(FixupTest):
    """Class and virtual addresses of a 32-bit guest's core."""

    def addresses(self, bits: int, zones: str) -> list[tuple[int, int]]:
        """p_vaddr and size of the PT_LOADs; their bytes are those that stood at the address before."""
        memory = b''.join(bytes([page]) * 4096 for page in range(PAGES))
        core_file(self.raw, bits, '<', [], memory)
        core, _ = self.fixed(linear_map.add_addresses, config='CONFIG_X=y\nCONFIG_PAGE_OFFSET=0xC0000000\n',
                             zoneinfo=zones)
        self.assertEqual(b''.join(core.memory(load.paddr, load.filesz) for load in core.loads()), memory)
        self.assertEqual([load.filesz for load in core.loads()], [load.memsz for load in core.loads()])
        return [(load.vaddr, load.memsz >> 12) for load in core.loads()]

    def test_low_memory_has_addresses_from_page_offset_on(self) -> None:
        for zones in ('', ZONES.format(0, 262145)):  # no high memory: no such zone, or an empty one
            self.assertEqual(self.addresses(32, zones), [(0xC0000000, 2), (0xC0002000, 2)])

    def test_high_memory_has_none(self) -> None:
        self.assertEqual(self.addresses(32, ZONES.format(2, 262146)), [(0xC0000000, 2), (0xFFFFFFFF, 2)])
        self.assertEqual(self.addresses(64, ZONES.format(2, 262146)), [(0xC0000000, 2), (0xFFFFFFFFFFFFFFFF, 2)])

    def test_what_reaches_into_it_is_split(self) -> None:
        self.assertEqual(self.addresses(32, ZONES.format(3, 262145)),
                         [(0xC0000000, 1), (0xFFFFFFFF, 1), (0xFFFFFFFF, 2)])

    def test_the_configuration_must_say_where_it_is(self) -> None:
        core_file(self.raw, 32, '<', [], bytes(PAGES * 4096))
        with self.assertRaises(ElfError):
            self.fixed(linear_map.add_addresses, zoneinfo='')

    def test_class_by_pae(self) -> None:
        for bits in (32, 64):
            for config, wanted in (('CONFIG_X86_PAE=y\n', 64), ('# CONFIG_X86_PAE is not set\n', 32)):
                core_file(self.raw, bits, '<', [Note('CORE', 1, b'1234')], b'x' * (PAGES * 4096))
                core, changes = self.fixed(linear_map.choose_class, config=config)
                self.assertEqual((core.bits, bool(changes)), (wanted, bits != wanted))
                self.assertEqual(core.notes(), [Note('CORE', 1, b'1234')])
                self.assertEqual(core.memory(0x40002000, 1), b'x')


class ByHandTest(FixupTest):
    """A core of memory that was saved piece by piece."""

    def test_it_is_a_core_of_these_ranges(self) -> None:
        qemu = mock.Mock()
        qemu.command = lambda _, val, size, filename: Path(filename).write_bytes(bytes([val >> 12 & 0xFF]) * size)
        by_hand.dump(qemu, machines.ByHand(8, 0x80000000), [(0x1000, 0x3000), (0x90000000, 0x90001000)], self.raw)
        core, _ = self.fixed()
        self.assertEqual((core.machine, core.flags, core.bits, core.order), (8, 0x80000000, 64, '<'))
        self.assertEqual([(load.paddr, load.filesz) for load in core.loads()], [(0x1000, 0x2000), (0x90000000, 0x1000)])
        self.assertEqual(core.memory(0x1000, 0x2000), b'\1' * 0x2000)
        self.assertEqual(core.memory(0x90000000, 0x1000), b'\0' * 0x1000)
        self.assertEqual(sorted(path.name for path in self.raw.parent.iterdir()), ['raw.elf', 'tidy.elf'])


class BootImageTest(FixupTest):
    """Kernels in EFI zboot images."""

    def write(self, compression: bytes, payload: bytes) -> None:
        """An image with the header of one."""
        header = b'MZ\0\0zimg' + struct.pack('<II', 512, len(payload)) + bytes(8) + compression
        self.raw.write_bytes(header.ljust(512, b'\0') + payload + b'what follows')

    def test_unwraps(self) -> None:
        kernel = b'a kernel' * 1000
        zstd = subprocess.run(['zstd', '-cq'], input=kernel, capture_output=True, check=True).stdout
        for compression, payload in ((b'gzip', gzip.compress(kernel)), (b'xzkern', lzma.compress(kernel)),
                                     (b'zstd22', zstd)):
            self.write(compression, payload)
            self.assertEqual(boot_image.plain(self.raw, self.tidy).read_bytes(), kernel)

    def test_leaves_others_alone(self) -> None:
        self.raw.write_bytes(b'MZ\0\0 some other EFI program')
        self.assertEqual(boot_image.plain(self.raw, self.tidy), self.raw)
        self.write(b'lzo', b'')
        with self.assertRaises(QemuError):
            boot_image.plain(self.raw, self.tidy)


class MachinesTest(unittest.TestCase):
    """The tables of machines and recipes agree."""

    def test_every_recipe_has_a_machine(self) -> None:
        for recipe_set in recipes.SETS.values():
            for recipe in recipe_set:
                self.assertIn(recipe.arch, machines.MACHINES)
                self.assertTrue(recipe.name.startswith(recipe.arch), recipe.name)

    def test_every_machine_has_a_recipe(self) -> None:
        made = {recipe.arch for recipe_set in recipes.SETS.values() for recipe in recipe_set}
        self.assertEqual(made, set(machines.MACHINES))


if __name__ == '__main__':
    unittest.main()
