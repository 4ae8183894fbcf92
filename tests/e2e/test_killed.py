# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL at POINTS places of a run in each form of output.

On a tiny core at chosen writes, which leaves half of that write (kill_at_write.c); on a real one when so much was
written. Nobody can bring anything in order afterwards: what is in the file at any moment must be right as far as it
goes and say that it is not all.
"""
from __future__ import annotations

import filecmp
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from lib import atwrite, env, judge, modes, partial, run
from lib.modes import Mode

POINTS = 24
THREADS = ('1', '2', '8')

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


class AtAWrite(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.preloaded = atwrite.Preloaded(folder, sources)

    def check(self, mode: Mode, call: int, calls: int, threads: str) -> int:
        done, target = self.preloaded.write(mode, threads, KILL_AT_WRITE=str(call))
        if done.status == 0 and threads != '1':
            return memory.kept      # threads write in fewer pieces now and then
        self.assertEqual(done.status, -signal.SIGKILL, done)
        pages = 0
        for path in modes.files(mode, target):
            if not os.path.exists(path):
                continue
            whole = modes.files(mode, sources.whole(mode.name))[modes.files(mode, target).index(path)]
            same = filecmp.cmp(path, whole, shallow=False)
            saved = partial.judge_output(mode, path, memory)
            self.assertEqual(saved.faults, [])
            if not mode.stream:
                self.assertTrue(saved.marked or not saved.opens or same, saved)
            elif saved.ended:
                self.assertTrue(same or mode.frames, saved)
            pages += saved.pages
        return pages

    def run_mode(self, name: str) -> None:
        mode = modes.BY_NAME[name]
        most = 0
        for number, threads in enumerate(THREADS):
            calls = self.preloaded.calls(mode, threads)
            points = {1, 2, 3, 4, calls - 3, calls - 2, calls - 1, calls} | \
                {calls * k // (POINTS - 8) for k in range(1, POINTS - 8)}
            points = sorted(point for point in points if 0 < point <= calls)
            # Together all of them, for each number of threads a third.
            for call in points[number::len(THREADS)] if len(points) >= POINTS - 4 else points:
                with self.subTest(mode=name, call=call, calls=calls, threads=threads):
                    most = max(most, self.check(mode, call, calls, threads))
        self.assertGreater(most, memory.kept // 4, 'nothing is ever saved: the test tests nothing')


class WhileItWrites(unittest.TestCase):
    """A real vmcore, all of it: killed when the file has grown to so much."""
    ROWS = {'zlib': 5, 'none': 4, 'lzo': 4, 'elf': 4, 'flat': 4, 'elf-in-zstd': 3}
    LEVEL = '0'

    def kill_at(self, mode: Mode, core: env.Vmcore, target: str, written: int) -> bool:
        """False: it was done before."""
        options = [*mode.options, '-d', self.LEVEL, '--message-level', '4', '--num-threads', '2', core.path]
        with open(target, 'wb') as out:
            process = subprocess.Popen([env.program(), *options, *([] if mode.stream else ['-f', target])],
                                       stdout=out if mode.stream else subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if os.stat(target).st_blocks * 512 >= written:
                break
            time.sleep(0.0005)
        process.kill()
        return process.wait(timeout=30) == -signal.SIGKILL

    def check(self, mode: Mode, core: env.Vmcore, target: str) -> int:
        path = target
        if mode.frames:
            path = partial.without_frames(path, mode.frames, target + '.plain')
        if mode.stream:
            with open(path, 'rb') as stream:
                done = subprocess.run([env.program(), '-R', '-f', target + '.dump'], stdin=stream, timeout=60,
                                      capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, done)
            path = target + '.dump'
        if mode.elf:
            return self.check_elf(core, path)
        self.assertEqual(judge.incomplete_faults(path), [])
        result = run.compare_pages(path, core.path)
        self.assertEqual((result.counts['differ'], result.counts['unsourced']), (0, 0), result.wrong)
        return result.counts['pages']

    def check_elf(self, core: env.Vmcore, path: str) -> int:
        """libkdumpfile reads what was left out as zeros, so this looks itself."""
        with open(path, 'rb') as file:
            raw = file.read()
        self.assertTrue(raw[partial.E_FLAGS] & 1)
        never = core.flags.by_class['hwpoison'] | core.flags.by_class['offline']
        pages = 0
        for s in partial.elf_segments(raw):
            if s.type != 1:
                continue
            self.assertLessEqual(s.offset + s.filesz, len(raw))
            expected = core.source.read(s.paddr, s.memsz)
            self.assertEqual(len(expected), s.memsz)
            self.assertTrue(raw[s.offset:s.offset + s.filesz] == expected[:s.filesz], s)
            for at in range(s.filesz, s.memsz, partial.PAGE):
                left_out = never >> (s.paddr + at) // partial.PAGE & 1
                self.assertTrue(left_out or not any(expected[at:at + partial.PAGE]), f'{s}: {at:#x} reads as zeros')
            pages += s.filesz // partial.PAGE
        return pages

    def run_row(self, name: str) -> None:
        mode, core = modes.BY_NAME[name], env.vmcore_of('6.1')
        target = os.path.join(folder, 'real')
        self.addCleanup(lambda: [os.unlink(path) for path in (target, target + '.plain', target + '.dump')
                                 if os.path.exists(path)])
        killed, most = 0, 0
        self.assertFalse(self.kill_at(mode, core, target, 1 << 60))
        room = os.stat(target).st_blocks * 512
        for k in range(1, self.ROWS[name] + 1):
            with self.subTest(mode=name, point=k):
                if self.kill_at(mode, core, target, room * k // (self.ROWS[name] + 1)):
                    killed += 1
                    most = max(most, self.check(mode, core, target))
        self.assertGreaterEqual(killed, self.ROWS[name] - 1, 'it was done before the signal came')
        self.assertGreater(most, 1000, 'what was saved cannot be read')


def _add_tests() -> None:
    for mode in modes.MODES:
        setattr(AtAWrite, 'test_' + mode.name.replace('-', '_'), lambda self, name=mode.name: self.run_mode(name))
    for name in WhileItWrites.ROWS:
        setattr(WhileItWrites, 'test_' + name.replace('-', '_'), lambda self, name=name: self.run_row(name))


_add_tests()


if __name__ == '__main__':
    unittest.main()
