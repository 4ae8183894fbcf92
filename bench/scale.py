#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What grows with a machine's memory, on sparse vmcores of made-up machines: memory must not, time only as the number
of struct pages does.

  bench/scale.py [--sizes 16,256,4096] [--options='-l'] [--threads 1,2] [--runs N]

How it measures stands in bench/README.md.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from statistics import median

KIB = 1024
GROWTH_GOAL = 4 << 20       # bytes between the smallest peak and the largest
SAMPLE_S = 0.0005
FIELDS = ('RssAnon', 'VmPTE', 'VmHWM')
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@dataclass
class Run:
    wall: float
    cpu: float
    peaks: dict[str, int]       # bytes, by field of /proc/PID/status
    classify: float             # seconds of the first pass


def watch(argv: list[str], stats: str) -> Run:
    start = time.perf_counter()
    null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=null)
    peaks = dict.fromkeys(FIELDS, 0)
    status = os.open(f'/proc/{pid}/status', os.O_RDONLY)
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        text = os.pread(status, 4096, 0).decode()
        for field in FIELDS:
            match = re.search(field + r':\s*(\d+) kB', text)
            peaks[field] = max(peaks[field], int(match[1]) * KIB if match else 0)
        time.sleep(SAMPLE_S)
    os.close(status)
    _, code, usage = os.wait4(pid, 0)
    if code:
        raise SystemExit(f'{" ".join(argv)}: status {os.waitstatus_to_exitcode(code)}')
    with open(stats, encoding='utf-8') as file:
        seconds = json.load(file)['seconds']['classify']
    return Run(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peaks, seconds)


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = os.path.join(ROOT, 'build', 'release')
    p.add_argument('--vmsift', default=os.environ.get('VMSIFT') or os.path.join(build, 'vmsift'))
    p.add_argument('--maker', default=os.path.join(build, 'tests', 'synthetic', 'make_large'))
    p.add_argument('--sizes', default='16,256,4096', help='GiB, powers of two from 1 to 4096')
    p.add_argument('--options', default='-l', help="of the dump, as one word: --options='-E --stream zstd'")
    p.add_argument('--threads', default='1,2')
    p.add_argument('--runs', type=int, default=3, help='of each, the median counts (default 3)')
    p.add_argument('--folder', default='/dev/shm', help='a tmpfs: other file systems read ahead in holes')
    return p.parse_args()


def main() -> int:
    args = parse()
    anonymous: dict[str, list[int]] = {}
    before: dict[str, tuple[int, float]] = {}
    print('| GiB | threads | struct pages | peak RssAnon KiB | VmPTE KiB | VmHWM KiB | user+sys s | ns a page more '
          '| classify s | wall s |\n' + '| ---: ' * 10 + '|')
    with tempfile.TemporaryDirectory(prefix='vmsift-scale-', dir=args.folder) as folder:
        core, dump, stats = (os.path.join(folder, name) for name in ('core', 'dump', 'stats'))
        for size in args.sizes.split(','):
            made = json.loads(subprocess.run([args.maker, size, core], check=True, capture_output=True).stdout)
            for threads in args.threads.split(','):
                argv = [args.vmsift, '-f', *args.options.split(), '-d', '31', '--num-threads', threads,
                        f'--stats=json:{stats}', '--message-level', '4', core, dump]
                watch(argv, stats)      # warms the page cache
                runs = [watch(argv, stats) for _ in range(args.runs)]
                peak = {field: max(run.peaks[field] for run in runs) for field in FIELDS}
                anonymous.setdefault(threads, []).append(peak['RssAnon'])
                pages, cpu = made['pages'], median(run.cpu for run in runs)
                fewer, less = before.get(threads, (0, 0.0))
                before[threads] = pages, cpu
                slope = f'{(cpu - less) * 1e9 / (pages - fewer):.1f}' if pages > fewer > 0 else ''
                print(f'| {size} | {threads} | {pages} | ' + ' | '.join(str(peak[field] // KIB) for field in FIELDS)
                      + f' | {cpu:.2f} | {slope} | {median(run.classify for run in runs):.3f} '
                      f'| {median(run.wall for run in runs):.2f} |', flush=True)
            os.unlink(core)
    growth = max(max(peaks) - min(peaks) for peaks in anonymous.values())
    print(f'\nPeak anonymous memory grows by {growth // KIB} KiB; the goal is {GROWTH_GOAL // KIB} KiB.')
    return 0 if growth <= GROWTH_GOAL else 1


if __name__ == '__main__':
    sys.exit(main())
