# SPDX-License-Identifier: GPL-2.0-or-later
# Runs alone: measures memory.
"""A machine of 256 GiB takes no more memory than one of 16 GiB, in each form of output (bench/scale.py goes on to
4 TiB). Both are made up: page tables, sections and struct pages are all there, the rest of the file is holes."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from lib import env, kdump, run

MOST_GROWTH = 1 << 20
SIZES = (16, 256)           # GiB

folder: str
machines: dict[int, dict[str, int]]


def setUpModule() -> None:
    global folder, machines
    env.program()
    folder = tempfile.mkdtemp(dir=env.scratch())
    if not folder.startswith('/dev/shm'):
        raise env.missing('no roomy /dev/shm: other file systems read ahead in holes')
    machines = {}
    for size in SIZES:
        made = run.run(env.helper('make_large'), str(size), core(size))
        if made.status:
            raise AssertionError(f'{made}')
        machines[size] = json.loads(made.out)


def tearDownModule() -> None:
    shutil.rmtree(folder, ignore_errors=True)


def core(size: int) -> str:
    return os.path.join(folder, f'core{size}')


class Large(unittest.TestCase):
    def peak(self, size: int, threads: int, *options: str) -> int:
        """Makes a dump; the most anonymous memory that was seen, bytes."""
        stats, dump = os.path.join(folder, 'stats'), os.path.join(folder, 'dump')
        argv = [env.program(), *options, '-d', '31', '--num-threads', str(threads), f'--stats=json:{stats}',
                '--message-level', '4', core(size)]
        stream = '-F' in options
        with open(dump if stream else os.devnull, 'wb') as out:
            process = subprocess.Popen(argv if stream else [*argv, '-f', dump], stdout=out)
        peak = 0
        while process.poll() is None:
            with open(f'/proc/{process.pid}/status', encoding='ascii') as status:
                seen = re.search(r'RssAnon:\s*(\d+) kB', status.read())
            peak = max(peak, int(seen[1]) << 10 if seen else 0)
            time.sleep(0.001)
        self.assertEqual(process.returncode, 0)
        with open(stats, encoding='utf-8') as file:
            found = json.load(file)
        self.assertEqual(found['total_pages'], machines[size]['pages'])
        self.assertEqual(found['classes']['free']['pages'], machines[size]['free'])
        self.assertEqual(found['dump']['pages'], machines[size]['kept'])
        self.assertEqual(found['reconciliation']['verdicts'], [])
        if '-E' not in options and not stream:
            self.assertEqual(kdump.read(dump).kept_count, machines[size]['kept'])
        return max(peak, found['memory']['anonymous_bytes'])

    def check(self, *options: str) -> None:
        for threads in (1, 2):
            with self.subTest(threads=threads):
                small, large = (self.peak(size, threads, *options) for size in SIZES)
                self.assertLessEqual(large, small + MOST_GROWTH)

    def test_kdump(self) -> None:
        self.check('-l')

    def test_elf(self) -> None:
        self.check('-E')

    def test_stream(self) -> None:
        self.check('-z', '-F')


if __name__ == '__main__':
    unittest.main()
