# SPDX-License-Identifier: GPL-2.0-or-later
"""No more room, at CUTS places in each form of output: by -L, by a limit on file sizes, on a full disk.

What is there must be right, must say that it is not all, and must be most of what had room; where not even the headers
had any, no file is left behind.
"""
from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import debuggers, env, kdump, modes, partial, run
from lib.modes import Mode

CUTS = 20
THREADS = ('1', '2', '8')
BATCH = 128     # pages that are handed on together
# Descriptors, and program headers of an ELF core, that a stream has not sent yet when it breaks off.
PENDING = {'flat': 64 * 1024 // 24, 'elf': partial.PAGES}

HEADERS = r'there is not even room for the headers: nothing was saved; make room or name another place$'
ADVICE = r'\d+ of \d+ pages had room and may still be analysed; to have all, make room.*$'
INCOMPLETE = r'is incomplete and marked so: ' + ADVICE
CUT_SHORT = r'the stream is cut short: ' + ADVICE
REBUILT = r'(marked so; what was saved may still be analysed|is too little to be opened); make room or name another place'

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


def headers_of(mode: Mode) -> int:
    """Bytes in front of the page data in a plain file."""
    if mode.elf:
        with open(sources.whole('elf'), 'rb') as file:
            return min(s.offset for s in partial.elf_segments(file.read(1 << 20)) if s.type == 1 and s.filesz)
    dump = kdump.read(modes.files(modes.BY_NAME['split' if mode.members > 1 else 'lzo'],
                                  sources.whole('split' if mode.members > 1 else 'lzo'))[0])
    return dump.descriptors_offset + dump.described * kdump.DESCRIPTOR.size + partial.PAGE


def cuts(whole: int, headers: int) -> list[int]:
    """From nothing at all to one byte short."""
    edges = [1, 4095, 4097, headers // 2, headers - 1, headers, headers + 10_000, whole - 4096, whole - 17, whole - 1]
    steps = CUTS - len(edges) + 2
    return sorted({*edges, *(whole * k // steps for k in range(1, steps))})


class NoSpace(unittest.TestCase):
    """`limit`: makes the room small; it gets the number of bytes."""
    stopped_by_limit = True
    turn: int | None = None     # FileSize and Disk deal the cuts out between them

    def whole(self, mode: Mode) -> int:
        """Bytes that all of it takes."""
        return os.path.getsize(modes.files(mode, sources.whole(mode.name))[0])

    def write(self, mode: Mode, target: str, room: int, threads: str) -> run.Result:
        raise NotImplementedError

    def expected_pages(self, mode: Mode, room: int, whole: int, headers: int) -> int:
        """Pages are spread evenly over the bytes."""
        pages = memory.kept // mode.members
        share = max(0, room - headers) * pages // (whole - min(headers, whole - 1))
        lost = 2 * BATCH
        if (mode.stream or mode.stdin) and not self.stopped_by_limit:
            lost += PENDING['elf' if mode.elf else 'flat']      # what a stream cannot send any more
        return share * 95 // 100 - lost

    def check_message(self, mode: Mode, done: run.Result, saved: list[partial.Saved]) -> None:
        last = done.err.strip().splitlines()[-1]
        if mode.stdin:
            form = REBUILT
        elif mode.stream:
            ended = saved[0].ended and saved[0].opens
            form = INCOMPLETE if ended else f'({CUT_SHORT}|{HEADERS})'
            if mode.frames and ended:   # the last one may lack nothing but its checksum
                form = f'({INCOMPLETE}|{CUT_SHORT})'
        else:
            form = INCOMPLETE if saved else HEADERS
        self.assertRegex(last, form)

    def check(self, mode: Mode, room: int, threads: str, whole: int) -> None:
        target = os.path.join(self.place(mode), 'dump')
        done = self.write(mode, target, room, threads)
        self.assertEqual(done.status, 1, done)
        there = [path for path in modes.files(mode, target) if os.path.exists(path)]
        saved = [self.judged(mode, path) for path in there]
        self.check_message(mode, done, saved)
        expected = self.expected_pages(mode, room, whole, headers_of(mode))
        for part in saved:
            self.assertEqual(part.faults, [])
        if mode.stream:
            whole_pages = mode.frames and saved[0].pages == memory.kept     # all but a checksum
            self.assertTrue(saved[0].marked or not saved[0].ended or not saved[0].opens or whole_pages, saved)
            if self.stopped_by_limit and saved[0].opens and saved[0].pages:
                self.assertTrue(saved[0].ended and saved[0].marked, saved)
        elif mode.stdin:
            self.assertTrue(all(part.marked or not part.opens for part in saved), saved)
        else:
            self.assertTrue(any(part.marked for part in saved) or not saved, saved)
            self.assertTrue(all(part.opens for part in saved), saved)
        if expected > 0:
            self.assertGreaterEqual(sum(part.pages for part in saved), expected * mode.members, (done, saved))

    def judged(self, mode: Mode, path: str) -> partial.Saved:
        """Away from the small place, and out of the next one's way."""
        copy = os.path.join(folder, 'judged')
        shutil.copyfile(path, copy)
        os.unlink(path)
        return partial.judge_output(mode, copy, memory)

    def place(self, mode: Mode) -> str:
        return folder

    def run_mode(self, name: str) -> None:
        mode = modes.BY_NAME[name]
        whole = self.whole(mode)
        points = cuts(whole, headers_of(mode))
        self.assertGreaterEqual(len(points), CUTS)
        for i, room in enumerate(points):
            if self.turn is not None and i % 2 != self.turn:
                continue
            threads = THREADS[i % len(THREADS)]
            with self.subTest(mode=mode.name, room=room, whole=whole, threads=threads):
                self.check(mode, room, threads, whole)


class Limit(NoSpace):
    """-L SIZE. A stream is ended properly within it."""

    def write(self, mode: Mode, target: str, room: int, threads: str) -> run.Result:
        return modes.write(mode, sources.of(mode), target, '-f', '--num-threads', threads, '-L', str(room))

    def test_the_same_bytes_for_any_number_of_threads(self) -> None:
        for name in ('lzo', 'elf', 'flat', 'flat-in-zstd', 'elf-in-lz4', 'split'):
            mode = modes.BY_NAME[name]
            room = self.whole(mode) // 3
            paths = [os.path.join(folder, f'same-{threads}') for threads in THREADS]
            for path, threads in zip(paths, THREADS):
                self.assertEqual(self.write(mode, path, room, threads).status, 1)
            for files in zip(*(modes.files(mode, path) for path in paths)):
                with self.subTest(mode=name):
                    self.assertLessEqual(os.path.getsize(files[0]), room)
                    self.assertTrue(all(filecmp.cmp(files[0], file, shallow=False) for file in files))

    def test_enough(self) -> None:
        for mode in modes.MODES:
            if mode.limited:
                with self.subTest(mode=mode.name):
                    target = os.path.join(folder, 'enough')
                    room = max(map(os.path.getsize, modes.files(mode, sources.whole(mode.name)))) + 4096
                    done = self.write(mode, target, room, '2')
                    if not mode.frames:     # which are made room for as if they made nothing smaller
                        self.assertEqual(done.status, 0, done)


class FileSize(NoSpace):
    """RLIMIT_FSIZE: EFBIG, a disk that is full for one file."""
    stopped_by_limit = False
    turn = 0

    def write(self, mode: Mode, target: str, room: int, threads: str) -> run.Result:
        if not shutil.which('prlimit'):
            raise env.missing('no prlimit (util-linux)')
        extra = () if mode.stdin else ('--num-threads', threads)
        return modes.write(mode, sources.of(mode), target, '-f', *extra, before=('prlimit', f'--fsize={room}'))


class Disk(NoSpace):
    """ENOSPC on a small tmpfs; members of a split set share it."""
    stopped_by_limit = False
    turn = 1

    @classmethod
    def setUpClass(cls) -> None:
        cls.mount = tempfile.mkdtemp(dir=env.scratch())
        made = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1M', 'none', cls.mount], capture_output=True)
        if made.returncode:
            raise unittest.SkipTest('a small tmpfs cannot be mounted here (needs root)')
        cls.addClassCleanup(subprocess.run, ['umount', cls.mount], check=True)

    def place(self, mode: Mode) -> str:
        return self.mount

    def whole(self, mode: Mode) -> int:
        return sum(os.stat(path).st_blocks * 512 for path in modes.files(mode, sources.whole(mode.name)))

    def write(self, mode: Mode, target: str, room: int, threads: str) -> run.Result:
        self.assertEqual(os.listdir(self.mount), [])
        size = max(1, room // partial.PAGE) * partial.PAGE
        subprocess.run(['mount', '-o', f'remount,size={size}', self.mount], check=True)
        extra = () if mode.stdin else ('--num-threads', threads)
        return modes.write(mode, sources.of(mode), target, *extra)

    def expected_pages(self, mode: Mode, room: int, whole: int, headers: int) -> int:
        # A member may have taken the other's room.
        return super().expected_pages(mode, room // mode.members, whole // mode.members, headers)


class Retries(unittest.TestCase):
    """-d A,B,C -L SIZE: the first level that fits, as if it had been asked for alone."""

    def dump(self, name: str, level: str, *options: str, status: int = 0) -> list[str]:
        outputs = [at(f'{name}.{i}') for i in range(2 if '--split' in options else 1)]
        done = run.vmsift(*(('-l',) if '-E' not in options else ()), '-f', '-d', level, '--message-level', '4', *options,
                          self.core.path, *outputs)
        self.assertEqual(done.status, status, done)
        for path in outputs:
            self.addCleanup(lambda path=path: os.path.exists(path) and os.unlink(path))
        return outputs

    def setUp(self) -> None:
        self.core = env.vmcore_of('6.1')

    def check(self, *options: str) -> None:
        whole = self.dump('31', '31', *options)
        room = max(map(os.path.getsize, whole))
        taken = self.dump('taken', '0,1,31', '-L', str(room), *options)
        for one, other in zip(whole, taken):
            self.assertTrue(filecmp.cmp(one, other, shallow=False))
        for path in self.dump('none', '0,1,31', '-L', str(room - 1), *options, status=1)[:1]:
            self.assertEqual(kdump.read(path).sub['dump_level'], 31)
            result = run.compare_pages(path, self.core.path)
            self.assertEqual((result.counts['differ'], result.counts['unsourced']), (0, 0), result.wrong)

    def test_one_file(self) -> None:
        self.check()

    def test_split(self) -> None:
        self.check('--split')

    def test_crash_opens_what_was_saved(self) -> None:
        whole = self.dump('whole', '1')[0]
        for option in ((), ('-E',)):
            with self.subTest(option=option):
                full = whole if not option else self.dump('elf', '1', *option)[0]
                part = self.dump('part', '1', '-L', str(os.path.getsize(full) - (1 << 20)), *option, status=1)[0]
                # What crash cannot do without stands at the end of memory: no session, but the dump is taken.
                done = run.run(debuggers.crash_program(), '--minimal', debuggers.vmlinux_of(self.core), part,
                               stdin='quit\n', timeout=60)
                self.assertIn('This dumpfile is incomplete', done.out + done.err, done)
                self.assertNotIn('not a supported file format', done.out + done.err, done)
                if not option:
                    self.assertIn('minimal mode commands', done.out, done)


def at(name: str) -> str:
    return os.path.join(folder, name)


def _add_tests() -> None:
    for kind in (Limit, FileSize, Disk):
        for mode in modes.MODES:
            if kind is Limit and not mode.limited:
                continue
            setattr(kind, 'test_' + mode.name.replace('-', '_'),
                    lambda self, name=mode.name: self.run_mode(name))


_add_tests()


if __name__ == '__main__':
    unittest.main()
