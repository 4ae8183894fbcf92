# SPDX-License-Identifier: GPL-2.0-or-later
"""Offsets beyond 2 and 4 GiB, in and out: 6 GiB of memory, nearly all holes of a sparse file, noise on both sides of
each border and at the end."""
from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import unittest

from lib import env, flat, forms, kdump, run, source, tiny
from lib.source import PAGE

MEMORY = 6 << 30
FIRST = PAGE        # file offset of page frame 0
BORDERS = (1 << 31, 1 << 32, MEMORY)

folder: str
noise: dict[int, bytes]


def setUpModule() -> None:
    global folder, noise
    env.program()
    folder = tempfile.mkdtemp(dir=env.scratch())
    if not folder.startswith('/dev/shm') and shutil.disk_usage(folder).free < 8 << 30:
        raise env.missing('no room for sparse files')
    noise = {}
    for border in BORDERS:
        last = border // PAGE
        for pfn in range(last - 20, min(last + 20, MEMORY // PAGE)):
            noise[pfn] = random.Random(pfn).randbytes(PAGE)
    write_source()


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name)


def write_source() -> None:
    note = tiny.prstatus()
    head = tiny.header(tiny.EHDR.size, 2)
    table = tiny.program_header(tiny.PT_NOTE, 512, 0, 0, len(note), len(note)) \
        + tiny.program_header(tiny.PT_LOAD, FIRST, 0, 0, MEMORY, MEMORY)
    with open(at('source'), 'wb') as file:
        file.write(head + table)
        file.seek(512)
        file.write(note)
        for pfn, data in noise.items():
            file.seek(FIRST + pfn * PAGE)
            file.write(data)
        file.truncate(FIRST + MEMORY)


class Huge(unittest.TestCase):
    def run_vmsift(self, *args: str, stdin: str | None = None, stdout: str | None = None) -> None:
        with open(stdin or os.devnull, 'rb') as read, open(stdout or os.devnull, 'wb') as written:
            done = subprocess.run([env.program(), '--message-level', '4', '-f', *args], stdin=read, stdout=written,
                                  stderr=subprocess.PIPE, text=True, timeout=300)
        self.assertEqual((done.returncode, run.error_lines(done.stderr)), (0, []), done.stderr)

    def remove(self, *names: str) -> None:
        for name in names:
            os.unlink(at(name))

    def check_elf(self, path: str) -> None:
        core = source.Source(path)
        self.assertEqual(core.present(), source.Source(at('source')).present())
        for pfn, data in noise.items():
            self.assertEqual(core.read(pfn * PAGE, PAGE), data, f'page frame {pfn:#x} of {path}')

    def check_kdump(self, paths: list[str]) -> None:
        got = {}
        for path in paths:
            dump = kdump.read(path)
            self.assertEqual(dump.kept_count, MEMORY // PAGE)
            begin, end = dump.sub['start_pfn_64'], dump.sub['end_pfn_64']
            if not dump.sub['split']:
                begin, end = 0, MEMORY // PAGE
            with open(path, 'rb') as file:
                for pfn in noise:
                    if not begin <= pfn < end:
                        continue
                    file.seek(dump.descriptors_offset + (pfn - begin) * kdump.DESCRIPTOR.size)
                    descriptor = kdump.Descriptor(*kdump.DESCRIPTOR.unpack(file.read(kdump.DESCRIPTOR.size)))
                    self.assertEqual((descriptor.size, descriptor.flags), (PAGE, 0))
                    file.seek(descriptor.offset)
                    got[pfn] = file.read(PAGE)
        self.assertEqual(got, noise)

    def test_all_pages_as_data(self) -> None:
        """Level 0 leaves nothing out: offsets in the file reach 6 GiB, and zeros stay holes of it."""
        self.run_vmsift('-d', '0', '-E', at('source'), at('elf'))
        self.check_elf(at('elf'))
        self.assertGreater(os.path.getsize(at('elf')), MEMORY)
        self.run_vmsift('-d', '1', '-l', at('elf'), at('again'))
        self.check_kdump([at('again')])
        self.remove('elf', 'again')

    def test_small_outputs(self) -> None:
        self.run_vmsift('-d', '1', at('source'), at('kdump'))
        self.check_kdump([at('kdump')])
        self.run_vmsift('-d', '1', '-F', at('source'), stdout=at('flat'))
        flat.rebuild(at('flat'), at('rebuilt'))
        self.assertEqual(forms.digest(at('rebuilt')), forms.digest(at('kdump')))
        self.run_vmsift('-R', at('rebuilt'), stdin=at('flat'))
        self.assertEqual(forms.digest(at('rebuilt')), forms.digest(at('kdump')))
        self.run_vmsift('-d', '1', '-E', at('kdump'), at('elf'))
        self.check_elf(at('elf'))
        self.remove('flat', 'rebuilt', 'elf')
        for splits in (2, 3):
            members = [at(f'member{i}') for i in range(splits)]
            self.run_vmsift('--split', '-d', '1', at('source'), *members)
            self.check_kdump(members)
            self.run_vmsift('--reassemble', *members, at('whole'))
            self.assertEqual(forms.digest(at('whole')), forms.digest(at('kdump')))

    def test_streams_with_offsets_beyond(self) -> None:
        """A compressed stream of ELF holds zero pages as data: 6 GiB of them, unwrapped into a pipe."""
        self.run_vmsift('-d', '1', '-F', '-E', '--stream', 'zstd', at('source'), stdout=at('stream'))
        self.run_vmsift('-R', at('elf'), stdin=at('stream'))
        self.check_elf(at('elf'))
        self.run_vmsift('-d', '1', at('stream'), at('kdump'))
        self.check_kdump([at('kdump')])
        self.remove('stream', 'elf')


if __name__ == '__main__':
    unittest.main()
