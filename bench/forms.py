#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vmsift against makedumpfile on other ways in and out than a compressed file: ELF, a stream, re-filtering.

  bench/forms.py [--peer PATH] [--vmsift PATH] [--runs N] [--check] VMCORE

Paired rounds as in side_by_side.py; the peer runs without --num-threads, which is its fastest way on few processors
(and with -E its only one). What is re-filtered are makedumpfile's own dumps of level 1. A stream goes into a file.
"""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from statistics import median

from side_by_side import Sample

# What both are told, what they read, and vmsift's wall time over the peer's: with 2 threads, at most.
ROWS = (('-E -d 31', 'vmcore', 0.25), ('-l -d 31', 'refilter-l', 0.12), ('-c -d 31', 'refilter-c', 0.12),
        ('-F -l -d 31', 'vmcore', 0.6), ('-F -E -d 31', 'vmcore', None))
# For comparison with each other; the peer has none of them.
OURS_ONLY = (('-E --stream zstd -d 31', 'vmcore'), ('-E --stream lz4 -d 31', 'vmcore'),
             ('-F --stream zstd -d 31', 'vmcore'), ('-l --dedup -d 31', 'vmcore'), ('-l -e -d 31', 'vmcore'),
             ('-l -d 31', 'vmcore'))


@dataclass
class Runner:
    argv: list[str]
    output: str
    stream: bool
    samples: list[Sample] = field(default_factory=list)
    size: int = 0

    @property
    def wall(self) -> float:
        return median(s.wall for s in self.samples)

    @property
    def cpu(self) -> float:
        return median(s.cpu for s in self.samples)

    def once(self) -> None:
        if os.path.exists(self.output):
            os.unlink(self.output)
        out = self.output if self.stream else os.devnull
        actions = [(os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT, 0o600),
                   (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        start = time.perf_counter()
        pid = os.posix_spawn(self.argv[0], self.argv, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - start
        if status:
            raise SystemExit(f'{" ".join(self.argv)}: ended with status {os.waitstatus_to_exitcode(status)}')
        self.samples.append(Sample(wall, usage.ru_utime + usage.ru_stime))
        self.size = os.stat(self.output).st_blocks * 512


def measure(runners: list[Runner], runs: int) -> None:
    for runner in runners:
        runner.once()       # warms the page cache
        runner.samples.clear()
    for number in range(runs):
        for runner in runners if number % 2 == 0 else runners[::-1]:
            runner.once()
    os.unlink(runners[0].output)    # all write to the same place


def runner(program: str, options: str, source: str, folder: str, *more: str) -> Runner:
    stream = '-F' in options.split()
    output = os.path.join(folder, 'dump')
    operands = [source] if stream else [source, output]
    return Runner([program, *options.split(), '--message-level', '4', *more, *operands], output, stream)


def main() -> int:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('vmcore', metavar='VMCORE')
    p.add_argument('--vmsift', default=os.environ.get('VMSIFT') or os.path.join(root, 'build', 'release', 'vmsift'))
    p.add_argument('--peer', default=shutil.which('makedumpfile'), help='default: makedumpfile in PATH')
    p.add_argument('--runs', type=int, default=9)
    p.add_argument('--outdir', help='where the dumps go (default: /dev/shm, which is a tmpfs)')
    p.add_argument('--check', action='store_true', help='exit 1 when a goal is missed')
    args = p.parse_args()
    folder = tempfile.mkdtemp(prefix='vmsift-bench-', dir=args.outdir or '/dev/shm')
    good = True
    try:
        sources = {'vmcore': args.vmcore}
        for codec in 'lc':
            sources[f'refilter-{codec}'] = path = os.path.join(folder, f'level1-{codec}')
            subprocess.run([args.peer, f'-{codec}', '-d', '1', '--message-level', '4', args.vmcore, path], check=True,
                           stdout=subprocess.DEVNULL)
        print(f'{os.path.basename(args.vmcore)}, {args.runs} rounds, {len(os.sched_getaffinity(0))} CPUs, '
              f'load {os.getloadavg()[0]:.1f}\n')
        print('| options | input | makedumpfile ms | 2 threads ms | 1 thread ms | 2 / peer, paired | 1 / peer | size / peer | goal |')
        print('| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |')
        for options, name, goal in ROWS:
            source = sources[name]
            peer = runner(args.peer, options, source, folder)
            ours = [runner(args.vmsift, options, source, folder, '--num-threads', n) for n in '21']
            measure([peer, *ours], args.runs)
            paired = [median(a.wall / b.wall for a, b in zip(r.samples, peer.samples)) for r in ours]
            met = goal is None or paired[0] <= goal
            good &= met
            verdict = '' if goal is None else f'{"pass" if met else "**MISSED**"}: at most {goal}'
            print(f'| `{options}` | {name} | {peer.wall * 1000:.0f} | {ours[0].wall * 1000:.0f} | {ours[1].wall * 1000:.0f} '
                  f'| {paired[0]:.3f} | {paired[1]:.3f} | {ours[0].size / peer.size:.3f} | {verdict} |', flush=True)
        print('\n| vmsift, 2 threads | wall ms | user+sys ms | bytes on disk |\n| --- | ---: | ---: | ---: |')
        runners = [runner(args.vmsift, options, sources[name], folder, '--num-threads', '2') for options, name in OURS_ONLY]
        for one in runners:
            measure([one], args.runs)
        for (options, _), one in zip(OURS_ONLY, runners):
            print(f'| `{options}` | {one.wall * 1000:.0f} | {one.cpu * 1000:.0f} | {one.size} |')
    finally:
        shutil.rmtree(folder)
    return 1 if args.check and not good else 0


if __name__ == '__main__':
    sys.exit(main())
