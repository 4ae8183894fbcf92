# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps of other writers as input: filtered once more, converted, members of a split set, QEMU's own.

What comes out is compared with the ELF core that makedumpfile read, and with the dump that vmsift makes of that core
at once; of QEMU's, with libkdumpfile's view of the input.
"""
from __future__ import annotations

import os
import random
import shutil
import unittest

from lib import bits, env, guestless, kdump, peer, run
from lib.dumps import Dumps

KERNEL = '6.1'      # every makedumpfile here understands it
CODECS = {'zlib': '-c', 'lzo': '-l', 'snappy': '-p', 'zstd': '-z'}
SPLIT_RANGE = 64    # MiB, of --splitblock-size

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    env.page_checker()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


class OtherWriters(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.core = env.vmcore_of(KERNEL)

    def path(self, name: str) -> str:
        path = os.path.join(dumps.folder, name)
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        return path

    def peer_dump(self, program: str, codec: str, level: int) -> str | None:
        """None: this makedumpfile was built without the codec."""
        target = self.path(f'peer-{codec}-{level}')
        option = CODECS[codec]
        done = run.run(program, option, '-d', str(level), '--message-level', '4', self.core.path, target)
        if done.status != 0 or not kdump.status(target) & kdump.CODEC_FLAGS[codec]:
            return None     # it says nothing and stores pages as they are
        return target

    def check(self, dump: str, level: int) -> kdump.Kdump:
        """The dump holds the pages of the core that a direct dump at this level holds."""
        made = kdump.read(dump)
        self.assertEqual(made.kept, dumps.read(self.core, level).kept)
        result = run.compare_pages(dump, self.core.path)
        self.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
        self.assertEqual(bits.from_bitmap(result.readable), made.kept)
        return made

    def test_filtered_once_more(self) -> None:
        """0 to 31, 1 to 31 and 16 to 1 (which is 17), from every codec into the same and another one."""
        tried = set()
        for _, program in peer.candidates():
            for codec in CODECS:
                for before, after in ((0, 31), (1, 31), (16, 1)):
                    if (codec, before) in tried:
                        continue
                    source = self.peer_dump(program, codec, before)
                    if source is None:
                        continue
                    tried.add((codec, before))
                    other = 'lzo' if codec != 'lzo' else 'zstd'
                    for target_codec in (codec, other) if before == 1 else (codec,):
                        with self.subTest(codec=codec, before=before, after=after, into=target_codec):
                            target = self.path('out')
                            run.make_dump(source, target, after, target_codec, '-f')
                            made = self.check(target, before | after)
                            self.assertEqual(made.sub['dump_level'], before | after)
                    os.unlink(source)
        self.assertGreaterEqual({codec for codec, _ in tried}, {'zlib', 'lzo'})

    def test_a_member_of_a_split_set_alone(self) -> None:
        program = shutil.which('makedumpfile') or self.skipTest('no makedumpfile')
        members = [self.path(f'member{i}') for i in range(3)]
        done = run.run(program, '--split', '--splitblock-size', str(SPLIT_RANGE), '-l', '-d', '1', '--message-level',
                       '4', self.core.path, *members)
        self.assertEqual(done.status, 0, done)
        direct = dumps.read(self.core, 31).kept
        together = 0
        for member in members:
            sub = kdump.read(member).sub
            mine = bits.from_range(sub['start_pfn_64'], sub['end_pfn_64'])
            target = self.path('out')
            done = run.vmsift('-l', '-d', '31', '-f', member, target)
            self.assertEqual(done.status, 1, done)      # said, and marked: memory is missing
            self.assertIn('this is one member of a split set', done.err)
            self.assertTrue(kdump.status(target) & kdump.STATUS_INCOMPLETE)
            result = run.compare_pages(target, self.core.path)
            self.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
            readable = bits.from_bitmap(result.readable)
            self.assertEqual(readable & ~mine, 0)
            together |= readable
        # A member whose struct pages are in another one keeps what cannot be told.
        self.assertEqual(direct & ~together, 0)


def _memory() -> bytes:
    page = (lambda i: random.Random(i).randbytes(4096), lambda i: bytes(4096), lambda i: (b'page %d ' % i * 800)[:4096])
    return b''.join(page[i % 3](i) for i in range(2000))


class Qemu(unittest.TestCase):
    def check(self, system: str) -> None:
        source = guestless.dump(system, _memory(), dumps.folder)
        for level, codec in ((0, 'zlib'), (1, 'lzo'), (1, 'zlib')):
            with self.subTest(system=system, level=level, codec=codec):
                target = os.path.join(dumps.folder, 'converted')
                run.make_dump(source, target, level, codec, '-f')
                result = run.compare_pages(target, source)
                self.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
                self.assertGreaterEqual(result.counts['pages'], guestless.MEMORY // 4096)
                self.assertGreater(result.counts['pages'] - result.counts['zero'], 1300)

    def test_x86_64(self) -> None:
        self.check('x86_64')

    def test_i386(self) -> None:
        self.check('i386')

    def test_arm(self) -> None:
        """32-bit headers, in the packed layout."""
        self.check('arm')


if __name__ == '__main__':
    unittest.main()
