#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vmsift against makedumpfile on one vmcore: time, processor time, memory, output size, and the project's goals.

  bench/side_by_side.py [--peer PATH] [--vmsift PATH] [--codecs l,z,c] [--runs N] [--spinners N] VMCORE

How it measures, and why so, stands in bench/README.md.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from statistics import median

MIB = 1 << 20
CODEC_OPTIONS = {'none': [], 'l': ['-l'], 'p': ['-p'], 'z': ['-z'], 'c': ['-c']}
PEER_NAMES = {'l': 'lzo', 'p': 'snappy', 'z': 'zstd'}     # as in `makedumpfile -v`; zlib is always there
PEER_THREADS = (0, 1, 2)            # 0: without --num-threads
OUR_THREADS = (2, 1)
# vmsift's wall time over the best of the peer's, at -d 31: (codec, threads) -> at most
WALL_GOALS = {('l', 2): 0.55, ('z', 2): 0.60, ('c', 2): 0.27, ('l', 1): 0.9, ('z', 1): 1.0, ('c', 1): 0.5}
SIZE_GOAL = 1.03
MEMORY_SAMPLE_S = 0.0002


def memory_goal(threads: int) -> int:
    return (8 + threads) * MIB


@dataclass
class Sample:
    wall: float
    cpu: float


@dataclass
class Contender:
    """One program with one number of threads."""
    program: str
    threads: int
    argv: list[str]
    samples: list[Sample] = field(default_factory=list)
    size: int = 0
    anon: int = 0
    failure: str = ''

    @property
    def wall(self) -> float:
        return median(s.wall for s in self.samples)

    @property
    def cpu(self) -> float:
        return median(s.cpu for s in self.samples)


def spawn(argv: list[str]) -> int:
    null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawn(argv[0], argv, os.environ, file_actions=null)


def run_timed(contender: Contender, output: str) -> None:
    """From spawn to the death of the process; the output is removed before the clock starts."""
    if os.path.exists(output):
        os.unlink(output)
    start = time.perf_counter()
    pid = spawn(contender.argv)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status:
        contender.failure = f'ended with status {os.waitstatus_to_exitcode(status)}'
        return
    contender.samples.append(Sample(wall, usage.ru_utime + usage.ru_stime))
    contender.size = os.path.getsize(output)


def anon_now(status: int) -> int:
    """RssAnon of a process by its open /proc/PID/status: memory that is its own, no file's pages."""
    try:
        text = os.pread(status, 4096, 0)
    except ProcessLookupError:
        return 0
    match = re.search(rb'RssAnon:\s*(\d+) kB', text)
    return int(match[1]) * 1024 if match else 0


def run_for_memory(contender: Contender, output: str) -> None:
    """A run of its own: looking 5000 times a second takes a processor, which would spoil the timing."""
    if os.path.exists(output):
        os.unlink(output)
    pid = spawn(contender.argv)
    status = os.open(f'/proc/{pid}/status', os.O_RDONLY)
    try:
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            contender.anon = max(contender.anon, anon_now(status))
            time.sleep(MEMORY_SAMPLE_S)
    finally:
        os.close(status)
        os.wait4(pid, 0)


def contenders(args: argparse.Namespace, codec: str, output: str) -> list[Contender]:
    common = [*CODEC_OPTIONS[codec], '-d', str(args.level), '--message-level', '4']
    made = []
    for program, path, counts in (('vmsift', args.vmsift, OUR_THREADS), ('peer', args.peer, PEER_THREADS)):
        for threads in counts:
            number = ['--num-threads', str(threads)] if threads else []
            made.append(Contender(program, threads, [path, *common, *number, args.vmcore, output]))
    return made


def measure(args: argparse.Namespace, codec: str, output: str) -> list[Contender]:
    """Rounds in which everybody runs once, in turn forwards and backwards: what disturbs one disturbs its partner."""
    field_ = contenders(args, codec, output)
    for contender in field_:
        run_timed(contender, output)        # warms the page cache and shows who cannot run at all
        contender.samples.clear()
    for number in range(args.runs):
        for contender in field_ if number % 2 == 0 else field_[::-1]:
            if not contender.failure:
                run_timed(contender, output)
        print(f'\r-{codec}: round {number + 1} of {args.runs}', end='', file=sys.stderr, flush=True)
    for contender in field_:
        for _ in range(args.memory_runs if not contender.failure else 0):
            run_for_memory(contender, output)
    print(file=sys.stderr)
    if os.path.exists(output):
        os.unlink(output)
    return field_


def best_peer(field_: list[Contender]) -> Contender | None:
    able = [c for c in field_ if c.program == 'peer' and not c.failure]
    return min(able, key=lambda c: c.wall) if able else None


def ratios(ours: Contender, theirs: Contender) -> tuple[float, float]:
    """(median of the ratios of each round, ratio of the medians)"""
    paired = [a.wall / b.wall for a, b in zip(ours.samples, theirs.samples)]
    return median(paired), ours.wall / theirs.wall


def verdicts(codec: str, ours: Contender, theirs: Contender, level: int) -> list[tuple[str, bool]]:
    checks = []
    goal = WALL_GOALS.get((codec, ours.threads)) if level == 31 else None
    if goal:
        paired = ratios(ours, theirs)[0]
        checks.append((f'wall {paired:.2f} <= {goal:.2f}', paired <= goal))
    size = ours.size / theirs.size
    checks.append((f'size {size:.3f} <= {SIZE_GOAL}', size <= SIZE_GOAL))
    limit = memory_goal(ours.threads)
    checks.append((f'anon {ours.anon / MIB:.1f} <= {limit // MIB} MiB', ours.anon <= limit))
    return checks


