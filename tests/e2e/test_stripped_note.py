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
# What libkdumpfile asks for besides, to open the dump for drgn.
OF_READERS = ('SYMBOL(init_uts_ns)', 'OFFSET(uts_namespace.name)', 'SYMBOL(init_top_pgt)', 'SYMBOL(_stext)',
              'NUMBER(KERNEL_IMAGE_SIZE)', 'NUMBER(sme_mask)')

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
    def dump(self, keys: tuple[str, ...], *options: str) -> tuple[kdump.Kdump, run.Result]:
        """`keys`: of the note, or what they begin with."""
        note = {key: value for key, value in notes.note_of(core).items() if key.startswith(keys)}
        source = notes.with_note(core, note, os.path.join(folder, 'source'))
        target = os.path.join(folder, 'dump')
        done = run.vmsift('-f', '-l', '-d', '31', *options, source, target)
        self.assertEqual(done.status, 0, done)
        return kdump.read(target), done

    def test_with_the_kernels_types_nothing_is_missed(self) -> None:
        dump, done = self.dump((*SMALLEST, SYMBOLS))
        self.assertEqual(judge.oracle_faults(core.flags, core.source.present(), dump.kept, 31), [], done)
        self.assertNotIn('are kept', done.err)

    def test_without_them_nothing_is_lost_and_all_is_named(self) -> None:
        for keys, options in (((*SMALLEST, SYMBOLS), ('--no-btf',)), (SMALLEST, ())):
            with self.subTest(keys=len(keys)):
                dump, done = self.dump(keys, *options)
                faults = judge.oracle_faults(core.flags, core.source.present(), dump.kept, 31)
                self.assertEqual([fault for fault in faults if 'are dropped' in fault], [])
                for name in ('free pages', 'user process data pages', 'hugetlb pages', 'compound pages as a whole'):
                    self.assertRegex(done.err, f'warning: {name}.* are kept: ')

    def test_drgn_works_with_the_dumps(self) -> None:
        vmlinux = env.peer_tool(f'vmlinux-{core.release}')
        if not vmlinux:
            self.skipTest(f'no vmlinux-{core.release} in peers/ (scripts/fetch-peers vmlinux-{KERNEL})')
        for keys in ((*SMALLEST, *OF_READERS, SYMBOLS), (*SMALLEST, *OF_READERS)):
            with self.subTest(keys=len(keys)):
                dump, _ = self.dump(keys)
                self.assertIn((2, 'kthreadd'), debuggers.drgn_tasks(dump.path, vmlinux))
                slab = debuggers.drgn_classes(dump.path, vmlinux)['slab']
                self.assertEqual(slab & ~dump.kept, 0)
                self.assertGreater(bits.count(slab), 1000)


if __name__ == '__main__':
    unittest.main()
