# SPDX-License-Identifier: GPL-2.0-or-later
"""Flattened streams of the field's writer, read as they are and rebuilt.

makedumpfile -F writes each stream; its own -R says what dump it stands for. vmsift -R must make the same bytes, and
vmsift must make the same dump of the stream as of that file: as it is, in frames of zstd and lz4, and cut short.
"""
from __future__ import annotations

import filecmp
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from lib import env, peer, run

KERNEL = '6.1'      # which every makedumpfile here understands
FORMS = {'lzo': ('-l', '-d', '31'), 'zlib': ('-c', '-d', '1'), 'elf': ('-E', '-d', '31')}
WRAPPERS = {'zstd': ('zstd', '-q', '-1', '-c'), 'lz4': ('lz4', '-q', '-c')}
PIECE = 700_000     # plain bytes of a frame

folder: str
core: env.Vmcore


def setUpModule() -> None:
    global folder, core
    env.program()
    core = env.vmcore_of(KERNEL)
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def at(name: str) -> str:
    return os.path.join(folder, name)


def stream(form: str) -> str:
    """The stream of makedumpfile -F."""
    path = at(f'{form}.flat')
    if not os.path.exists(path):
        with open(path, 'wb') as out:
            subprocess.run([peer.peer_for(core), '-F', *FORMS[form], '--message-level', '4', core.path], stdout=out,
                           check=True)
    return path


def rebuilt_by_peer(form: str) -> str:
    path = at(f'{form}.peer')
    if not os.path.exists(path):
        with open(stream(form), 'rb') as flat:
            subprocess.run([peer.peer_for(core), '-R', path], stdin=flat, check=True, capture_output=True)
    return path


def rebuild(source: str, target: str, *, pipe: bool = False) -> subprocess.CompletedProcess:
    argv = [env.program(), '-R', target]
    if os.path.exists(target):
        os.unlink(target)
    if not pipe:
        with open(source, 'rb') as flat:
            return subprocess.run(argv, stdin=flat, capture_output=True, text=True, timeout=300)
    with subprocess.Popen(['cat', source], stdout=subprocess.PIPE) as cat:
        return subprocess.run(argv, stdin=cat.stdout, capture_output=True, text=True, timeout=300)


def wrapped(form: str, tool: str, *, frames: bool) -> str:
    """The stream in frames of PIECE bytes, or in one."""
    path = at(f'{form}.{"frames" if frames else "frame"}.{tool}')
    if os.path.exists(path):
        return path
    if not shutil.which(tool):
        raise env.missing(f'no {tool}')
    with open(stream(form), 'rb') as flat, open(path, 'wb') as out:
        if not frames:
            subprocess.run(WRAPPERS[tool], stdin=flat, stdout=out, check=True)
        while frames and (piece := flat.read(PIECE)):
            subprocess.run(WRAPPERS[tool], input=piece, stdout=out, check=True)
    return path


class Flattened(unittest.TestCase):
    def same(self, one: str, other: str) -> None:
        self.assertTrue(filecmp.cmp(one, other, shallow=False), f'{one} and {other} differ')

    def filtered(self, source: str, *options: str) -> str:
        """What vmsift makes of it, which depends on every header and on every page that is kept."""
        target = at('filtered-' + os.path.basename(source))
        return run.make_dump(source, target, 31, 'lzo', '-f', *options)


class Rebuilt(Flattened):
    def check(self, form: str, source: str, **how: bool) -> None:
        target = at('rebuilt')
        done = rebuild(source, target, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f'The dumpfile is saved to {target}.', done.stdout)
        self.assertEqual(os.stat(target).st_mode & 0o777, 0o600)
        self.same(target, rebuilt_by_peer(form))

    def test_the_same_bytes_as_the_peer(self) -> None:
        for form in FORMS:
            for pipe in (False, True):
                with self.subTest(form=form, pipe=pipe):
                    self.check(form, stream(form), pipe=pipe)

    def test_through_compressors(self) -> None:
        for tool in WRAPPERS:
            for frames in (False, True):
                with self.subTest(tool=tool, frames=frames):
                    self.check('lzo', wrapped('lzo', tool, frames=frames), pipe=True)

    def test_a_raw_disk(self) -> None:
        """The stream, and behind it what was on the disk before: another stream."""
        disk = at('disk')
        with open(disk, 'wb') as out:
            for form in ('lzo', 'zlib'):
                with open(stream(form), 'rb') as flat:
                    shutil.copyfileobj(flat, out)
        self.check('lzo', disk)
        self.same(self.filtered(disk), self.filtered(rebuilt_by_peer('lzo')))


