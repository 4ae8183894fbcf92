# SPDX-License-Identifier: GPL-2.0-or-later
"""A real kdump for a test module: a guest that crashes once, and what every collector left and took there.

It is made anew for every run, since it depends on the program under test.
"""
from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import cache            # tests/vmcores
import debian
import kdump_guest
import kernel as kernels
import peers
import vmcore_files
from kdump_guest import Crash
from programs import Program
from qemu import QemuError
from recipes import SETS, Recipe

from . import env

# A kernel that patches its code while another of QEMU's threads runs it now and then panics on its way up. Nothing that
# a collector does can: its failures are in the report.
TRIES = 3


def recipe(vmcore: str, **changed: object) -> Recipe:
    """The machine of a vmcore of the set, changed."""
    return replace(next(recipe for recipe in SETS['test'] if recipe.name == vmcore), **changed)


def kernel_of(vmcore: str) -> kernels.Kernel:
    """The kernel that a vmcore of the set was made with, of which peers/ may have the vmlinux."""
    arch = recipe(vmcore).arch
    facts = vmcore_files.read_facts(Path(env.cache_dir()) / 'vmcores', vmcore)
    if not facts:
        raise env.missing(f'no vmcore {vmcore}, whose kernel is to crash')
    for package in debian.packages(facts['suite'], arch).get(facts['package'], ()):
        if package.version == facts['package_version']:
            return kernels.unpack(package, arch)
    raise env.missing(f'{facts["package"]} {facts["package_version"]} has left the archive: make {vmcore} anew')


def vmsift() -> Program:
    return Program('vmsift', Path(env.program()))


def makedumpfile() -> Program:
    """Debian's."""
    path = shutil.which('makedumpfile')
    if not path:
        raise env.missing('no makedumpfile')
    return Program('makedumpfile', Path(path))


def makedumpfile_sid() -> Program:
    try:
        return peers.program_of('makedumpfile')
    except debian.DebianError as error:
        raise env.missing(str(error)) from None


class Captured:
    """One crash; `close()` removes what it left."""

    def __init__(self, vmcore: str, crash: Crash) -> None:
        if not shutil.which('qemu-system-x86_64'):
            raise env.missing('no qemu-system-x86_64')
        for left in reversed(range(TRIES)):
            self.folder = tempfile.mkdtemp(dir=env.scratch())
            try:
                with cache.only_one('guest'):
                    self.report = kdump_guest.run(crash, kernel_of(vmcore), Path(self.folder))
                return
            except QemuError as error:
                serial = Path(self.folder, 'serial.log')
                console = serial.read_text(errors='replace')[-3000:] if serial.exists() else ''
                self.close()
                if not left:
                    raise AssertionError(f'{error}; the console ends with\n{console}') from None
                cache.log(f'{vmcore}: {error}; once more')

    @property
    def core(self) -> env.Vmcore:
        """All of /proc/vmcore, as the capture kernel's own helper copied it."""
        return env.Vmcore('kdump', f'{self.folder}/vmcore.elf')

    @property
    def dmesg(self) -> str:
        """The log of the capture kernel, which the collectors must not fill."""
        return self.report['guest']['capture.dmesg']

    def step(self, name: str) -> dict:
        return self.report['steps'][name]

    def path(self, name: str) -> str:
        """A file on one of the disks, such as 'dump/file'."""
        return f'{self.folder}/{name}'

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def through_pipe(collector: str, reader: str) -> str:
    """A pipeline's status is its reader's; the collector's own goes to the output."""
    return f'{{ {collector}; echo "collector: $?" >&2; }} | {reader}'
