# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers, notes, bitmaps and descriptors of a dump: what the format demands, and what makedumpfile writes."""
from __future__ import annotations

import os
import stat
import unittest
from collections import Counter

from lib import env, judge, kdump, peer, source
from lib.dumps import Dumps

CODECS = ('none', 'zlib', 'lzo', 'snappy', 'zstd')

dumps: Dumps


def setUpModule() -> None:
    global dumps
    env.program()
    env.vmcores()
    dumps = Dumps()


def tearDownModule() -> None:
    dumps.close()


class Format(unittest.TestCase):
    def test_every_codec(self) -> None:
        for core in env.vmcores():
            for codec in CODECS:
                with self.subTest(core=core.name, codec=codec):
                    dump = dumps.read(core, 31, codec)
                    faults = judge.format_faults(dump, core.source)
                    if faults:
                        self.fail('\n'.join(faults))
                    self.assertEqual(dump.main['status'], kdump.CODEC_FLAGS[codec])
                    used = {d.flags for d in dump.descriptors()}
                    self.assertLessEqual(used, {0, kdump.CODEC_FLAGS[codec]})
                    self.assertIn(kdump.CODEC_FLAGS[codec], used)
                    self.assertEqual(dump.sub['dump_level'], 31)

    def test_mode_is_0600(self) -> None:
        path = dumps.path(env.vmcores()[0], 31, 'lzo')
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_zero_pages_share_one_page_of_data(self) -> None:
        """The first item of the page data, raw, as readers and makedumpfile --reassemble know it."""
        for core in env.vmcores():
            with self.subTest(core=core.name):
                dump = dumps.read(core, 31, 'lzo')
                start = dump.descriptors_offset + dump.kept_count * kdump.DESCRIPTOR.size
                with open(dump.path, 'rb') as file:
                    file.seek(start)
                    self.assertEqual(file.read(source.PAGE), bytes(source.PAGE))
                shared = Counter(d.offset for d in dump.descriptors())
                self.assertGreater(shared[start], 1000, 'hardly any zero page is shared')

    def test_notes_are_the_sources(self) -> None:
        for core in env.vmcores():
            with self.subTest(core=core.name):
                dump = dumps.read(core, 31, 'lzo')
                self.assertEqual(dump.notes, core.source.raw_notes)
                self.assertEqual(dump.vmcoreinfo, core.source.vmcoreinfo())
                self.assertGreaterEqual(dump.sub['offset_vmcoreinfo'], dump.sub['offset_note'])

    def test_header_is_the_peers(self) -> None:
        for core in (env.vmcore_of('6.1'), env.vmcore_of('6.12')):
            with self.subTest(core=core.name):
                ours, theirs = dumps.read(core, 31, 'zlib'), peer.dump(core, dumps.folder, 31, '-c')
                self.assertEqual(ours.utsname, theirs.utsname)
                self.assertEqual(ours.timestamp, theirs.timestamp)
                for name in ('status', 'block_size', 'sub_hdr_size', 'nr_cpus', 'current_cpu'):
                    self.assertEqual(ours.main[name], theirs.main[name], name)
                for name in ('phys_base', 'dump_level', 'offset_vmcoreinfo', 'size_vmcoreinfo', 'offset_note',
                             'size_note'):
                    self.assertEqual(ours.sub[name], theirs.sub[name], name)


if __name__ == '__main__':
    unittest.main()
