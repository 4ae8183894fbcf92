# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what surrounds a guest: initramfs, saved files, page flags, the cache, recipes."""
from __future__ import annotations

import array
import gzip
import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cache  # noqa: E402
import disks  # noqa: E402
import initramfs  # noqa: E402
import page_flags  # noqa: E402
import recipes  # noqa: E402
import vmcore_files  # noqa: E402


def cpio_entries(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Name -> (mode, content) of a newc archive, up to its trailer."""
    entries, at = {}, 0
    while True:
        fields = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        assert archive[at:at + 6] == b'070701', at
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = archive[at + 110:at + 110 + name_size - 1].decode()
        start = (at + 110 + name_size + 3) & ~3
        if name == 'TRAILER!!!':
            return entries
        entries[name] = mode, archive[start:start + size]
        at = (start + size + 3) & ~3


class Temporary(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class CpioTest(unittest.TestCase):
    """The initramfs archive."""

    def test_entries_come_back_with_their_parents_first(self) -> None:
        archive = initramfs.Cpio()
        archive.file('a/b/program', b'odd', 0o755)
        archive.file('a/b/empty', b'')
        archive.folder('a/b')  # there already: ignored
        archive.character_device('dev/console', 5, 1)
        content = archive.content()
        self.assertEqual(len(content) % 512, 0)
        entries = cpio_entries(content)
        self.assertEqual(list(entries), ['a', 'a/b', 'a/b/program', 'a/b/empty', 'dev', 'dev/console'])
        self.assertEqual(entries['a/b/program'], (0o100755, b'odd'))
        self.assertEqual(entries['dev/console'][0], 0o020600)


class SavedFilesTest(Temporary):
    """The disk that the guest saves files on."""

    def write(self, endian: str, files: dict[str, bytes]) -> Path:
        """A disk as `workload save` writes it."""
        disk = self.folder / 'disk'
        with open(disk, 'wb') as file:
            for label, content in files.items():
                header = struct.pack('<8sQQ', b'VMSIFTF1', len(content), 65536) + endian.encode()
                file.write(header.ljust(64, b'\0') + label.encode().ljust(4096 - 64, b'\0'))
                file.write(content + bytes(-len(content) % 4096))
            file.write(bytes(8192))
        return disk

    def test_files_come_back(self) -> None:
        files = {'kallsyms': b'x' * 5000, 'empty': b'', 'kpageflags': struct.pack('<2Q', 1, 2)}
        saved = list(disks.saved_files(self.write('little', files)))
        self.assertEqual(saved, [(label, content, 65536) for label, content in files.items()])

    def test_page_flags_of_a_big_endian_guest_are_turned(self) -> None:
        disk = self.write('big', {'kpageflags': struct.pack('>2Q', 1, 2)})
        self.assertEqual([content for _, content, _ in disks.saved_files(disk)], [struct.pack('<2Q', 1, 2)])


class PageFlagsTest(Temporary):
    """Counting kpageflags."""

    def test_counts(self) -> None:
        bit = page_flags.BIT
        flags = array.array('Q', [bit['buddy'], bit['buddy'], bit['slab'], bit['anon'] | bit['lru'] | bit['thp'], 0])
        path = self.folder / 'x.kpageflags.gz'
        path.write_bytes(gzip.compress(flags.tobytes()))
        loaded = page_flags.load(path)
        self.assertEqual(page_flags.count(loaded)['buddy'], 2)
        classes = page_flags.classes(loaded)
        found = [classes[name] for name in ('free', 'slab', 'transparent huge', 'hwpoison')]
        self.assertEqual(found, [2, 1, 1, 0])


class CacheTest(Temporary):
    """Files appear whole or not at all."""

    def test_place_of_the_cache(self) -> None:
        for environment, place in (({'VMSIFT_CACHE': '/a'}, '/a'), ({'XDG_CACHE_HOME': '/b'}, '/b/vmsift'),
                                   ({'HOME': '/c'}, '/c/.cache/vmsift')):
            with mock.patch.dict(os.environ, environment, clear=True):
                self.assertEqual(cache.root(), Path(place))

    def test_a_failed_block_leaves_nothing(self) -> None:
        path = self.folder / 'file'
        with self.assertRaises(RuntimeError), cache.replacing(path) as part:
            part.write_text('half')
            raise RuntimeError
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_litter_of_killed_runs_is_cleared(self) -> None:
        dead = subprocess.Popen(['true'])
        dead.wait()
        (self.folder / f'.file.{dead.pid}.part').mkdir()
        with cache.replacing(self.folder / 'file') as part:
            part.write_text('whole')
        self.assertEqual([path.name for path in self.folder.iterdir()], ['file'])


class RecipeTest(Temporary):
    """The named sets, and when a vmcore counts as made."""

    def test_memory_sizes(self) -> None:
        for text, number in (('512M', 512 << 20), ('2g', 2 << 30), ('4096', 4096)):
            self.assertEqual(recipes.Recipe('x', ('sid',), mem=text).mem_bytes(), number)

    def test_names_in_a_set_are_unique(self) -> None:
        for recipe_set in recipes.SETS.values():
            names = [name for recipe in recipe_set for name in vmcore_files.names_of(recipe)]
            self.assertEqual(len(names), len(set(names)))

    def test_a_vmcore_without_one_of_its_side_files_is_not_complete(self) -> None:
        """So that a maker that learnt to save one more makes the vmcore anew."""
        (self.folder / 'x.facts.json').write_text('{"elf": {"size": 0}}')
        names = [f'x{suffix}' for suffix in ('.elf', *vmcore_files.ESSENTIAL)]
        for name in names:
            (self.folder / name).write_bytes(b'')
        self.assertIsNotNone(vmcore_files.read_facts(self.folder, 'x'))
        for name in names:
            (self.folder / name).rename(self.folder / 'away')
            self.assertIsNone(vmcore_files.read_facts(self.folder, 'x'), name)
            (self.folder / 'away').rename(self.folder / name)

    def test_a_vmcore_of_another_size_than_its_facts_say_is_not_complete(self) -> None:
        for suffix in vmcore_files.ESSENTIAL:
            (self.folder / f'x{suffix}').write_bytes(b'')
        (self.folder / 'x.facts.json').write_text('{"elf": {"size": 3}}')
        self.assertIsNone(vmcore_files.read_facts(self.folder, 'x'))
        (self.folder / 'x.elf').write_bytes(b'ab')
        self.assertIsNone(vmcore_files.read_facts(self.folder, 'x'))
        (self.folder / 'x.elf').write_bytes(b'abc')
        self.assertIsNotNone(vmcore_files.read_facts(self.folder, 'x'))


if __name__ == '__main__':
    unittest.main()
