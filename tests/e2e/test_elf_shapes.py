# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything an ELF core may look like, in tiny files at levels 0 and 1, which need no VMCOREINFO.

The expected page set comes from the program headers (lib/source.py), the bytes from kdump_compare's own reading.
"""
from __future__ import annotations

import os
import struct
import tempfile
import unittest

from lib import bits, env, kdump, run, source, tiny
from lib.tiny import PAGE, Load, Shape

MIB = 1 << 20
folder: str


def setUpModule() -> None:
    global folder
    env.program()
    env.page_checker()
    folder = tempfile.mkdtemp(dir=env.scratch())


class Shapes(unittest.TestCase):
    def check(self, raw: bytes, least_pages: int = 8) -> None:
        core = tiny.write(os.path.join(folder, 'core'), raw)
        expected = source.Source(core).with_data()
        self.assertGreaterEqual(bits.count(expected), least_pages)
        for level, extra in ((1, ()), (0, ()), (1, ('--non-mmap',)), (1, ('--num-threads', '3'))):
            with self.subTest(level=level, options=extra):
                target = os.path.join(folder, 'dump')
                if os.path.exists(target):
                    os.unlink(target)
                dump = kdump.read(run.make_dump(core, target, level, 'zlib', *extra))
                self.assertEqual(list(bits.members(dump.kept ^ expected))[:20], [], 'page frames that differ')
                result = run.compare_pages(target, core)
                self.assertTrue(result.clean, result.wrong)
                self.assertEqual(bits.from_bitmap(result.readable), dump.kept)

    def test_plain(self) -> None:
        self.check(tiny.elf([Load(16 * PAGE, tiny.pages(16, 64)), Load(MIB, tiny.pages(256, 32))]))

    def test_memory_at_physical_zero(self) -> None:
        self.check(tiny.elf([Load(0, tiny.pages(0, 16))]))

    def test_program_headers_behind_other_things(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 16))], shape=Shape(phoff=192)))

    def test_program_headers_past_the_data(self) -> None:
        raw = bytearray(tiny.elf([Load(MIB, tiny.pages(0, 16))]))
        table = raw[64:64 + 2 * 56]
        raw[32:40] = len(raw).to_bytes(8, 'little')
        raw[64:64 + len(table)] = bytes(len(table))
        self.check(bytes(raw) + table)

    def test_number_of_program_headers_in_the_section_header(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 16))], shape=Shape(pn_xnum=True)))

    def test_seventy_thousand_segments(self) -> None:
        """More than e_phnum can say; all show the same few pages of the file, every second page frame is a hole."""
        count, data = 70000, tiny.pages(1, 7)
        phoff, at = 64, (64 + (count + 1) * 56 + 64 + PAGE - 1) & ~(PAGE - 1)
        shoff = phoff + (count + 1) * 56
        table = [tiny.program_header(tiny.PT_NOTE, at + len(data), 0, 0, len(tiny.prstatus()), 0)]
        table += [tiny.program_header(tiny.PT_LOAD, at + i % 7 * PAGE, 0, 2 * i * PAGE, PAGE, PAGE)
                  for i in range(count)]
        section = tiny.SHDR.pack(0, 0, 0, 0, 0, 0, 0, count + 1, 0, 0)
        front = tiny.header(phoff, tiny.PN_XNUM, shoff) + b''.join(table) + section
        self.check(front.ljust(at, b'\0') + data + tiny.prstatus(), least_pages=count)

    def test_several_note_segments(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 16))], [tiny.prstatus()] * 5, Shape(note_segments=3)))

    def test_overlapping_segments(self) -> None:
        """The kernel's text stands in /proc/vmcore twice: as itself and as a part of all RAM."""
        ram = tiny.pages(256, 64)
        self.check(tiny.elf([Load(MIB + 8 * PAGE, ram[8 * PAGE:24 * PAGE], vaddr=0xffffffff81000000), Load(MIB, ram)]))

    def test_overlap_reaches_past_the_end_of_the_other(self) -> None:
        ram = tiny.pages(256, 64)
        self.check(tiny.elf([Load(MIB, ram[:40 * PAGE]), Load(MIB + 32 * PAGE, ram[32 * PAGE:])]))

    def test_unsorted_segments(self) -> None:
        self.check(tiny.elf([Load(8 * MIB, tiny.pages(0, 16)), Load(MIB, tiny.pages(16, 16)),
                             Load(4 * MIB, tiny.pages(32, 16))]))

    def test_adjacent_segments(self) -> None:
        self.check(tiny.elf([Load(MIB + 16 * PAGE, tiny.pages(16, 16)), Load(MIB, tiny.pages(0, 16))]))

    def test_less_in_the_file_than_in_memory(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 16), memsz=64 * PAGE), Load(4 * MIB, tiny.pages(16, 16))]))

    def test_segment_without_data(self) -> None:
        self.check(tiny.elf([Load(MIB, b'', memsz=64 * PAGE), Load(4 * MIB, tiny.pages(16, 16)), Load(8 * MIB, b'')]))

    def test_data_off_a_page_boundary(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 64))], shape=Shape(skew=360)))

    def test_segment_without_physical_address(self) -> None:
        """/proc/kcore's vmalloc area: p_paddr -1."""
        self.check(tiny.elf([Load(source.NO_PADDR, tiny.pages(0, 4), vaddr=0xffffc90000000000),
                             Load(MIB, tiny.pages(4, 16))]))

    def test_segments_end_inside_a_page(self) -> None:
        """The first 640 KiB of a PC often end at 0x9fc00; the missing end of that page reads as zeros."""
        data = tiny.pages(1, 32)
        self.check(tiny.elf([Load(PAGE, data[:30 * PAGE + 0xc00]), Load(MIB, tiny.pages(64, 16))]))

    def test_segment_starts_inside_a_page(self) -> None:
        data = tiny.pages(1, 32)
        self.check(tiny.elf([Load(MIB + 0x400, data[0x400:])]))

    def test_two_segments_share_a_page(self) -> None:
        data = tiny.pages(1, 32)
        middle = 10 * PAGE + 0x800
        self.check(tiny.elf([Load(MIB, data[:middle]), Load(MIB + middle, data[middle:])]))

    def test_hole_of_eight_gibibytes(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 16)), Load(8 << 30, tiny.pages(16, 16))]))

    def test_no_cpu_notes(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 16))], notes=[]))

    def test_only_zero_pages(self) -> None:
        self.check(tiny.elf([Load(MIB, bytes(64 * PAGE))]))

    def test_one_page(self) -> None:
        self.check(tiny.elf([Load(MIB, tiny.page(1))]), least_pages=1)

    def test_a_note_that_claims_more_than_there_is(self) -> None:
        """A torn note ends the notes; the memory is all there and is dumped."""
        torn = struct.pack('<III', 5, 1 << 30, 1) + b'CORE\0\0\0\0'
        self.check(tiny.elf([Load(MIB, tiny.pages(0, 16))], [tiny.prstatus(), torn]))


if __name__ == '__main__':
    unittest.main()
