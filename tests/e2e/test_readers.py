# SPDX-License-Identifier: GPL-2.0-or-later
"""crash, gdb, drgn and libkdumpfile open every form that they know, and show what the unfiltered vmcore shows.

(That they open plain kdump-compressed dumps is in test_crash.py and test_drgn.py.)
"""
from __future__ import annotations

import os
import re
import shutil
import tempfile
import unittest

from lib import bits, debuggers, env, forms, kdump, run
from lib.forms import FORMS

COMMANDS = ('bt -a', 'ps', 'kmem -i', 'log', 'mod', 'files', 'foreach bt', 'mount', 'kmem -s')
CRASH_OPENS = ('elf', 'flat', 'flat elf', 'split in 2', 'split in 3', 'dedup')

folder: str
core: env.Vmcore
vmlinux: str


def setUpModule() -> None:
    global folder, core, vmlinux
    env.program()
    core = env.vmcore_of('6.1')
    vmlinux = debuggers.vmlinux_of(core)
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name.replace(' ', '-'))


class Crash(unittest.TestCase):
    def test_every_form(self) -> None:
        debuggers.crash_program()
        expected = debuggers.crash(core.path, vmlinux, COMMANDS)
        self.assertGreater(len(expected['foreach bt'].splitlines()), 300)
        for name in CRASH_OPENS:
            with self.subTest(name):
                files = forms.make(FORMS[name], 31, [core.path], at(name))
                self.same(files, expected)
                forms.remove(files)

    def test_reassembled(self) -> None:
        debuggers.crash_program()
        expected = debuggers.crash(core.path, vmlinux, COMMANDS)
        members = forms.make(FORMS['split in 3'], 31, [core.path], at('member'))
        done = run.vmsift('--reassemble', *members, at('whole'))
        self.assertEqual(done.status, 0, done)
        self.same([at('whole')], expected)

    def same(self, files: list[str], expected: dict[str, str]) -> None:
        printed = debuggers.crash(files, vmlinux, COMMANDS)
        for command in COMMANDS:
            self.assertEqual(printed[command].splitlines(), expected[command].splitlines(), command)


class Gdb(unittest.TestCase):
    """By the addresses of the image's mapping and of the direct map, p_vaddr of the segments."""

    def gdb(self, dump: str, *commands: str) -> str:
        if not shutil.which('gdb'):
            raise env.missing('no gdb')
        done = run.run('gdb', '-q', '-nx', '-batch', *(word for line in commands for word in ('-ex', line)), '-c', dump)
        if done.status != 0:
            raise AssertionError(f'gdb failed:\n{done}')
        return done.out

    def symbol(self, name: str) -> int:
        return int(core.source.info(f'SYMBOL({name})'), 16)

    def test_both_mappings(self) -> None:
        (dump,) = forms.make(FORMS['elf'], 31, [core.path], at('gdb'))
        uts = self.symbol('init_uts_ns')
        text = self.gdb(dump, f'printf "%.400s\\n", (char *){uts:#x} + 4', f'x/400bx {uts:#x}')
        raw = bytes(int(byte, 16) for line in text.splitlines() if line.startswith('0x')
                    for byte in re.findall(r'0x[0-9a-f]{2}\b', line.partition(':')[2]))
        self.assertIn(core.release.encode(), raw)
        paddr = uts - 0xffffffff80000000 + core_phys_base()     # which may be negative
        self.assertEqual(raw, core.source.read(paddr, 400))
        direct = next(load.vaddr - load.paddr for load in source_loads(dump) if load.vaddr < 0xffffffff80000000)
        text = self.gdb(dump, f'x/400bx {direct + paddr:#x}')
        again = bytes(int(byte, 16) for line in text.splitlines() if line.startswith('0x')
                      for byte in re.findall(r'0x[0-9a-f]{2}\b', line.partition(':')[2]))
        self.assertEqual(again, raw)

    def test_with_symbols(self) -> None:
        (dump,) = forms.make(FORMS['elf'], 31, [core.path], at('gdb'))
        offset = int(core.source.info('KERNELOFFSET'), 16)
        text = self.gdb(dump, f'add-symbol-file -o {offset:#x} {vmlinux}', 'printf "%s", linux_banner',
                        'printf "comm %s\\n", init_task.comm')
        self.assertIn(f'Linux version {core.release} ', text)
        self.assertIn('comm swapper/0', text)


def core_phys_base() -> int:
    return int(core.source.info('NUMBER(phys_base)'), 0)


def source_loads(path: str):
    from lib import source
    return source.Source(path).loads


class Drgn(unittest.TestCase):
    def test_elf(self) -> None:
        """QEMU's own ELF has no virtual addresses and drgn cannot read it; of ours it can."""
        expected = debuggers.drgn_tasks(run.make_dump(core.path, at('whole.lzo'), 0, 'lzo', '-f'), vmlinux)
        self.assertGreater(len(expected), 40)
        for level in (0, 1, 31):
            with self.subTest(level=level):
                files = forms.make(FORMS['elf'], level, [core.path], at('drgn'))
                self.assertEqual(debuggers.drgn_tasks(files[0], vmlinux), expected)
        self.assertEqual(debuggers.drgn_tasks(forms.make(FORMS['dedup'], 31, [core.path], at('dedup'))[0], vmlinux),
                         expected)


class Libkdumpfile(unittest.TestCase):
    def test_split_sets_in_any_order(self) -> None:
        for name in ('split in 2', 'split in 3'):
            with self.subTest(name):
                files = forms.make(FORMS[name], 31, [core.path], at(name))
                for order in (files, files[::-1]):
                    result = run.compare_pages(order, core.path)
                    self.assertTrue(result.clean, result.wrong)
                    self.assertEqual(bits.from_bitmap(result.readable), kdump.read(files[0]).kept)


if __name__ == '__main__':
    unittest.main()
