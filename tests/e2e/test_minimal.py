# SPDX-License-Identifier: GPL-2.0-or-later
"""What a crash kernel's image has to carry, and what runs there: the default build and the preset `minimal`.

Sizes and libraries are those that bench/footprint.py finds. Threads that are started and libraries that are opened
while a dump is made are noted by a preloaded library (watch_calls.c).
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from lib import env, forms, preload, run
from lib.forms import FORMS

FOOTPRINT = os.path.join(env.ROOT, 'bench', 'footprint.py')

folder: str
builds: dict[str, str]


def setUpModule() -> None:
    global folder, builds
    builds = {'release': env.program(), 'minimal': env.minimal_program()}
    folder = tempfile.mkdtemp(dir=env.scratch())


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


class Footprint(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        path = os.path.join(folder, 'footprint.json')
        cls.done = run.run(sys.executable, FOOTPRINT, '--check', '--json', path,
                           *(f'{name}={program}' for name, program in builds.items()))
        with open(path, encoding='utf-8') as file:
            cls.found = json.load(file)

    def test_goals(self) -> None:
        self.assertEqual(self.done.status, 0, self.done)

    def test_libraries_are_counted(self) -> None:
        """The goals mean something: what the default build is known to need is in the sum."""
        found = self.found['release']
        names = ' '.join(found['libraries'])
        for library in ('libstdc++', 'libtbb', 'libzstd', 'libelf'):
            self.assertIn(library, names)
        self.assertEqual(found['total'], found['program'] + sum(found['libraries'].values()))

    def test_minimal_needs_libc_alone(self) -> None:
        self.assertEqual(self.found['minimal']['libraries'], {})
        needed = run.run('readelf', '-d', builds['minimal']).out
        libraries = [line.partition('[')[2].rstrip(']') for line in needed.splitlines() if '(NEEDED)' in line]
        self.assertIn('libc.so.6', libraries)
        self.assertLessEqual(set(libraries), {'libc.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2'})


class Calls(unittest.TestCase):
    """With one CPU nothing is started, and nothing is looked for on disk, in any way to run."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.library = preload.build(folder, 'watch_calls')
        cls.core = env.vmcore_of('6.1').path

    def calls(self, build: str, *args: str, cpus: int = 1) -> list[str]:
        noted = os.path.join(folder, 'noted')
        if os.path.exists(noted):
            os.unlink(noted)
        here = sorted(os.sched_getaffinity(0))[:cpus]
        environment = {**os.environ, 'LD_PRELOAD': self.library, 'WATCHED_CALLS': noted}
        with open(os.path.join(folder, 'stdout'), 'wb') as out:
            done = subprocess.run(['taskset', '-c', ','.join(map(str, here)), builds[build], '--message-level', '4',
                                   *args], env=environment, stdout=out, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        if not os.path.exists(noted):
            return []
        with open(noted, encoding='utf-8') as file:
            return file.read().split('\n')[:-1]

    def test_one_cpu(self) -> None:
        target = os.path.join(folder, 'dump')
        ways = {'kdump': ('-l', '-d', '31', '-f', self.core, target),
                'elf': ('-E', '-d', '31', '-f', self.core, target),
                'stream': ('-F', '-c', '-d', '31', self.core),
                'frames': ('-F', '-z', '-d', '31', '--stream', 'zstd', self.core),
                'split': ('--split', '-l', '-d', '31', '-f', self.core, target, target + '2'),
                'levels': ('--levels=lzo', self.core),
                'mem-usage': ('--mem-usage', self.core)}
        for build in builds:
            for name, args in ways.items():
                with self.subTest(name, build=build):
                    self.assertEqual(self.calls(build, *args), [])

    def test_several_threads_are_noticed(self) -> None:
        """So the watching works; and minimal opens nothing then either."""
        for build in builds:
            with self.subTest(build=build):
                calls = self.calls(build, '--num-threads', '3', '-l', '-d', '31', '-f', self.core,
                                   os.path.join(folder, 'dump'), cpus=2)
                self.assertIn('pthread_create ', calls)
                if build == 'minimal':
                    self.assertEqual(set(calls), {'pthread_create '})


class SameBytes(unittest.TestCase):
    """One program writes what the other does, for any number of threads."""

    def made(self, build: str, form: forms.Form, core: str, *extra: str) -> list[bytes]:
        files = forms.make(form, 31, [core], os.path.join(folder, 'same'), *extra, program=builds[build])
        digests = [forms.digest(path) for path in files]
        forms.remove(files)
        return digests

    def test_every_form(self) -> None:
        core = env.vmcore_of('6.12').path
        for name, form in FORMS.items():
            wanted = self.made('release', form, core)
            for threads in ('1', '5'):
                with self.subTest(name, threads=threads):
                    self.assertEqual(self.made('minimal', form, core, '--num-threads', threads), wanted)

    def test_repeated_runs(self) -> None:
        """A race shows when the same run is repeated."""
        core = env.vmcore_of('7').path
        form = FORMS['kdump lzo']
        seen = {tuple(self.made('minimal', form, core, '--num-threads', '8')) for _ in range(8)}
        self.assertEqual(seen, {tuple(self.made('release', form, core, '--num-threads', '1'))})


if __name__ == '__main__':
    unittest.main()
