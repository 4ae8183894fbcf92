# SPDX-License-Identifier: GPL-2.0-or-later
"""A writer that is stopped midway leaves a file that says so and is readable as far as it goes: a full disk, a file
size limit, a kill. The incomplete flag must be there from the first byte, since nobody can set it after SIGKILL.
SIGTERM and SIGINT end a run as an error does, at whatever write they come, in every way to write."""
from __future__ import annotations

import filecmp
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from lib import atwrite, env, judge, kdump, modes, partial, run, tiny
from lib.tiny import PAGE, Load

PAGES = 4096
LIMIT = 4 << 20


def setUpModule() -> None:
    env.program()


class Stopped(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(dir=env.scratch())
        noise = random.Random(2).randbytes(PAGES * PAGE)       # 16 MiB that no codec makes smaller
        self.core = tiny.write(os.path.join(self.folder, 'core'), tiny.elf([Load(1 << 20, noise)]))
        self.dump = os.path.join(self.folder, 'dump')

    def expect_flagged(self, path: str, least_pages: int = 100) -> None:
        """Flagged, nothing wrong in it, and what was saved can be read."""
        if not os.path.exists(path):
            return      # removed, or never given the final name: as good
        self.assertEqual(judge.incomplete_faults(path), [])
        result = run.compare_pages(path, self.core)
        self.assertEqual(result.counts['differ'], 0, result.wrong)
        self.assertGreaterEqual(result.counts['pages'], least_pages, 'what was saved cannot be read')

    def expect_one_error(self, done: subprocess.CompletedProcess, *named: str) -> None:
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(len(run.error_lines(done.stderr)), (1, 2), done)
        for word in named:
            self.assertIn(word.lower(), done.stderr.lower())

    def test_file_size_limit(self) -> None:
        """EFBIG: a disk full for one file, no root needed."""
        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
        for threads in ('1', '3'):
            with self.subTest(threads=threads):
                target = self.dump + threads
                done = subprocess.run([env.program(), *run.dump_args(1, 'lzo'), '--num-threads', threads, self.core,
                                       target], capture_output=True, text=True, preexec_fn=limit, restore_signals=False)
                self.expect_one_error(done, target, 'too large')
                self.expect_flagged(target)

    def test_disk_full(self) -> None:
        mount = tempfile.mkdtemp(dir=self.folder)
        made = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={LIMIT}', 'none', mount], capture_output=True)
        if made.returncode:
            self.skipTest('a small tmpfs cannot be mounted here (needs root)')
        try:
            for threads in ('1', '3'):
                with self.subTest(threads=threads):
                    target = os.path.join(mount, 'dump' + threads)
                    done = run.vmsift(*run.dump_args(1, 'none'), '--num-threads', threads, self.core, target)
                    self.expect_one_error(subprocess.CompletedProcess(done.argv, done.status, done.out, done.err),
                                          target, 'no space')
                    self.expect_flagged(target)
                    if os.path.exists(target):
                        os.unlink(target)
        finally:
            subprocess.run(['umount', mount], check=True)


class Killed(unittest.TestCase):
    """On a real vmcore: a tiny one is done before a signal can arrive."""

    def stop(self, number: int, written: int, least_pages: int) -> None:
        core = env.vmcore_of('6.1')
        target = os.path.join(tempfile.mkdtemp(dir=env.scratch()), 'dump')
        process = subprocess.Popen([env.program(), *run.dump_args(0, 'zlib'), '--num-threads', '2', core.path, target],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if os.path.exists(target) and os.stat(target).st_blocks * 512 >= written:
                process.send_signal(number)
                break
            time.sleep(0.002)
        process.communicate()
        self.assertNotEqual(process.returncode, 0, 'it was done before the signal came')
        if os.path.exists(target) and os.path.getsize(target):
            self.assertEqual(judge.incomplete_faults(target), [])
            result = run.compare_pages(target, core.path)
            self.assertEqual(result.counts['differ'], 0, result.wrong)
            self.assertGreaterEqual(result.counts['pages'], least_pages, 'what was saved cannot be read')
            os.unlink(target)

    def test_sigkill(self) -> None:
        for written, least_pages in ((1 << 20, 0), (16 << 20, 1000), (40 << 20, 10000)):
            with self.subTest(written=written):
                self.stop(signal.SIGKILL, written, least_pages)


class Asked(unittest.TestCase):
    """SIGTERM, SIGINT and SIGHUP at chosen writes of a run on a tiny core."""
    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp(dir=env.scratch())
        cls.memory = partial.Memory(os.path.join(cls.folder, 'core'))
        cls.sources = modes.Sources(cls.memory.path, cls.folder)
        cls.preloaded = atwrite.Preloaded(cls.folder, cls.sources)

    @classmethod
    def tearDownClass(cls) -> None:
        shutil.rmtree(cls.folder, ignore_errors=True)

    def check(self, mode: modes.Mode, call: int, threads: str, number: signal.Signals) -> int:
        """Returns how many pages were saved."""
        done, target = self.preloaded.write(mode, threads, KILL_AT_WRITE=str(call), KILL_SIGNAL=str(int(number)))
        paths = modes.files(mode, target)
        if done.status == 0:    # everything was copied before: then it is whole
            for path, whole in zip(paths, modes.files(mode, self.sources.whole(mode.name))):
                self.assertTrue(filecmp.cmp(path, whole, shallow=False), path)
            return self.memory.kept
        self.assertEqual(done.status, 1, done)
        self.assertIn(f'stopped by {number.name}', done.err)
        pages = 0
        for path, whole in zip(paths, modes.files(mode, self.sources.whole(mode.name))):
            if not os.path.exists(path):
                continue
            self.assertTrue(call > 1 or mode.stream or mode.stdin, 'nothing of worth was written, but it is there')
            saved = partial.judge_output(mode, path, self.memory)
            self.assertEqual(saved.faults, [])
            if saved.opens and not (mode.members > 1 and filecmp.cmp(path, whole, shallow=False)):
                self.assertTrue(saved.marked, 'it does not say that it is incomplete')
            if saved.pages:
                self.assertTrue(saved.ended, 'the reader of the stream was there, but it has no end')
            pages += saved.pages
        return pages

    def run_mode(self, name: str) -> None:
        mode = modes.BY_NAME[name]
        saved = []
        for threads, numbers in (('1', self.SIGNALS), ('3', self.SIGNALS[::-1])):
            calls = self.preloaded.calls(mode, threads)
            for call, number in zip((1, calls // 2, calls - 3), numbers):
                with self.subTest(mode=name, call=call, calls=calls, threads=threads, signal=number.name):
                    saved.append(self.check(mode, call, threads, number))
        self.assertGreater(max(saved), self.memory.kept // 4, 'nothing is ever saved: the test tests nothing')
        self.assertLess(min(saved), self.memory.kept, 'nothing is ever stopped: the test tests nothing')


class AskedFromOutside(unittest.TestCase):
    """As the shell and timeout(1) do it, on a real vmcore: a tiny one is done before a signal can arrive."""

    def setUp(self) -> None:
        self.core = env.vmcore_of('6.1')
        self.folder = tempfile.mkdtemp(dir=env.scratch())
        self.addCleanup(shutil.rmtree, self.folder)
        self.target = os.path.join(self.folder, 'dump')

    def start(self, *args: str, **how: object) -> subprocess.Popen:
        return subprocess.Popen([env.program(), *args], stderr=subprocess.PIPE, **{'text': True, **how})

    def stop(self, process: subprocess.Popen, *numbers: signal.Signals) -> str:
        """What it said; it must end by itself."""
        for number in numbers:
            process.send_signal(number)
        try:
            _, text = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.fail('it goes on after the signal')
        self.assertEqual(process.returncode, 1, text)
        return text

    def wait_for(self, ready) -> None:
        deadline = time.monotonic() + 60
        while not ready():
            self.assertLess(time.monotonic(), deadline, 'it never came so far')
            time.sleep(0.002)

    def test_a_file(self) -> None:
        """Sent twice, as timeout(1) does, and with what is told by default."""
        stats = os.path.join(self.folder, 'stats')
        process = self.start('-c', '-d', '0', '--num-threads', '2', f'--stats=json:{stats}', self.core.path,
                             self.target, stdout=subprocess.PIPE)
        self.wait_for(lambda: os.path.exists(self.target) and os.stat(self.target).st_blocks * 512 > 16 << 20)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn('vmsift: error: stopped by SIGTERM\n', err)
        self.assertTrue(err.endswith(f'{self.target} is incomplete and marked so; what was saved may still be '
                                     'analysed\n'), err)
        self.assertRegex(out, r'Incomplete: \d+ of \d+ pages saved; stopped by SIGTERM')
        self.assertNotIn('is saved to', out)
        with open(stats, encoding='utf-8') as file:
            told = json.load(file)['dump']
        self.assertEqual((told['complete'], told['failure']), (False, 'stopped by SIGTERM'))
        self.assertEqual(judge.incomplete_faults(self.target), [])
        result = run.compare_pages(self.target, self.core.path)
        self.assertEqual(result.counts['differ'], 0, result.wrong)
        self.assertGreater(result.counts['pages'], 1000)

    def test_a_pipe_that_nobody_reads(self) -> None:
        """In both passes and with threads it waits in a write, and must leave that."""
        for threads in ('1', '2'):
            with self.subTest(threads=threads):
                read, write = os.pipe()
                self.addCleanup(os.close, read)
                self.addCleanup(os.close, write)
                process = self.start('-F', '-l', '-d', '0', '--message-level', '4', '--num-threads', threads,
                                     self.core.path, stdout=write)
                self.wait_for(lambda: self.waits_for_a_pipe(process.pid))
                text = self.stop(process, signal.SIGTERM)
                self.assertIn('stopped by SIGTERM', text)

    @staticmethod
    def waits_for_a_pipe(pid: int) -> bool:
        """All threads sleep, and something was written: FIONREAD would need the other end."""
        states = []
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/stat', encoding='ascii', errors='replace') as file:
                states.append(file.read().rsplit(')', 1)[1].split()[0])
        with open(f'/proc/{pid}/io', encoding='ascii') as file:
            written = int(file.read().split('wchar: ')[1].split()[0])
        return written >= 4096 and all(state == 'S' for state in states)

    def test_a_stream_that_stops_coming(self) -> None:
        """-R waits for its standard input; what came is kept."""
        flat = os.path.join(self.folder, 'flat')
        with open(flat, 'wb') as out:
            subprocess.run([env.program(), '-F', '-l', '-d', '31', '--message-level', '4', self.core.path], stdout=out,
                           check=True)
        with open(flat, 'rb') as file:
            part = file.read(16 << 20)
        for sent in (0, len(part)):
            with self.subTest(sent=sent):
                process = self.start('-R', '-f', self.target, stdin=subprocess.PIPE, text=False)
                process.stdin.write(part[:sent])
                process.stdin.flush()
                if sent:
                    self.wait_for(lambda: os.path.exists(self.target) and os.stat(self.target).st_size > sent // 2)
                else:
                    self.wait_for(lambda: self.waits_for_input(process.pid))
                process.send_signal(signal.SIGINT)
                self.assertEqual(process.wait(timeout=20), 1)
                self.assertIn(b'stopped by SIGINT', process.stderr.read())
                process.stdin.close()
                process.stderr.close()
                self.assertEqual(os.path.exists(self.target), bool(sent))
        self.assertEqual(judge.incomplete_faults(self.target), [])

    @staticmethod
    def waits_for_input(pid: int) -> bool:
        with open(f'/proc/{pid}/wchan', encoding='ascii') as file:
            return 'poll' in file.read()

    def test_what_is_ignored_stays_so(self) -> None:
        """nohup, and background jobs of a shell without job control."""
        for number in (signal.SIGHUP, signal.SIGINT):
            with self.subTest(signal=number.name):
                process = self.start('-f', '-l', '-d', '31', '--message-level', '4', self.core.path, self.target,
                                     preexec_fn=lambda n=number: signal.signal(n, signal.SIG_IGN))
                self.wait_for(lambda: os.path.exists(self.target) and os.stat(self.target).st_size > 0)
                process.send_signal(number)
                _, text = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 0, text)


def _add_tests() -> None:
    for mode in modes.MODES:
        setattr(Asked, 'test_' + mode.name.replace('-', '_'), lambda self, name=mode.name: self.run_mode(name))


_add_tests()


class Complete(unittest.TestCase):
    def test_the_flag_is_gone_at_the_end(self) -> None:
        folder = tempfile.mkdtemp(dir=env.scratch())
        core = tiny.write(os.path.join(folder, 'core'), tiny.elf([Load(1 << 20, tiny.pages(0, 64))]))
        self.assertFalse(kdump.status(run.make_dump(core, os.path.join(folder, 'dump'), 1)) & kdump.STATUS_INCOMPLETE)


if __name__ == '__main__':
    unittest.main()
