# SPDX-License-Identifier: GPL-2.0-or-later
"""Level 31 on the newest kernel with the smallest note that is safe, with the kernel's own types and without.

Judged by the guest's own page flags: with types the dump is as good as with the whole note, without them no page of
the kernel's own is lost and what is kept in addition is said. drgn opens both.
"""
from __future__ import annotations

import os
import shutil
import tempfile
import unittest

from lib import bits, debuggers, env, judge, kdump, notes, run

KERNEL = '7'
# Page size, release, page tables, struct page, the oldest flags, one group for the memory model, and where the image
# is, for which a real /proc/vmcore has a program header.
SMALLEST = ('PAGESIZE', 'OSRELEASE', 'SYMBOL(swapper_pg_dir)', 'SIZE(page)', 'OFFSET(page.flags)',
            'OFFSET(page._mapcount)', 'OFFSET(page.mapping)', 'OFFSET(page.private)', 'OFFSET(page.lru)',
            'OFFSET(page.compound_head)', 'OFFSET(page.compound_info)', 'NUMBER(PG_lru)', 'NUMBER(PG_private)',
            'NUMBER(PG_swapcache)', 'SYMBOL(mem_section)', 'LENGTH(mem_section)', 'SIZE(mem_section)',
            'OFFSET(mem_section.section_mem_map)', 'NUMBER(SECTION_SIZE_BITS)', 'NUMBER(MAX_PHYSMEM_BITS)',
            'NUMBER(phys_base)', 'NUMBER(pgtable_l5_enabled)', 'KERNELOFFSET')
SYMBOLS = 'SYMBOL(kallsyms_'

folder: str
core: env.Vmcore


def setUpModule() -> None:
    global folder, core
    env.program()
    core = env.vmcore_of(KERNEL)
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


class StrippedNote(unittest.TestCase):
    def dump(self, with_symbols: bool, *options: str) -> tuple[kdump.Kdump, run.Result]:
        note = {key: value for key, value in notes.note_of(core).items()
                if key in SMALLEST or with_symbols and key.startswith(SYMBOLS)}
        source = notes.with_note(core, note, os.path.join(folder, 'source'))
        target = os.path.join(folder, 'dump')
        done = run.vmsift('-f', '-l', '-d', '31', *options, source, target)
        self.assertEqual(done.status, 0, done)
        return kdump.read(target), done

    def check_drgn(self, dump: kdump.Kdump) -> None:
        vmlinux = env.peer_tool(f'vmlinux-{core.release}')
        if not vmlinux:
            return      # not of the peers that every run has
        self.assertIn((2, 'kthreadd'), debuggers.drgn_tasks(dump.path, vmlinux))
        self.assertGreater(bits.count(debuggers.drgn_classes(dump.path, vmlinux)['slab']), 1000)

    def test_with_the_kernels_types_nothing_is_missed(self) -> None:
        dump, done = self.dump(True)
        self.assertEqual(judge.oracle_faults(core.flags, core.source.present(), dump.kept, 31), [], done)
        self.assertNotIn('are kept', done.err)
        self.check_drgn(dump)

    def test_without_them_nothing_is_lost_and_all_is_named(self) -> None:
        for with_symbols, options in ((True, ('--no-btf',)), (False, ())):
            with self.subTest(with_symbols=with_symbols):
                dump, done = self.dump(with_symbols, *options)
                faults = judge.oracle_faults(core.flags, core.source.present(), dump.kept, 31)
                self.assertEqual([fault for fault in faults if 'are dropped' in fault], [])
                for name in ('free pages', 'user process data pages', 'hugetlb pages', 'compound pages as a whole'):
                    self.assertRegex(done.err, f'warning: {name}.* are kept: ')
                self.check_drgn(dump)


if __name__ == '__main__':
    unittest.main()