class ReadAsItIs(Flattened):
    def test_the_same_dump_as_of_the_rebuilt_file(self) -> None:
        for form in FORMS:
            expected = self.filtered(rebuilt_by_peer(form))
            for options in ((), ('--non-mmap',), ('--num-threads', '1'), ('--num-threads', '7')):
                with self.subTest(form=form, options=options):
                    self.same(self.filtered(stream(form), *options), expected)

    def test_in_frames(self) -> None:
        for form in FORMS:
            expected = self.filtered(rebuilt_by_peer(form))
            for tool in WRAPPERS:
                with self.subTest(form=form, tool=tool):
                    self.same(self.filtered(wrapped(form, tool, frames=True), '--num-threads', '4'), expected)

    def test_one_huge_frame_is_refused(self) -> None:
        """And says what to do."""
        huge = at('huge.zst')
        with open(core.path, 'rb') as source, open(huge, 'wb') as out:
            subprocess.run(WRAPPERS['zstd'], stdin=source, stdout=out, check=True)
        done = run.vmsift('-l', huge, at('never'))
        self.assertEqual(done.status, 1)
        self.assertRegex(done.err, r'the frame at offset 0x0 holds more than 64 MiB.*zstd -d.*vmsift -R')
        self.assertFalse(os.path.exists(at('never')))
        os.unlink(huge)


class CutShort(Flattened):
    """At twelve places: what arrived is a dump that says of itself that it is none of the whole."""

    def cuts(self, source: str) -> list[int]:
        size = os.path.getsize(source)
        return [size - 1, size - 16, size - 17] + [size * k // 10 for k in range(1, 10)]

    def cut(self, source: str, size: int) -> str:
        shutil.copyfile(source, at('cut'))
        os.truncate(at('cut'), size)
        return at('cut')

    def check_rebuilt(self, form: str, size: int) -> None:
        target = at('partial')
        done = rebuild(self.cut(stream(form), size), target, pipe=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn('is incomplete and marked so', done.stderr.strip().splitlines()[-1])
        with open(target, 'rb') as dump:
            head = dump.read(512)
        mark = struct.unpack_from('<I', head, 48)[0] & 1 if form == 'elf' else head[424] & 8
        self.assertTrue(mark)
        again = run.vmsift('-l', '-f', '-d', '0', target, at('again'))
        self.assertEqual(again.status, 1, 'an incomplete dump makes an incomplete dump')
        self.assertIn('is incomplete and marked so', again.err)

    def test_rebuilt(self) -> None:
        for size in self.cuts(stream('lzo')):
            with self.subTest(size=size):
                self.check_rebuilt('lzo', size)

    def test_rebuilt_elf(self) -> None:
        """The peer sends the program headers of an ELF core last; without them nobody can tell what is where."""
        for size in self.cuts(stream('elf')):
            with self.subTest(size=size):
                if size > os.path.getsize(stream('elf')) - 100:
                    self.check_rebuilt('elf', size)
                    continue
                done = rebuild(self.cut(stream('elf'), size), at('partial'), pipe=True)
                self.assertEqual(done.returncode, 1)
                self.assertIn('too little to be opened', done.stderr.strip().splitlines()[-1])

    def test_read_as_it_is(self) -> None:
        for size in self.cuts(stream('lzo')):
            with self.subTest(size=size):
                done = run.vmsift('-l', '-f', '-d', '0', self.cut(stream('lzo'), size), at('again'))
                self.assertEqual(done.status, 1)
                self.assertIn('flattened dump cut short', done.err)
                self.assertIn('is incomplete and marked so', done.err)


if __name__ == '__main__':
    unittest.main()
