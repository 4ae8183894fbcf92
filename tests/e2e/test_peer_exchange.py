# SPDX-License-Identifier: GPL-2.0-or-later
"""makedumpfile and vmsift take each other's files: streams, split sets, dumps to be filtered once more, ELF cores.

Its -R waits ten minutes for the rest of a stream that was cut short; so nothing here runs without a time limit.
(test_flattened_input.py has its streams, test_kdump_input.py its dumps as vmsift's input.)
"""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest

from lib import bits, env, forms, kdump, peer, run
from lib.forms import FORMS

KERNEL = '6.1'      # every makedumpfile here understands it
LIMIT = 120         # seconds

folder: str
core: env.Vmcore
peers: list[str]
judge: forms.Judge
kept: dict[int, bits.PfnSet]


def setUpModule() -> None:
    global folder, core, peers, judge, kept
    env.program()
    core = env.vmcore_of(KERNEL)
    env.page_checker()
    peers = [program for version, program in peer.candidates() if peer.last_kernel(version) >= core.version]
    if not peers:
        raise env.missing('no makedumpfile')
    folder = tempfile.mkdtemp(dir=env.scratch())
    judge = forms.Judge(unittest.TestCase(), core.path)
    kept = {}
    for level in (1, 31):
        kept[level] = kdump.read(run.make_dump(core.path, at('direct'), level, 'none', '-f')).kept


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name)


def lzo(program: str) -> bool:
    """Whether this build has the codec; without, it says nothing and stores pages as they are."""
    peer_dump(program, at('codec'), '-l', '-d', '31', core.path)
    return bool(kdump.status(at('codec')) & kdump.CODEC_FLAGS['lzo'])


def peer_dump(program: str, target: str, *args: str) -> str:
    if os.path.exists(target):
        os.unlink(target)
    done = run.run(program, *args, target, timeout=LIMIT)
    if done.status != 0 or not os.path.exists(target):
        raise AssertionError(f'the peer failed:\n{done}')
    return target


class Exchange(unittest.TestCase):
    def each_peer(self):
        for program in peers:
            yield os.path.basename(program), program

    def check(self, dump: str, level: int, *, zeros: bool = True, extra: int = 0) -> None:
        """`extra`: so many pages more than vmsift keeps."""
        result = run.compare_pages(dump, core.path)
        self.assertTrue(result.clean, f'{result.counts}\n{result.wrong}')
        has = bits.from_bitmap(result.readable)
        lost = kept[level] & ~has
        self.assertEqual(bits.count(lost if zeros else lost & judge.pages.not_zero), 0, 'lost pages')
        self.assertLessEqual(bits.count(has & ~kept[level]), extra, 'pages that were to be left out')


class Streams(Exchange):
    def test_the_peer_rebuilds_ours(self) -> None:
        for name, program in self.each_peer():
            for form in ('flat', 'flat elf'):
                with self.subTest(peer=name, form=form):
                    (stream,) = forms.make(FORMS[form], 31, [core.path], at('stream'))
                    target = at('rebuilt')
                    if os.path.exists(target):
                        os.unlink(target)
                    with open(stream, 'rb') as flat:
                        done = subprocess.run([program, '-R', target], stdin=flat, capture_output=True, timeout=LIMIT)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    plain = forms.Form(tuple(option for option in FORMS[form].options if option != '-F'))
                    direct = forms.make(plain, 31, [core.path], at('direct'))
                    self.assertEqual(forms.digest(target), forms.digest(direct[0]))


