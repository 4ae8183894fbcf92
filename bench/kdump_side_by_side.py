#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vmsift against makedumpfile in the capture kernel of one crash: time, own memory, and what is left of the machine's.

  bench/kdump_side_by_side.py [--rounds N] [--codecs l,c] [--crash-cpus N] [--json FILE]

The guest is emulated: trust ratios. How it measures stands in bench/README.md.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / 'tests' / 'vmcores'))
import cache  # noqa: E402
import debian  # noqa: E402
import kdump_guest  # noqa: E402
import make_kdump  # noqa: E402
import peers  # noqa: E402
from kdump_guest import Crash, Step  # noqa: E402
from programs import Program  # noqa: E402
from recipes import Recipe  # noqa: E402

MEMORY_GOAL_KIB = 8 << 10       # more than the peer's own memory
PREPARE = f'rm -f /dump/dump; {kdump_guest.WRITABLE_TMP}'


def contenders(arguments: argparse.Namespace) -> list[Program]:
    """vmsift first."""
    found = [Program('vmsift', arguments.vmsift.absolute())]
    if path := shutil.which('makedumpfile'):
        found.append(Program('makedumpfile', Path(path)))
    try:
        found.append(peers.program_of('makedumpfile'))
    except debian.DebianError as error:
        print(error, file=sys.stderr)
    return found


def steps(arguments: argparse.Namespace, programs: list[Program]) -> list[Step]:
    """Rounds in which everybody runs once, in turn forwards and backwards. Round 0 is not counted."""
    threads = f'--num-threads {arguments.crash_cpus} ' if arguments.crash_cpus > 1 else ''
    made = []
    for number in range(arguments.rounds + 1):
        for codec in arguments.codecs.split(','):
            for program in programs if number % 2 == 0 else programs[::-1]:
                command = f'{program.name} -{codec} -d 31 {threads}--message-level 7 /proc/vmcore /dump/dump'
                made.append(Step.collect(f'{program.name}.{codec}.{number}', command, prepare=PREPARE))
    return made


def samples(report: dict, program: str, codec: str) -> list[dict]:
    found = [step for name, step in report['steps'].items()
             if name.rsplit('.', 2)[:2] == [program, codec] and not name.endswith('.0')]
    return [step for step in found if step['exit'] == 0]


def middle(runs: list[dict], *fields: str) -> float:
    return median(sum(run[field] for field in fields) for run in runs)


def row(codec: str, program: str, runs: list[dict], peer_runs: list[dict]) -> str:
    """Wall time is the median, processor time the least, memory the worst of all rounds."""
    paired = median((a['wall_s'] + a['sync_s']) / (b['wall_s'] + b['sync_s']) for a, b in zip(runs, peer_runs))
    worst = {field: max(run[field] for run in runs)
             for field in ('anon_most', 'rss_most', 'dirty_most', 'threads_most')}
    cells = [f'-{codec}', program, f'{middle(runs, "wall_s", "sync_s"):.2f}',
             f'{min(run["user_s"] + run["system_s"] for run in runs):.2f}', f'{paired:.2f}',
             worst['anon_most'], worst['rss_most'],
             max(run['available_first'] - run['available_least'] for run in runs),
             min(run['available_least'] for run in runs), worst['dirty_most'],
             max(run['cached_most'] - run['cached_first'] for run in runs), worst['threads_most']]
    return '| ' + ' | '.join(map(str, cells)) + ' |'


HEADER = '''| | program | wall + sync s | least user + sys s | / vmsift, paired | peak anon KiB | peak RSS KiB \
| MemAvailable taken KiB | least MemAvailable KiB | most Dirty KiB | page cache grew KiB | threads |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |'''


def print_report(report: dict, codecs: list[str], names: list[str]) -> bool:
    """The table, and whether the goals are met: quicker than each peer, and not much larger."""
    print(f'{report["kernel"]}, {report["mem"] >> 20} MiB, crashkernel={report["crashkernel"]}, '
          f'{report["cpus"]} CPU(s) in the capture kernel', '', HEADER, sep='\n')
    good = True
    for codec in codecs:
        ours = samples(report, 'vmsift', codec)
        for name in names:
            theirs = samples(report, name, codec)
            if not theirs:
                print(f'| -{codec} | {name} | fails | | | | | | | | | |')
                continue
            print(row(codec, name, theirs, ours))
            if name != 'vmsift':
                good &= middle(ours, 'wall_s', 'sync_s') < middle(theirs, 'wall_s', 'sync_s')
                good &= max(run['anon_most'] for run in ours) <= \
                    max(run['anon_most'] for run in theirs) + MEMORY_GOAL_KIB
    return good


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option('--vmsift', type=Path, default=os.environ.get('VMSIFT') or ROOT / 'build' / 'release' / 'vmsift')
    option('--rounds', type=int, default=5)
    option('--codecs', default='l,c')
    option('--suite', default='bookworm', help='of Debian, whose newest kernel crashes')
    option('--kernel', metavar='REGEX', help='which linux-image package')
    option('--mem', default='1G')
    option('--crashkernel', default='192M')
    option('--crash-cpus', type=int, default=1, metavar='N')
    option('--cpu', help="QEMU's CPU model: one without AVX is emulated at less cost")
    option('--json', type=Path, metavar='FILE', help='every single number, for other eyes')
    option('--check', action='store_true', help='exit 1 when a goal is missed')
    return parser.parse_args()


def main() -> int:
    """Run the command line."""
    arguments = parse()
    programs = contenders(arguments)
    machine = Recipe('side-by-side', (arguments.suite,), kernel=arguments.kernel, mem=arguments.mem,
                     qemu_args=('-cpu', arguments.cpu) if arguments.cpu else ())
    crash = Crash(machine, tuple(steps(arguments, programs)), tuple(programs), arguments.crashkernel,
                  arguments.crash_cpus)
    with tempfile.TemporaryDirectory(prefix='vmsift-bench-') as folder, cache.only_one('guest'):
        report = kdump_guest.run(crash, make_kdump.kernel_for(machine), Path(folder))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    good = print_report(report, arguments.codecs.split(','), [program.name for program in programs])
    return 1 if arguments.check and not good else 0


if __name__ == '__main__':
    sys.exit(main())
