# SPDX-License-Identifier: GPL-2.0-or-later
"""drgn and gdb open what was made of vmcores of other architectures, and crash of their own architecture does.

VMSIFT_ARCHITECTURES=1 adds the vmcores of the set `architectures` to those of the set `test`, and crash.
"""
from __future__ import annotations

import os
import unittest

from lib import debuggers, env, kallsyms
from lib.architectures import EachArchitecture, utsname_at

# drgn 0.0.22 reads a kdump-compressed dump through libkdumpfile 0.5, which does not translate the addresses of the
# others: no riscv64, mips64 or loongarch64, no s390x since 6.10, no ppc64 of 4 KiB pages, no 32 bits.
DRGN_OPENS_KDUMP = ('arm64-6.1', 'arm64-6.12', 'arm64-6.12-16k', 'arm64-6.12-va48', 'arm64-7', 's390x-6.1',
                    'ppc64el-6.1', 'ppc64el-6.1-hash', 'ppc64el-6.12-64k')
# gdb 13 ends with an internal error at a core of mips64 that has no registers, ours as QEMU's, and does not know
# loongarch64.
NOT_OF_GDB = ('mips64el', 'loong64')
# sid's crash 9.0.2 of their architecture, run by QEMU, takes half a minute for each. It does not open QEMU's own cores
# either of arm64's 6.12 (52 bits) and of i386 with KASLR; armhf's wants times of 64 bits in headers; riscv64's takes
# too long.
CRASH_OPENS = ('s390x-6.12', 'ppc64el-6.12')
CRASH_COMMANDS = ('sys', 'bt -a', 'ps', 'mod', 'log')


def command_line_at(core: env.Vmcore) -> int | None:
    """Of a pointer in the image to what boot allocated, in the direct map."""
    symbol = kallsyms.named(kallsyms.load(core), 'saved_command_line')
    return symbol and symbol.address


class Readers(EachArchitecture):
    def expect(self, core: env.Vmcore, reader: debuggers.Memory) -> None:
        self.assertEqual(reader.text(utsname_at(core, 2)), core.release)
        pointer = command_line_at(core)
        if pointer:
            self.assertEqual(reader.text(reader.pointer(pointer)), core.facts['guest']['cmdline'].rstrip('\n'))

    def test_drgn(self) -> None:
        def check(core: env.Vmcore) -> None:
            self.expect(core, debuggers.DrgnMemory(self.dumps.path(core, 31, 'none', '-E')))
            self.dumps.forget(core, 31, 'none', '-E')
            if core.name in DRGN_OPENS_KDUMP:
                self.expect(core, debuggers.DrgnMemory(self.dumps.path(core, 31)))
                self.dumps.forget(core, 31)
        self.each(check)

    def test_gdb(self) -> None:
        def check(core: env.Vmcore) -> None:
            if core.facts['arch'] in NOT_OF_GDB:
                return
            self.expect(core, debuggers.GdbMemory(self.dumps.path(core, 31, 'none', '-E')))
            self.dumps.forget(core, 31, 'none', '-E')
        self.each(check)

    @unittest.skipUnless(os.environ.get('VMSIFT_ARCHITECTURES') == '1', 'takes minutes, and gigabytes of debug info')
    def test_crash(self) -> None:
        for name in CRASH_OPENS:
            with self.subTest(name):
                core = env.vmcore_of_any_architecture(name)
                vmlinux, program = debuggers.vmlinux_of(core), debuggers.crash_program(core.facts['arch'])
                whole, sifted = (debuggers.crash(self.dumps.path(core, level), vmlinux, CRASH_COMMANDS, program)
                                 for level in (0, 31))
                self.assertIn(core.release, whole['sys'])
                self.assertGreater(len(debuggers.tasks_of_ps(whole['ps'])), 60)
                for command in CRASH_COMMANDS:
                    lines = [[line for line in text[command].splitlines() if 'DUMPFILE' not in line]
                             for text in (whole, sifted)]
                    self.assertEqual(*lines, command)


if __name__ == '__main__':
    unittest.main()