def row(codec: str, contender: Contender, best: Contender | None, level: int) -> tuple[str, bool]:
    name = f'{contender.program}, {contender.threads or "no"} threads'.replace('1 threads', '1 thread')
    if contender.failure:
        return f'| {codec} | {name} | {contender.failure} | | | | | | | |', contender.program == 'peer'
    cells = [codec, name + (' (best)' if contender is best else ''), f'{contender.wall * 1000:.0f}',
             f'{contender.cpu * 1000:.0f}', f'{contender.anon / MIB:.1f}', f'{contender.size}']
    good = True
    if contender.program == 'vmsift' and best:
        paired, of_medians = ratios(contender, best)
        checks = verdicts(codec, contender, best, level)
        good = all(ok for _, ok in checks)
        cells += [f'{paired:.2f}', f'{of_medians:.2f}', f'{contender.size / best.size:.3f}',
                  '; '.join(('pass: ' if ok else '**MISSED**: ') + text for text, ok in checks)]
    else:
        cells += ['', '', '', '']
    return '| ' + ' | '.join(cells) + ' |', good


HEADER = '''| codec | program | wall ms | user+sys ms | peak anon MiB | output bytes \
| wall / best peer, paired | of medians | size / peer | goals |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |'''


def each_ratio(ours: Contender, peers: list[Contender]) -> str:
    parts = [f'{c.threads or "no"} threads: {ratios(ours, c)[0]:.2f}' for c in peers if not c.failure]
    return f'{ours.threads} thread(s) against the peer with ' + ', '.join(parts)


def peer_lacks(peer: str, codec: str) -> bool:
    if codec not in PEER_NAMES:
        return False
    listed = subprocess.run([peer, '-v'], capture_output=True, text=True).stdout
    return re.search(rf'^{PEER_NAMES[codec]}\s+enabled', listed, re.M) is None


class Spinners:
    """Processes that want a processor all the time, as a busy crash kernel has them."""

    def __init__(self, number: int) -> None:
        self.pids = [self._start() for _ in range(number)]

    @staticmethod
    def _start() -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            while os.getppid() == parent:       # none is left behind, however the measurement ends
                sum(range(100000))
            os._exit(0)
        return pid

    def stop(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def parse() -> argparse.Namespace:
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('vmcore', metavar='VMCORE')
    p.add_argument('--vmsift', default=os.environ.get('VMSIFT') or os.path.join(root, 'build', 'release', 'vmsift'))
    p.add_argument('--peer', default=shutil.which('makedumpfile'), help='default: makedumpfile in PATH')
    p.add_argument('--codecs', default='l,z,c', help='of none,l,p,z,c (default l,z,c)')
    p.add_argument('-d', '--level', type=int, default=31)
    p.add_argument('--runs', type=int, default=9, help='rounds; the issue asks for 7 or more (default 9)')
    p.add_argument('--memory-runs', type=int, default=3, help='runs in which memory is watched (default 3)')
    p.add_argument('--spinners', type=int, default=0, metavar='N', help='busy processes beside the measured one')
    p.add_argument('--outdir', help='where the dumps go (default: /dev/shm, which is a tmpfs)')
    p.add_argument('--json', metavar='FILE', help='every single number, for other eyes')
    p.add_argument('--check', action='store_true', help='exit 1 when a goal is missed')
    args = p.parse_args()
    if not args.peer:
        p.error('no makedumpfile in PATH; name one with --peer')
    args.codecs = args.codecs.split(',')
    for codec in args.codecs:
        if codec not in CODEC_OPTIONS:
            p.error(f'unknown codec {codec}')
    for path in (args.vmsift, args.peer, args.vmcore):
        if not os.path.exists(path):
            p.error(f'{path}: not there')
    return args


def conditions(args: argparse.Namespace) -> str:
    version = subprocess.run([args.peer, '-v'], capture_output=True, text=True).stdout.splitlines()[:1]
    return (f'{os.path.basename(args.vmcore)}, {os.path.getsize(args.vmcore) / MIB:.0f} MiB, -d {args.level}, '
            f'{args.runs} rounds, {len(os.sched_getaffinity(0))} CPUs, {args.spinners} spinners, '
            f'load {os.getloadavg()[0]:.1f}; peer: {" ".join(version)}')


def report(args: argparse.Namespace, results: dict[str, list[Contender]]) -> bool:
    print(conditions(args), '', HEADER, sep='\n')
    all_good, each = True, []
    for codec, field_ in results.items():
        best = best_peer(field_)
        for contender in field_:
            line, good = row(codec, contender, best, args.level)
            all_good &= good
            print(line)
        peers = [c for c in field_ if c.program == 'peer']
        each += [f'* {codec}: {each_ratio(c, peers)}' for c in field_ if c.program == 'vmsift' and not c.failure]
    print('\nPaired wall ratio, median, against each way to run the peer:\n', *each, sep='\n')
    return all_good


def main() -> int:
    args = parse()
    folder = tempfile.mkdtemp(prefix='vmsift-bench-', dir=args.outdir or '/dev/shm')
    spinners = Spinners(args.spinners)
    results: dict[str, list[Contender]] = {}
    try:
        for codec in args.codecs:
            if peer_lacks(args.peer, codec):
                print(f'-{codec}: left out, this makedumpfile is built without it', file=sys.stderr)
                continue
            results[codec] = measure(args, codec, os.path.join(folder, 'dump'))
    finally:
        spinners.stop()
        shutil.rmtree(folder)
    good = report(args, results)
    if args.json:
        with open(args.json, 'w', encoding='ascii') as file:
            json.dump({codec: [vars(c) | {'samples': [vars(s) for s in c.samples]} for c in field_]
                       for codec, field_ in results.items()}, file, indent=1)
    return 1 if args.check and not good else 0


if __name__ == '__main__':
    sys.exit(main())