class SplitSets(Exchange):
    def reassembled_by(self, program: str, members: list[str]) -> str:
        target = at('whole')
        if os.path.exists(target):
            os.unlink(target)
        done = run.run(program, '--reassemble', *members, target, timeout=LIMIT)
        self.assertEqual(done.status, 0, done)
        return target

    def test_the_peer_reassembles_ours(self) -> None:
        for name, program in self.each_peer():
            for parts, codec in ((2, '-l'), (3, '-c')):
                with self.subTest(peer=name, parts=parts, codec=codec):
                    members = forms.make(forms.Form(('--split', codec), parts), 31, [core.path], at('member'))
                    self.check(self.reassembled_by(program, members), 31)
                    self.assertEqual(kdump.read(at('whole')).sub['split'], 0)

    def test_ours_reassembles_the_peers(self) -> None:
        for name, program in self.each_peer():
            for parts in (2, 3):
                with self.subTest(peer=name, parts=parts):
                    members = [at(f'peers{i}') for i in range(parts)]
                    for path in members:
                        if os.path.exists(path):
                            os.unlink(path)
                    done = run.run(program, '--split', '-c', '-d', '31', '--message-level', '4', core.path, *members,
                                   timeout=LIMIT)
                    self.assertEqual(done.status, 0, done)
                    mine = self.reassembled_by(env.program(), members)
                    self.check(mine, 31)

    def test_the_peers_set_is_one_source(self) -> None:
        for name, program in self.each_peer():
            with self.subTest(peer=name):
                members = [at(f'peers{i}') for i in range(3)]
                for path in members:
                    if os.path.exists(path):
                        os.unlink(path)
                done = run.run(program, '--split', '-c', '-d', '1', '--message-level', '4', core.path, *members,
                               timeout=LIMIT)
                self.assertEqual(done.status, 0, done)
                done = run.vmsift('-l', '-d', '31', '-f', *members, at('filtered'))
                self.assertEqual(done.status, 0, done)
                self.check(at('filtered'), 31)


class Refiltered(Exchange):
    def test_the_peer_filters_our_dump(self) -> None:
        for name, program in self.each_peer():
            for codec in ('zlib', 'lzo', 'zstd', 'none'):
                with self.subTest(peer=name, codec=codec):
                    if codec == 'lzo' and not lzo(program) or codec == 'zstd' and not self.reads_zstd(program):
                        self.skipTest(f'this makedumpfile was built without {codec}')
                    source = run.make_dump(core.path, at('source'), 1, codec, '-f')
                    peer_dump(program, at('out'), '-c', '-d', '31', '--message-level', '4', source)
                    self.check(at('out'), 31)

    @staticmethod
    def reads_zstd(program: str) -> bool:
        peer_dump(program, at('codec'), '-z', '-d', '31', core.path)
        return bool(kdump.status(at('codec')) & kdump.CODEC_FLAGS['zstd'])

    def test_the_peer_filters_our_shared_pages(self) -> None:
        for name, program in self.each_peer():
            with self.subTest(peer=name):
                source = run.make_dump(core.path, at('source'), 1, 'zlib', '-f', '--dedup')
                peer_dump(program, at('out'), '-c', '-d', '31', '--message-level', '4', source)
                self.check(at('out'), 31)

    # Mapping an ELF core with many gaps, makedumpfile 1.7.2 and 1.7.8 copy from beyond what they mapped and are killed.
    NO_MAP = '--non-mmap'
    # And where struct pages lie in a row of zero pages that was left out, they keep pages that vmsift knows as free.
    UNKNOWN = 1000

    def test_the_peer_filters_our_elf(self) -> None:
        for name, program in self.each_peer():
            for level in (0, 1):
                with self.subTest(peer=name, level=level):
                    source = forms.make(FORMS['elf'], level, [core.path], at('source.elf'))
                    peer_dump(program, at('out'), self.NO_MAP, '-c', '-d', '31', '--message-level', '4', *source)
                    self.check(at('out'), 31, zeros=level == 0,
                               extra=level * self.UNKNOWN)

    def test_the_peer_makes_elf_of_ours(self) -> None:
        """And ours takes that."""
        for name, program in self.each_peer():
            with self.subTest(peer=name):
                source = forms.make(FORMS['elf'], 1, [core.path], at('source.elf'))
                peer_dump(program, at('out.elf'), self.NO_MAP, '-E', '-d', '31', '--message-level', '4', *source)
                back = forms.make(FORMS['kdump lzo'], 31, [at('out.elf')], at('back'))
                self.check(back[0], 31, zeros=False, extra=self.UNKNOWN)


if __name__ == '__main__':
    unittest.main()
