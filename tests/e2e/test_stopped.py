# SPDX-License-Identifier: GPL-2.0-or-later
"""A writer that is stopped midway leaves a file that says so and is readable as far as it goes: a full disk, a file
size limit, a kill. The incomplete flag must be there from the first byte, since nobody can set it after SIGKILL."""
from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from lib import env, judge, kdump, run, tiny
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

    def test_sigterm_and_sigint(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                self.stop(number, 40 << 20, 10000)


class Complete(unittest.TestCase):
    def test_the_flag_is_gone_at_the_end(self) -> None:
        folder = tempfile.mkdtemp(dir=env.scratch())
        core = tiny.write(os.path.join(folder, 'core'), tiny.elf([Load(1 << 20, tiny.pages(0, 64))]))
        self.assertFalse(kdump.status(run.make_dump(core, os.path.join(folder, 'dump'), 1)) & kdump.STATUS_INCOMPLETE)


if __name__ == '__main__':
    unittest.main()
