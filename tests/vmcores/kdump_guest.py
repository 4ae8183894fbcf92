# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that crashes: boot, workload, panic, capture kernel, collectors one after the other, dumps taken out.

/proc/vmcore stays as it is, so that one crash serves any number of collectors.
"""
from __future__ import annotations

import gzip
import json
import re
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import disks
import guest
import initramfs
import programs
from cache import log
from initramfs import File
from kernel import Kernel
from machines import MACHINES
from programs import Program
from qemu import Qemu, QemuError
from recipes import Recipe

CAPTURE_MODULES = ('virtio_pci', 'virtio_blk', 'ext4')
# as Debian and Fedora add them
CAPTURE_APPEND = 'reset_devices irqpoll'
# for a collector that cannot do without a writable /tmp, as makedumpfile cannot
WRITABLE_TMP = 'mountpoint -q /tmp || mount -t tmpfs tmp /tmp'
SIDE_FILES = ('kpageflags', 'kmsg', 'kallsyms')


@dataclass(frozen=True)
class Kill:
    """A signal to a collector, as soon as a file of it has so much on its disk."""
    signal: signal.Signals
    file: str
    kib: int


@dataclass(frozen=True)
class Step:
    """One collector: a line for the capture kernel's shell. Its disks are /dump and /small."""
    name: str
    command: str
    prepare: str = 'true'       # another line, before anything is measured
    leave_mib: int = 0          # fill memory first, until so much is available; 0: do not
    kill: Kill | None = None
    patience: int = 300         # seconds

    @classmethod
    def collect(cls, name: str, command: str, **how: object) -> Step:
        """`command` alone: it is what is watched, and no shell around it."""
        return cls(name, f'exec {command}', **how)

    def options(self) -> str:
        """For `capture run`."""
        words = ['-t', str(self.patience)]
        if self.leave_mib:
            words += ['-l', str(self.leave_mib << 10)]
        if self.kill:
            words += ['-k', str(int(self.kill.signal)), self.kill.file, str(self.kill.kib)]
        return ' '.join(words)


@dataclass(frozen=True)
class Crash:
    """A machine, what its capture kernel gets, and what is run there."""
    machine: Recipe
    steps: tuple[Step, ...]
    programs: tuple[Program, ...]
    crashkernel: str = '192M'
    cpus: int = 1               # of the capture kernel
    append: str = ''            # for the capture kernel
    before: str = 'true'        # to be run before the crash
    full: bool = False          # copy all of /proc/vmcore too
    dump_bytes: int = 2 << 30   # the disk for dumps; it is sparse
    small_bytes: int = 16 << 20


def _capture_files(crash: Crash) -> list[File]:
    files = [File('vmsift/steps/order', ''.join(f'{step.name}\n' for step in crash.steps).encode())]
    if crash.full:
        files.append(File('vmsift/steps/full', b''))
    for step in crash.steps:
        files += [File(f'vmsift/steps/{step.name}.prepare', step.prepare.encode()),
                  File(f'vmsift/steps/{step.name}.command', step.command.encode()),
                  File(f'vmsift/steps/{step.name}.options', step.options().encode())]
    return files


def _build(crash: Crash, kernel: Kernel, folder: Path) -> Path:
    """The initramfs of the first kernel, with that of the capture kernel in it."""
    machine = MACHINES[crash.machine.arch]
    collectors = [file for program in crash.programs for file in programs.files(program)]
    capture = folder / 'capture.img'
    initramfs.build(kernel, crash.machine.arch, machine, capture, 'capture_init.sh', CAPTURE_MODULES, ('capture',),
                    [*collectors, *_capture_files(crash)])
    cmdline = f'console={machine.console} panic=-1 loglevel=5 rdinit=/init nr_cpus={crash.cpus} {CAPTURE_APPEND} ' \
              f'{crash.append}'.strip()
    initrd = folder / 'initrd'
    initramfs.build(kernel, crash.machine.arch, machine, initrd, helpers=('workload', 'capture'), files=[
        *collectors, File('vmsift/before', crash.before.encode()), File('vmsift/vmlinuz', kernel.image.read_bytes()),
        File('vmsift/capture.img', capture.read_bytes()), File('vmsift/capture.cmdline', cmdline.encode())])
    return initrd


