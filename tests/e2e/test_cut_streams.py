# SPDX-License-Identifier: GPL-2.0-or-later
# Runs alone: measures time.
"""Flattened streams of vmsift, plain and in frames, cut short at CUTS places.

-R ends at once with what arrived, marked; reading the cut stream itself gives the same pages.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from lib import env, flat, modes, partial, run

CUTS = 20
SECONDS = 5     # makedumpfile -R waits ten minutes
STREAMS = ('flat', 'flat-elf', 'flat-in-zstd', 'flat-elf-in-zstd', 'flat-in-lz4')

folder: str
memory: partial.Memory
sources: modes.Sources


def setUpModule() -> None:
    global folder, memory, sources
    env.program()
    env.page_checker()
    folder = tempfile.mkdtemp(dir=env.scratch())
    memory = partial.Memory(os.path.join(folder, 'core'))
    sources = modes.Sources(memory.path, folder)


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name)


def rebuild(stream: str, target: str) -> run.Result:
    if os.path.exists(target):
        os.unlink(target)
    began = time.monotonic()
    with open(stream, 'rb') as source:
        done = subprocess.run([env.program(), '-R', target], stdin=source, capture_output=True, text=True, timeout=60)
    if time.monotonic() - began > SECONDS:
        raise AssertionError(f'-R took {time.monotonic() - began:.1f} s')
    return run.Result(('-R', target), done.returncode, done.stdout, done.stderr)


def cuts(size: int) -> list[int]:
    inside = [10, flat.HEADER - 1, flat.HEADER, flat.HEADER + 7, flat.HEADER + flat.RECORD.size + 100]
    end = [size - flat.RECORD.size * 2, size - flat.RECORD.size - 1, size - flat.RECORD.size, size - 1]
    steps = CUTS - len(inside) - len(end) + 3
    return sorted({*inside, *end, *(size * k // steps for k in range(1, steps))})


class Cut(unittest.TestCase):
    def check(self, mode: modes.Mode, size: int) -> int:
        stream = at('cut')
        shutil.copyfile(sources.whole(mode.name), stream)
        os.truncate(stream, size)
        target = at('rebuilt')
        done = rebuild(stream, target)
        if mode.frames and done.status == 0:    # the last frame lacks its checksum, the end record came
            self.assertEqual(partial.judge_dump(target, memory), partial.Saved(pages=memory.kept, opens=True))
            return memory.kept
        self.assertEqual(done.status, 1, done)
        self.assertRegex(done.err.strip().splitlines()[-1],
                         'is incomplete and marked so; |too little to be opened$|^vmsift: error: standard input: ')
        if not os.path.exists(target):
            return 0
        saved = partial.judge_dump(target, memory)
        self.assertEqual(saved.faults, [])
        self.assertTrue(saved.marked or not saved.opens, saved)
        self.assertEqual('is incomplete and marked so' in done.err, saved.opens, (done, saved))
        if not saved.pages:
            return 0
        # As it is, into a dump for libkdumpfile.
        direct = run.vmsift('-l', '-f', '-d', '0', '--message-level', '4', stream, at('direct'), timeout=60)
        self.assertEqual(direct.status, 1, direct)
        read = partial.judge_dump(at('direct'), memory)
        self.assertEqual(read.faults, [])
        self.assertTrue(read.marked)
        self.assertEqual(read.pages, saved.pages, (done, direct))
        return saved.pages

    def run_mode(self, name: str) -> None:
        mode = modes.BY_NAME[name]
        size = os.path.getsize(sources.whole(name))
        points = cuts(size)
        self.assertGreaterEqual(len(points), CUTS)
        most = 0
        for point in points:
            with self.subTest(stream=name, cut=point, size=size):
                most = max(most, self.check(mode, point))
        self.assertGreater(most, memory.kept // 3, 'nothing ever arrives: the test tests nothing')

    def test_what_follows_the_end_is_ignored(self) -> None:
        for name in STREAMS:
            with self.subTest(stream=name):
                stream = at('followed')
                shutil.copyfile(sources.whole(name), stream)
                if not modes.BY_NAME[name].frames:      # behind frames there are others or none
                    with open(stream, 'ab') as file:
                        file.write(os.urandom(100_000))
                done = rebuild(stream, at('rebuilt'))
                self.assertEqual(done.status, 0, done)
                saved = partial.judge_dump(at('rebuilt'), memory)
                self.assertEqual((saved.faults, saved.pages, saved.marked), ([], memory.kept, False))


class CutMembers(unittest.TestCase):
    """--reassemble takes what is there."""

    def test_reassembled(self) -> None:
        whole = modes.files(modes.BY_NAME['split'], sources.whole('split'))
        limited = modes.files(modes.BY_NAME['split'], at('limited'))
        size = os.path.getsize(whole[0])
        for k in range(1, 6):
            with self.subTest(sixths=k):
                run.vmsift('-l', '-f', '-d', modes.LEVEL, '--split', '-L', str(size * k // 6), memory.path, *limited)
                expected = sum(partial.judge_dump(path, memory).pages for path in limited)
                done = run.vmsift('--reassemble', '-f', *limited, at('whole'), timeout=60)
                self.assertEqual(done.status, 1, done)
                self.assertIn('is incomplete and marked so', done.err.strip().splitlines()[-1])
                saved = partial.judge_dump(at('whole'), memory)
                self.assertEqual((saved.faults, saved.marked), ([], True))
                self.assertEqual(saved.pages, expected)


def _add_tests() -> None:
    for name in STREAMS:
        setattr(Cut, 'test_' + name.replace('-', '_'), lambda self, name=name: self.run_mode(name))


_add_tests()


if __name__ == '__main__':
    unittest.main()
