# SPDX-License-Identifier: GPL-2.0-or-later
"""--lz4 is a private page codec: no reader but vmsift knows it. What matters is that it says so, and that the dump
turns into an ordinary one without losing anything."""
from __future__ import annotations

import os
import unittest

from lib import bits, env, kdump, run
from lib.dumps import Dumps

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    env.page_checker()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


class Lz4(unittest.TestCase):
    def convert(self, core: env.Vmcore, level: int, codec: str) -> kdump.Kdump:
        """DUMP.lz4 made at `level`, then rewritten with `codec`."""
        target = os.path.join(dumps.folder, f'converted-{core.name}-{level}-{codec}')
        source = dumps.path(core, level, 'lz4')
        done = run.vmsift(*run.CODEC_OPTIONS[codec], '--message-level', '4', source, target)
        self.assertEqual(done.status, 0, done)
        return kdump.read(target)

    def check(self, core: env.Vmcore, level: int, codec: str) -> None:
        converted, direct = self.convert(core, level, codec), dumps.read(core, level, codec)
        self.assertEqual(converted.kept, direct.kept)
        self.assertEqual(converted.memory, direct.memory)
        self.assertEqual(converted.main, direct.main)
        self.assertEqual(converted.sub, direct.sub)
        self.assertEqual(converted.utsname, direct.utsname)
        self.assertEqual(converted.notes, direct.notes)
        against_source = run.compare_pages(converted.path, core.path)
        self.assertTrue(against_source.clean, against_source.wrong)
        self.assertEqual(bits.from_bitmap(against_source.readable), converted.kept)
        against_direct = run.compare_pages(converted.path, direct.path)
        self.assertTrue(against_direct.clean, against_direct.wrong)
        os.unlink(converted.path)

    def test_converted_equals_direct(self) -> None:
        for kernel, level, codec in (('6.1', 31, 'zstd'), ('6.12', 31, 'zstd'), ('7', 31, 'zlib'), ('6.1', 1, 'zstd'),
                                     ('6.12', 31, 'none')):
            core = env.vmcore_of(kernel)
            with self.subTest(core=core.name, level=level, codec=codec):
                self.check(core, level, codec)

    def test_signature_and_page_flag_are_private(self) -> None:
        """No reader may take an LZ4 page for one of a codec it knows and decode it to something else by chance."""
        core = env.vmcores()[0]
        dump = kdump.read(dumps.path(core, 31, 'lz4'), kdump.PRIVATE_SIGNATURE)
        used = {d.flags for d in dump.descriptors()} - {0}
        self.assertEqual(len(used), 1)
        self.assertEqual(used & set(kdump.CODEC_FLAGS.values()), set())
        self.assertEqual(dump.kept, dumps.read(core, 31, 'lzo').kept)

    def test_other_readers_refuse_the_file(self) -> None:
        core = env.vmcores()[0]
        done = run.run(env.page_checker(), dumps.path(core, 31, 'lz4'), core.path)
        self.assertEqual(done.status, 2, done)
        self.assertIn('file format', done.err.lower())

    def test_it_says_so(self) -> None:
        core = env.vmcores()[0]
        target = os.path.join(dumps.folder, 'said')
        done = run.vmsift('--lz4', '-d', '31', core.path, target)
        os.unlink(target)
        self.assertEqual(done.status, 0, done)
        said = (done.out + done.err).lower()
        self.assertIn('lz4', said)
        self.assertIn('vmsift -z', said, 'the way out of the private format is not named')

    def test_threads_do_not_change_the_conversion(self) -> None:
        core = env.vmcore_of('6.1')
        source = dumps.path(core, 31, 'lz4')
        contents = []
        for threads in ('1', '2', '3'):
            target = os.path.join(dumps.folder, f'threads-{threads}')
            done = run.vmsift('-z', '--num-threads', threads, '--message-level', '4', source, target)
            self.assertEqual(done.status, 0, done)
            with open(target, 'rb') as file:
                contents.append(file.read())
            os.unlink(target)
        self.assertEqual(contents[0], contents[1])
        self.assertEqual(contents[0], contents[2])


if __name__ == '__main__':
    unittest.main()