def _drive(qemu: Qemu, crash: Crash) -> dict[str, float]:
    """From the start to the end of the last collector; returns the seconds at which it came how far."""
    name, patience = crash.machine.name, crash.machine.timeout
    qemu.wait_for('@@BALLOON', patience)
    qemu.type(f'balloon {guest.inflate_balloon(qemu, crash.machine)} MiB')
    crashed = qemu.wait_for('@@CRASH', patience)
    log(f'{name}: crashes after {crashed:.1f} s')
    captured = qemu.wait_for('@@CAPTURE', 120, panics=1)
    log(f'{name}: the capture kernel is there after {captured:.1f} s, {len(crash.steps)} steps')
    done = qemu.wait_for('@@DONE', patience + sum(step.patience for step in crash.steps), panics=1)
    log(f'{name}: done after {done:.1f} s')
    return {'crash_s': round(crashed, 1), 'capture_s': round(captured, 1), 'done_s': round(done, 1)}


def numbers(section: str) -> dict:
    """What `capture run` printed."""
    head, _, output = section.partition('\noutput\n')
    result: dict = {name: float(value) if '.' in value else int(value)
                    for name, value in re.findall(r'^(\w+) (-?[\d.]+)$', head, re.M)}
    if 'exit' not in result:
        raise QemuError(f'the capture kernel could not run a step: {section.strip()}')
    return {**result, 'output': output}


def _report(crash: Crash, kernel: Kernel, console: str, timings: dict) -> dict:
    sections = guest.sections(console)
    steps = {step.name: {'command': step.command, **numbers(sections.get(f'step.{step.name}', ''))}
             for step in crash.steps}
    others = {name: text for name, text in sections.items() if not name.startswith('step.')}
    return {'kernel': kernel.release, 'mem': crash.machine.mem_bytes(), 'crashkernel': crash.crashkernel,
            'cpus': crash.cpus, **timings, 'steps': steps, 'guest': others}


def _keep_vmcore(folder: Path, report: dict) -> None:
    """The copy of /proc/vmcore as a vmcore that the tests take: vmcore.elf and its side files."""
    (folder / 'full.disk').rename(folder / 'vmcore.elf')
    with open(folder / 'vmcore.elf', 'r+b') as file:
        file.truncate(int(report['guest']['capture.full']))
    (folder / 'vmcore.facts.json').write_text(json.dumps({'kernel': report['kernel'], 'guest': report['guest']}))


def run(crash: Crash, kernel: Kernel, folder: Path) -> dict:
    """Crash the kernel. `folder` gets dump/ and small/ (what is on these disks), the guest's page flags and log
    (vmcore.kpageflags.gz, ...), vmcore.elf if all was to be copied, serial.log and report.json, which is returned."""
    machine = replace(crash.machine, append=f'crashkernel={crash.crashkernel} {crash.machine.append}'.strip())
    initrd = _build(crash, kernel, folder)
    own = disks.make(folder)
    full = machine.mem_bytes() if crash.full else 0
    for_dumps = disks.make_for_dumps(folder, full, crash.dump_bytes, crash.small_bytes)
    qemu = Qemu(guest.arguments(machine, kernel.image, initrd, {**own, **for_dumps}), folder / 'qemu.err')
    try:
        with qemu:
            timings = _drive(qemu, crash)
    finally:
        console = qemu.console.replace(b'\r\n', b'\n')
        (folder / 'serial.log').write_bytes(console)
    report = _report(crash, kernel, console.decode(errors='replace'), timings)
    for serial in ('dump', 'small'):
        disks.take_out(for_dumps[serial], folder / serial)
    for label, content, _ in disks.saved_files(own['save']):
        if label in SIDE_FILES:
            (folder / f'vmcore.{label}.gz').write_bytes(gzip.compress(content, 1))
    if crash.full:
        _keep_vmcore(folder, report)
    for path in (initrd, folder / 'capture.img', *folder.glob('*.disk')):
        path.unlink()
    (folder / 'report.json').write_text(json.dumps(report, indent=1) + '\n')
    return report
