# SPDX-License-Identifier: GPL-2.0-or-later
"""crash, with the matching vmlinux, prints for the filtered dump what it prints for the unfiltered vmcore.

Equal to the byte: crash's start-up text, which names the file, is switched off, and none of these commands looks at
a page that level 31 drops.
"""
from __future__ import annotations

import difflib
import os
import shutil
import unittest

from lib import bits, debuggers, env, kdump
from lib.dumps import Dumps

# The first six are what an analyst types first; the others walk as much of the kernel's own memory as they can.
COMMANDS = ('bt -a', 'ps', 'kmem -i', 'log', 'mod', 'files',
            'foreach bt', 'foreach files', 'mount', 'runq', 'irq', 'kmem -s')
LEAST_LINES = {'bt -a': 20, 'ps': 40, 'kmem -i': 15, 'log': 100, 'mod': 5, 'files': 2, 'foreach bt': 300,
               'foreach files': 100, 'kmem -s': 50}

dumps: Dumps
core: env.Vmcore
vmlinux: str
unfiltered: dict[str, str]


def setUpModule() -> None:
    global dumps, core, vmlinux, unfiltered
    env.program()
    debuggers.crash_program()
    core = env.vmcore_of('6.1')
    vmlinux = debuggers.vmlinux_of(core)
    unfiltered = debuggers.crash(core.path, vmlinux, COMMANDS)
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


def difference(command: str, printed: str) -> str:
    lines = difflib.unified_diff(unfiltered[command].splitlines(), printed.splitlines(), 'vmcore', 'dump', lineterm='',
                                 n=0)
    return '\n'.join(list(lines)[:30])


def zero_slab_pages(dump: kdump.Kdump, slab: bits.PfnSet) -> None:
    """Make every slab page of a dump read as zeros: its descriptor gets the place of the shared zero page."""
    zero = dump.descriptors_offset + dump.kept_count * kdump.DESCRIPTOR.size
    with open(dump.path, 'r+b') as file:
        for index, pfn in enumerate(bits.members(dump.kept)):
            if slab >> pfn & 1:
                file.seek(dump.descriptors_offset + index * kdump.DESCRIPTOR.size)
                file.write(kdump.DESCRIPTOR.pack(zero, dump.main['block_size'], 0, 0))


class Crash(unittest.TestCase):
    def test_the_vmcore_itself_is_readable(self) -> None:
        for command, least in LEAST_LINES.items():
            with self.subTest(command):
                self.assertGreaterEqual(len(unfiltered[command].splitlines()), least, unfiltered[command])

    def test_same_output_for_every_command(self) -> None:
        for codec in ('lzo', 'zstd', 'zlib'):
            printed = debuggers.crash(dumps.path(core, 31, codec), vmlinux, COMMANDS)
            for command in COMMANDS:
                with self.subTest(codec=codec, command=command):
                    self.assertEqual(difference(command, printed[command]), '')

    def test_lost_slab_pages_would_be_seen(self) -> None:
        """The comparison can fail: crash on a dump whose slab pages are gone."""
        spoiled = shutil.copyfile(dumps.path(core, 31, 'lzo'), os.path.join(dumps.folder, 'spoiled'))
        zero_slab_pages(kdump.read(spoiled), core.flags.of('slab'))
        try:
            printed = debuggers.crash(spoiled, vmlinux, ('ps', 'files'))
        except AssertionError:
            return      # crash gave up on it, which is as good
        self.assertNotEqual(difference('ps', printed['ps']), '')


if __name__ == '__main__':
    unittest.main()
