# SPDX-License-Identifier: GPL-2.0-or-later
"""Struct pages that cannot be read: their page frames are kept and counted, everybody else's are judged as ever.

A real vmcore gets a hole: one PT_LOAD becomes two, without the pages that hold the struct pages of some frames.
"""
from __future__ import annotations

import os
import shutil
import struct
import unittest

from lib import bits, env, kdump, page_table, run, stats, tiny
from lib.dumps import Dumps

PAGE = tiny.PAGE
FIRST, COUNT = 0xa000, 1024         # frames whose struct pages are taken away; their 64 KiB are one piece of memory
LARGEST_BLOCK = 1024                # a block whose head is lost may reach so far

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


def with_hole(core: env.Vmcore, path: str, start: int, size: int) -> str:
    """A copy whose PT_LOADs leave out physical memory from `start` on."""
    headers = core.source.headers
    table = b''
    for s in headers.segments:
        if s.type == tiny.PT_LOAD and s.paddr <= start < s.paddr + s.filesz:
            before, after = start - s.paddr, s.paddr + s.filesz - start - size
            table += tiny.program_header(s.type, s.offset, s.vaddr, s.paddr, before, before)
            table += tiny.program_header(s.type, s.offset + before + size, s.vaddr and s.vaddr + before + size,
                                         start + size, after, after)
        else:
            table += tiny.program_header(s.type, s.offset, s.vaddr, s.paddr, s.filesz, s.memsz)
    if headers.phoff + len(table) > min(s.offset for s in headers.segments if s.filesz):
        raise AssertionError(f'{core.name}: no room for one more program header')
    shutil.copyfile(core.path, path)
    with open(path, 'r+b') as file:
        file.write(tiny.header(headers.phoff, len(table) // tiny.PHDR.size))
        file.seek(headers.phoff)
        file.write(table)
    return path


class UnreadableStructPages(unittest.TestCase):
    def setUp(self) -> None:
        self.core = env.vmcore_of('6.12')
        self.size = COUNT * int(self.core.source.info('SIZE(page)'))
        self.start = page_table.struct_page(self.core.source, FIRST)
        end = page_table.struct_page(self.core.source, FIRST + COUNT - 1)
        self.assertLess(end - self.start, self.size, 'not one piece of memory')

    def test_the_struct_pages_are_where_the_test_thinks(self) -> None:
        """PG_hwpoison is set in exactly the struct pages of the frames that kpageflags calls poisoned."""
        poison = 1 << int(self.core.source.info('NUMBER(PG_hwpoison)'))
        for pfn in bits.members(self.core.flags.of('hwpoison')):
            for frame, expected in ((pfn, poison), (pfn + 1, 0)):
                at = page_table.struct_page(self.core.source, frame)
                self.assertEqual(struct.unpack('<Q', self.core.source.read(at, 8))[0] & poison, expected)

    def test_pages_are_kept_and_counted(self) -> None:
        whole = dumps.read(self.core, 31)
        path = with_hole(self.core, os.path.join(dumps.folder, 'holed.elf'), self.start, self.size)
        target, report = os.path.join(dumps.folder, 'holed'), os.path.join(dumps.folder, 'holed.json')
        try:
            dump = kdump.read(run.make_dump(path, target, 31, 'lzo', f'--stats=json:{report}'))
            result = run.compare_pages(target, path)
        finally:
            os.unlink(path)
        self.assertTrue(result.clean, result.wrong)
        gone = bits.from_range(self.start // PAGE, (self.start + self.size) // PAGE)
        unknown = bits.from_range(FIRST, FIRST + COUNT) & ~gone
        self.assertEqual(unknown & ~dump.kept, 0, 'a page was dropped without its struct page')
        touched = bits.from_range(FIRST, FIRST + COUNT + LARGEST_BLOCK)
        self.assertEqual(dump.kept & ~touched, whole.kept & ~touched & ~gone)
        with open(report, encoding='utf-8') as file:
            told = stats.read_run(file.read())
        self.assertEqual(told.unreadable, bits.count(unknown))
        self.assertGreaterEqual(told.classes['unknown'], told.unreadable)


if __name__ == '__main__':
    unittest.main()
