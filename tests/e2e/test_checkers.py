# SPDX-License-Identifier: GPL-2.0-or-later
"""The checkers themselves: a sound dump passes, and each kind of damage is reported as what it is.

Without this a checker that never complains would look like a writer that never errs. Needs neither vmsift nor a
real vmcore.
"""
from __future__ import annotations

import os
import struct
import tempfile
import unittest
from array import array

from lib import bits, env, judge, kdump, pageflags, run, source, tiny

FIRST, COUNT = 16, 64            # page frames of the tiny core
EXCLUDED = {20, 33, 34}


class SpoiledDump(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.mkdtemp(dir=env.scratch())
        self.core = tiny.write(os.path.join(folder, 'core'), tiny.elf(
            [tiny.Load(FIRST * tiny.PAGE, tiny.pages(FIRST, COUNT))]))
        self.kept = {pfn: tiny.page(pfn) for pfn in range(FIRST, FIRST + COUNT) if pfn not in EXCLUDED}
        self.dump = os.path.join(folder, 'dump')
        self.memory = set(range(FIRST, FIRST + COUNT))
        self.raw = bytearray(tiny.kdump_file(self.kept, FIRST + COUNT, self.memory))

    def compare(self) -> run.Compared:
        return run.compare_pages(tiny.write(self.dump, bytes(self.raw)), self.core)

    def descriptor_at(self, pfn: int) -> int:
        tiny.write(self.dump, bytes(self.raw))
        return kdump.read(self.dump).descriptors_offset + sorted(self.kept).index(pfn) * kdump.DESCRIPTOR.size

    def test_sound_dump_passes(self) -> None:
        result = self.compare()
        self.assertTrue(result.clean, result.wrong)
        self.assertEqual(result.counts['pages'], len(self.kept))
        self.assertEqual(bits.from_bitmap(result.readable), kdump.read(self.dump).kept)
        self.assertEqual(judge.format_faults(kdump.read(self.dump), source.Source(self.core)), [])

    def test_flipped_byte_of_a_raw_page(self) -> None:
        offset = struct.unpack_from('<Q', self.raw, self.descriptor_at(17))[0]
        self.raw[offset + 100] ^= 1
        result = self.compare()
        self.assertEqual(result.counts['differ'], 1)
        self.assertIn('pfn 0x11: differs from byte 100', result.wrong)

    def test_flipped_byte_of_a_compressed_page(self) -> None:
        offset = struct.unpack_from('<Q', self.raw, self.descriptor_at(18))[0]
        self.raw[offset + 20] ^= 0x55
        result = self.compare()
        self.assertEqual(result.counts['differ'] + result.counts['errors'], 1, result)

    def test_swapped_descriptors(self) -> None:
        a, b = self.descriptor_at(18), self.descriptor_at(19)
        self.raw[a:a + 24], self.raw[b:b + 24] = self.raw[b:b + 24], self.raw[a:a + 24]
        self.assertEqual(self.compare().counts['differ'], 2)

    def test_cleared_bitmap_bit_shifts_every_later_page(self) -> None:
        tiny.write(self.dump, bytes(self.raw))
        at = kdump.read(self.dump).bitmap2_offset + 17 // 8
        self.raw[at] &= ~(1 << 17 % 8)
        result = self.compare()
        self.assertGreater(result.counts['differ'], 30)
        self.assertFalse(bits.from_bitmap(result.readable) >> 17 & 1)

    def test_page_the_source_does_not_have(self) -> None:
        self.kept[FIRST + COUNT + 3] = tiny.page(1)
        self.raw = bytearray(tiny.kdump_file(self.kept, FIRST + COUNT + 8, self.memory))
        result = self.compare()
        self.assertEqual(result.counts['unsourced'], 1)
        faults = judge.format_faults(kdump.read(self.dump), source.Source(self.core))
        self.assertTrue(any('bitmap 2' in fault for fault in faults), faults)

    def test_second_dump_with_another_set(self) -> None:
        other = dict(self.kept)
        del other[40]
        second = tiny.write(self.dump + '.2', tiny.kdump_file(other, FIRST + COUNT, self.memory))
        tiny.write(self.dump, bytes(self.raw))
        self.assertEqual(run.compare_pages(self.dump, second).counts['unsourced'], 1)
        self.assertEqual(run.compare_pages(second, self.dump).counts['unsourced'], 1)

    def test_format_faults(self) -> None:
        cases = {
            'incomplete': (kdump.MAIN['status'], struct.pack('<I', 1 | kdump.STATUS_INCOMPLETE)),
            'header_version': (kdump.MAIN['header_version'], struct.pack('<I', 5)),
            'max_mapnr_64': (4096 + kdump.SUB['max_mapnr_64'][0], struct.pack('<Q', 17)),
            'nr_cpus': (kdump.MAIN['nr_cpus'], struct.pack('<I', 7)),
            'raw page': (self.descriptor_at(17) + 8, struct.pack('<I', 4000)),
            'past the end': (self.descriptor_at(18), struct.pack('<Q', len(self.raw) - 5)),
            'page_flags': (self.descriptor_at(18) + 16, struct.pack('<Q', 1)),
            'unknown codec': (self.descriptor_at(18) + 12, struct.pack('<I', 0x40)),
        }
        for expected, (at, value) in cases.items():
            with self.subTest(expected):
                spoiled = bytearray(self.raw)
                spoiled[at:at + len(value)] = value
                dump = kdump.read(tiny.write(self.dump, bytes(spoiled)))
                faults = judge.format_faults(dump, source.Source(self.core))
                self.assertTrue(any(expected in fault for fault in faults), faults)


def flags_of(*names: str) -> int:
    return sum(pageflags.BIT[name] for name in names)


class KernelFlags(unittest.TestCase):
    def test_classes(self) -> None:
        for expected, names in {'free': ('buddy',), 'slab': ('slab', 'compound_head'),
                                'user': ('anon', 'lru', 'swapbacked'), 'cache': ('lru', 'uptodate'),
                                'hugetlb': ('huge', 'compound_head'), 'cache_private': ('lru', 'private'),
                                'kernel': (), 'kernel_compound': ('compound_head',), 'hwpoison': ('hwpoison', 'anon'),
                                'offline': ('offline',), 'reserved': ('reserved',)}.items():
            with self.subTest(expected):
                self.assertEqual(pageflags.classify(flags_of(*names)), expected)

    def test_tail_has_its_heads_class(self) -> None:
        tail = flags_of('compound_tail')
        built = pageflags.build(array('Q', [flags_of('anon', 'compound_head', 'thp'), tail, tail, 0]))
        self.assertEqual(built.of('user'), 0b0111)
        self.assertEqual(built.of('kernel'), 0b1000)


class Oracle(unittest.TestCase):
    """judge.oracle_faults on a made-up machine of 4096 pages."""

    def setUp(self) -> None:
        raw = array('Q', [0] * 4096)
        for start, end, names in ((0, 1000, ('slab',)), (1000, 2000, ('buddy',)), (2000, 3000, ('anon', 'lru')),
                                  (3000, 3500, ('lru',)), (3500, 3600, ('reserved',)), (3600, 3601, ('hwpoison',))):
            raw[start:end] = array('Q', [flags_of(*names)] * (end - start))
        self.flags = pageflags.build(raw)
        self.memory = bits.from_range(0, 4096)
        self.sound = self.memory & ~self.flags.of('free', 'user', 'cache', 'hwpoison')

    def faults(self, kept: int, level: int = 31) -> list[str]:
        return judge.oracle_faults(self.flags, self.memory, kept, level)

    def test_sound_set(self) -> None:
        self.assertEqual(self.faults(self.sound), [])

    def test_lost_slab(self) -> None:
        faults = self.faults(self.sound & ~bits.from_range(100, 300))
        self.assertEqual(len(faults), 1)
        self.assertIn('200 slab pages are dropped', faults[0])

    def test_one_lost_reserved_page(self) -> None:
        self.assertEqual(len(self.faults(self.sound & ~(1 << 3550))), 1)

    def test_kept_free_pages(self) -> None:
        self.assertIn('1000 free pages are kept', self.faults(self.sound | self.flags.of('free'))[0])

    def test_poison_kept(self) -> None:
        self.assertIn('hwpoison', self.faults(self.sound | 1 << 3600)[0])

    def test_level_without_that_bit(self) -> None:
        faults = self.faults(self.sound, level=16)
        self.assertTrue(any('user pages are dropped' in fault for fault in faults), faults)

    def test_difference_names_pages(self) -> None:
        text = judge.differences(self.sound, self.sound ^ (1 << 5) ^ (1 << 1500), self.flags)
        self.assertIn('0x5 only in the first: slab', text)
        self.assertIn('0x5dc only in the second: buddy', text)


if __name__ == '__main__':
    unittest.main()
