#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real kdump: crash a Debian kernel in QEMU and run collectors on /proc/vmcore in its capture kernel.

  make_kdump.py --program build/release/vmsift --step 'vmsift -l -d 31 /proc/vmcore /dump/dump' OUT
  make_kdump.py --crashkernel 128M --mem 2G --leave 48 --program ... --step ... OUT

OUT gets the dumps (dump/, small/), report.json with time and memory of each step, and serial.log. A step is a line
for sh; /dump is an ext4 disk, /small one of 16 MiB, and nothing else can be written. Steps run one after the other on
the same crash. One guest at a time.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cache
import debian
import kdump_guest
import kernel as kernels
from machines import MACHINES
from peers import program_of
from programs import Program
from qemu import QemuError
from recipes import Recipe


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option('out', type=Path, metavar='OUT', help='a folder that is not there yet')
    option('--step', action='append', required=True, metavar='LINE', help='a collector (repeatable)')
    option('--program', action='append', default=[], type=Path, metavar='PATH',
           help='to be found in the guest by its name (repeatable)')
    option('--peer', action='append', default=[], metavar='NAME',
           help='a program that fetch-peers fetched, such as makedumpfile, as NAME-sid (repeatable)')
    option('--suite', default='bookworm', help='of Debian; several with commas: the newest kernel')
    option('--kernel', metavar='REGEX', help='which linux-image package (the newest that matches)')
    option('--mem', default='1G')
    option('--smp', type=int, default=2)
    option('--crashkernel', default='192M')
    option('--crash-cpus', type=int, default=1, metavar='N')
    option('--cpu', help="QEMU's CPU model")
    option('--append', default='', help='more words for the first kernel')
    option('--crash-append', default='', help='more words for the capture kernel')
    option('--leave', type=int, default=0, metavar='MIB', help='fill memory until so much is available, in each step')
    option('--before', default='true', metavar='LINE', help='a command for the first kernel, before it crashes')
    option('--full', action='store_true', help='keep all of /proc/vmcore too, as vmcore.elf')
    return parser.parse_args()


def _crash(arguments: argparse.Namespace) -> kdump_guest.Crash:
    machine = Recipe(arguments.out.name, tuple(arguments.suite.split(',')), kernel=arguments.kernel,
                     mem=arguments.mem, smp=arguments.smp, append=arguments.append,
                     qemu_args=('-cpu', arguments.cpu) if arguments.cpu else ())
    steps = tuple(kdump_guest.Step(str(number), line, leave_mib=arguments.leave)
                  for number, line in enumerate(arguments.step, 1))
    programs = [Program(path.name, path) for path in arguments.program] + \
        [program_of(name) for name in arguments.peer]
    return kdump_guest.Crash(machine, steps, tuple(programs), arguments.crashkernel, arguments.crash_cpus,
                             arguments.crash_append, arguments.before, arguments.full)


def kernel_for(machine: Recipe) -> kernels.Kernel:
    """The newest that the recipe of a machine names."""
    flavour = machine.flavour or MACHINES[machine.arch].flavour
    return kernels.unpack(kernels.candidates(machine.suites, machine.arch, flavour, machine.kernel)[0], machine.arch)


def main() -> int:
    """Run the command line."""
    arguments = _arguments()
    try:
        arguments.out.mkdir(parents=True)
        crash = _crash(arguments)
        with cache.only_one('guest'):
            report = kdump_guest.run(crash, kernel_for(crash.machine), arguments.out.absolute())
    except (debian.DebianError, QemuError, OSError, subprocess.CalledProcessError) as error:
        print(f'make_kdump: {error}', file=sys.stderr)
        return 1
    for name, step in report['steps'].items():
        print(f'{name}: {step["command"]}\n{step.pop("output")}\n{json.dumps(step)}')
    return int(any(step['exit'] for step in report['steps'].values()))


if __name__ == '__main__':
    sys.exit(main())
