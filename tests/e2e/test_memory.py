# SPDX-License-Identifier: GPL-2.0-or-later
# Runs alone: measures memory.
"""A machine that has little memory: what is planned is enough and not far too much, plans shrink and give the same
bytes, the page cache does not fill, and nothing but the dump is written anywhere.

Little memory is a limit on the process' addresses (RLIMIT_AS), which the planner counts as such.
"""
from __future__ import annotations

import ctypes
import errno
import filecmp
import json
import mmap
import os
import random
import resource
import shutil
import subprocess
import tempfile
import unittest

from lib import env, kdump, preload, run, tiny

MIB = 1 << 20
CORE_BYTES = 24 * MIB
SMALL = 1000 * MIB          # of addresses: a quarter of that counts as memory, which is a small machine
INCOMPLETE = 8              # of the header's status

folder: str
core: str


def setUpModule() -> None:
    global folder, core
    env.program()
    folder = tempfile.mkdtemp(dir=env.scratch())
    core = tiny.write(os.path.join(folder, 'core'), tiny.elf([tiny.Load(0, random.Random(5).randbytes(CORE_BYTES))]))


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def sanitized() -> bool:
    """Sanitizers take terabytes of addresses."""
    with open(env.program(), 'rb') as file:
        return any(word in file.read() for word in (b'__asan_init', b'__tsan_init'))


def limited(addresses: int | None, *args: str, **environment: str) -> run.Result:
    def limit() -> None:
        if addresses:
            resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    argv = (env.program(), '-f', '-d', '0', *args)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, preexec_fn=limit,
                          env={**os.environ, **environment})
    return run.Result(argv, done.returncode, done.stdout, done.stderr)


class TheFormula(unittest.TestCase):
    """Pages that no codec makes smaller fill every buffer."""

    def check(self, *options: str) -> None:
        for threads in (1, 2, 8):
            with self.subTest(threads=threads):
                stats = os.path.join(folder, 'stats')
                done = limited(None, *options, '--num-threads', str(threads), f'--stats=json:{stats}', core,
                               os.path.join(folder, 'dump'))
                self.assertEqual(done.status, 0, done)
                with open(stats, encoding='utf-8') as file:
                    memory = json.load(file)['memory']
                self.assertLessEqual(memory['anonymous_bytes'], memory['planned_bytes'])
                # Buffers of eight threads on few processors are not all used at the same time.
                most = 2 if threads <= 2 else 3
                self.assertGreaterEqual(memory['anonymous_bytes'] * most, memory['planned_bytes'])
                self.assertGreater(memory['available_bytes'], memory['planned_bytes'])

    def setUp(self) -> None:
        if sanitized():
            self.skipTest('a sanitizer takes memory of its own')


class Little(unittest.TestCase):
    def setUp(self) -> None:
        if sanitized():
            self.skipTest('a sanitizer takes more addresses than that')

    def test_fewer_threads_and_the_same_bytes(self) -> None:
        whole, small = os.path.join(folder, 'whole'), os.path.join(folder, 'small')
        self.assertEqual(limited(None, '-z', '--num-threads', '16', core, whole).status, 0)
        done = limited(60 * MIB, '-z', '--num-threads', '16', core, small)
        self.assertEqual(done.status, 0, done)
        self.assertRegex(done.out, r'\d of 16 threads are used, since \d+ KiB of memory are available\.')
        self.assertTrue(filecmp.cmp(whole, small, shallow=False))

    def test_too_little_is_said_and_tried(self) -> None:
        for addresses in (40 * MIB, 30 * MIB, 24 * MIB, 20 * MIB, 17 * MIB):
            done = limited(addresses, '-z', core, os.path.join(folder, 'dump'))
            if 'are needed' in done.err:
                self.assertRegex(done.err, r'warning: \d+ KiB of memory are needed, of \d+ KiB that are available')
                self.assertEqual(done.status, 0, done)
                return
        self.fail(f'that was never too little:\n{done}')


