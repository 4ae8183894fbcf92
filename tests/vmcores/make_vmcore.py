#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make vmcores to test with: boot a Debian kernel in QEMU, fill its memory, dump it.

  make_vmcore.py --set test                                    the vmcores that the test-suite needs
  make_vmcore.py --suite trixie amd64-6.12                     one vmcore of that suite's newest kernel
  make_vmcore.py --suite bookworm --mem 2G --numa 2 numa       any shape of machine

Each becomes NAME.elf with side files under the cache's vmcores/ (see README.md). One that is there
already is left alone. Only one guest runs at a time.
"""
from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

import cache
import debian
import guest
import kernel as kernels
import vmcore_files
from cache import log
from elfcore import ElfError
from machines import MACHINES
from qemu import QemuError
from recipes import SETS, Recipe


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option('name', nargs='?', metavar='NAME', help='of the vmcore')
    option('--set', choices=sorted(SETS), help='make a named set of vmcores instead')
    option('--only', metavar='NAME', action='append', help='of a set, only this vmcore (repeatable)')
    option('--list', action='store_true', help='print the names in the set and end')
    option('--arch', default='amd64', choices=sorted(MACHINES))
    option('--suite', default='bookworm', help='of Debian; several with commas: the newest kernel that boots')
    option('--kernel', metavar='REGEX', help='which linux-image package (the newest that matches)')
    option('--flavour', help='of the kernel, such as cloud-amd64 or rt-amd64')
    option('--mem', default='512M')
    option('--smp', type=int, default=2)
    option('--numa', type=int, default=1, metavar='NODES')
    option('--append', default='', help='more words for the kernel command line')
    option('--balloon', type=int, metavar='MIB', help='to take back from the guest (default: a sixteenth)')
    option('--raw', action='store_true', help='leave the ELF exactly as QEMU wrote it')
    option('--also-raw', action='store_true', help='keep the ELF as QEMU wrote it too, as NAME-raw')
    option('--qemu-arg', action='append', default=[], help='one more argument for QEMU (repeatable)')
    option('--timeout', type=int, default=600, metavar='SECONDS', help='until the guest is ready')
    option('--out-dir', type=Path, metavar='DIR', help='default: vmcores/ in the cache')
    option('--force', action='store_true', help='make it anew')
    arguments = parser.parse_args()
    if bool(arguments.set) == bool(arguments.name):
        parser.error('give either a NAME or --set')
    return arguments


def _recipes(arguments: argparse.Namespace) -> list[Recipe]:
    if arguments.set:
        chosen = [recipe for recipe in SETS[arguments.set]
                  if not arguments.only or set(arguments.only) & set(vmcore_files.names_of(recipe))]
        if not chosen:
            raise debian.DebianError(f'the set {arguments.set} has no {" or ".join(arguments.only)}')
        return chosen
    return [Recipe(
        name=arguments.name, suites=tuple(arguments.suite.split(',')), kernel=arguments.kernel, arch=arguments.arch,
        flavour=arguments.flavour, mem=arguments.mem, smp=arguments.smp, numa=arguments.numa, append=arguments.append,
        balloon_mib=arguments.balloon, raw=arguments.raw, also_raw=arguments.also_raw,
        qemu_args=tuple(arguments.qemu_arg), timeout=arguments.timeout)]


def _names(recipe: Recipe) -> str:
    return ' and '.join(vmcore_files.names_of(recipe))


def _there(recipe: Recipe, folder: Path) -> bool:
    """Whether all that the recipe makes is there, complete; says so."""
    found = [vmcore_files.read_facts(folder, name) for name in vmcore_files.names_of(recipe)]
    if not all(found):
        return False
    facts = found[0] or {}
    log(f'{_names(recipe)}: there already ({facts.get("kernel")}, {facts.get("mem", 0) >> 20} MiB)')
    return True


def _boot_and_dump(recipe: Recipe, image: debian.Package, folder: Path) -> None:
    """One try with one kernel. All happens in a folder of its own, which a later run clears away."""
    kernel = kernels.unpack(image, recipe.arch)
    start = time.monotonic()
    work = folder / f'.making-{recipe.name}'
    work.mkdir()
    failed_log = folder / f'{recipe.name}.failed.serial.log'
    failed_log.unlink(missing_ok=True)
    try:
        facts = guest.run(recipe, kernel, work)
        vmcore_files.finish(recipe, kernel, facts, work, folder)
    except (QemuError, ElfError):
        if (work / 'serial.log').exists():
            (work / 'serial.log').replace(failed_log)  # to see how far the guest came
        raise
    finally:
        cache.remove(work)
    log(f'{_names(recipe)}: done, {kernel.release}, {time.monotonic() - start:.1f} s')


def make(recipe: Recipe, folder: Path, force: bool) -> None:
    """Make one recipe's vmcores with the newest kernel that boots."""
    if not force and _there(recipe, folder):
        return
    flavour = recipe.flavour or MACHINES[recipe.arch].flavour
    with cache.only_one('guest'):
        if not force and _there(recipe, folder):
            return  # another run made it while this one waited
        for litter in folder.glob('.making-*'):
            cache.remove(litter)  # of killed runs: this one has the lock
        images = kernels.candidates(recipe.suites, recipe.arch, flavour, recipe.kernel)
        for number, image in enumerate(images, 1):
            try:
                _boot_and_dump(recipe, image, folder)
                return
            except (QemuError, debian.DebianError) as error:
                if number == len(images):
                    raise
                log(f'{recipe.name}: {image.name}: {error}; trying the next kernel')


def _stop(*_: object) -> None:
    sys.exit('make_vmcore: stopped')  # as an exception, so that the guest ends and its files go


def main() -> int:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _stop)
    arguments = _arguments()
    folder = (arguments.out_dir or cache.root() / 'vmcores').absolute()
    try:
        for recipe in _recipes(arguments):
            if arguments.list:
                print('\n'.join(vmcore_files.names_of(recipe)))
            else:
                folder.mkdir(parents=True, exist_ok=True)
                make(recipe, folder, arguments.force)
    except (debian.DebianError, QemuError, ElfError, OSError, subprocess.CalledProcessError) as error:
        print(f'make_vmcore: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