class WriteBehind(unittest.TestCase):
    def setUp(self) -> None:
        if sanitized():
            self.skipTest('a sanitizer takes more addresses than that')

    def test_the_page_cache_stays_small(self) -> None:
        with tempfile.TemporaryDirectory(dir=os.path.dirname(env.program())) as disk:
            dump = os.path.join(disk, 'dump')
            self.assertEqual(limited(None, core, dump).status, 0)
            if resident(dump) < CORE_BYTES or kind_of(disk) in ('tmpfs', 'ramfs', 'overlay'):
                self.skipTest(f'{disk} keeps its files otherwise')
            self.assertEqual(limited(SMALL, core, dump).status, 0)
            self.assertGreater(os.path.getsize(dump), CORE_BYTES)
            self.assertLessEqual(resident(dump), 10 * MIB)

    @classmethod
    def setUpClass(cls) -> None:
        cls.library = preload.build(folder, 'sync_fails')

    def failing(self, number: int, call: int) -> tuple[run.Result, str]:
        dump = os.path.join(folder, 'dump')
        return limited(SMALL, core, dump, LD_PRELOAD=self.library, SYNC_ERRNO=str(number), SYNC_CALL=str(call)), dump

    def test_what_the_disk_lost_later_is_an_error(self) -> None:
        for number, text in ((errno.EIO, os.strerror(errno.EIO)), (errno.ENOSPC, 'No space on device')):
            for call in (1, 4):
                with self.subTest(errno=number, call=call):
                    done, dump = self.failing(number, call)
                    self.assertEqual(done.status, 1, done)
                    self.assertIn(os.strerror(number), done.out + done.err)
                    self.assertIn('is incomplete and marked so', done.err)
                    self.assertTrue(kdump.status(dump) & INCOMPLETE)

    def test_file_systems_that_cannot_are_no_error(self) -> None:
        whole = os.path.join(folder, 'whole')
        self.assertEqual(limited(None, core, whole).status, 0)
        for number in (errno.ENOSYS, errno.EINVAL, errno.ESPIPE, errno.EOPNOTSUPP):
            with self.subTest(errno=number):
                done, dump = self.failing(number, 1)
                self.assertEqual(done.status, 0, done)
                self.assertTrue(filecmp.cmp(whole, dump, shallow=False))


class NothingElse(unittest.TestCase):
    def test_all_but_the_target_is_read_only(self) -> None:
        """In a mount namespace in which nothing can be written but one folder; no /tmp, no home."""
        namespace = ['unshare', '--mount', '--propagation', 'private']
        if subprocess.run([*namespace, 'true'], capture_output=True).returncode != 0:
            self.skipTest('no mount namespaces here')
        target = os.path.join(folder, 'target')
        os.makedirs(target, exist_ok=True)
        script = ('set -e; mount -t tmpfs none "$1"; '
                  'awk \'{print $2}\' /proc/mounts | while read -r at; do '
                  'case $at in "$1") ;; *) mount -o remount,bind,ro "$at" || true;; esac; done; '
                  'if touch "$2" 2>/dev/null; then exit 77; fi; '
                  'shift 2; cd "$1"; shift; "$@"; ls -A .')
        for options in (['-l'], ['-E'], ['-z', '--dedup'], ['-E', '--stream', 'zstd']):
            with self.subTest(options=options):
                done = run.run(*namespace, 'sh', '-c', script, 'sh', target, os.path.join(folder, 'probe'), target,
                               env.program(), '-d', '0', *options, core, 'dump')
                if done.status == 77:
                    self.skipTest('mounts cannot be made read-only here')
                self.assertEqual(done.status, 0, done)
                self.assertEqual(done.out.splitlines()[-1], 'dump')
                self.assertFalse(os.listdir(target))


def resident(path: str) -> int:
    """Bytes of a file that are in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
    pages = (size + mmap.PAGESIZE - 1) // mmap.PAGESIZE
    found = (ctypes.c_ubyte * pages)()
    if libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(size), found) != 0:
        raise OSError(ctypes.get_errno(), 'mincore')
    libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(size))
    return sum(byte & 1 for byte in found) * mmap.PAGESIZE


def kind_of(path: str) -> str:
    """The type of the file system that holds it."""
    best, kind = '', ''
    with open('/proc/self/mounts', encoding='utf-8') as mounts:
        for line in mounts:
            _, at, here = line.split()[:3]
            if (os.path.realpath(path) + '/').startswith(at.rstrip('/') + '/') and len(at) >= len(best):
                best, kind = at, here
    return kind


def _add_tests() -> None:
    for name, options in {**run.CODEC_OPTIONS, 'elf': ('-E',), 'frames': ('-E', '--stream', 'zstd'),
                          'dedup': ('-l', '--dedup')}.items():
        setattr(TheFormula, 'test_' + name, lambda self, options=options: self.check(*options))


_add_tests()


if __name__ == '__main__':
    unittest.main()
