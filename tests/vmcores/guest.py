# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest's life: boot, workload, balloon, ready, dump."""
from __future__ import annotations

import re
import time
from pathlib import Path

import boot_image
import by_hand
import cache
import disks
import elfcore
import foreign_tools
import initramfs
from cache import log
from kernel import Kernel
from machines import MACHINES
from qemu import Qemu
from recipes import Recipe


def _emulator(recipe: Recipe) -> list[str]:
    """The words that start QEMU, with its firmware where the machine needs one."""
    machine = MACHINES[recipe.arch]
    suite = recipe.qemu_suite or machine.tools
    if not suite:
        return [*machine.qemu]
    tree = foreign_tools.qemu(suite)
    firmware = ['-bios', str(tree / machine.efi)] if machine.efi else []
    return [*foreign_tools.run(tree, machine.qemu[0]), '-L', str(tree / 'usr/share/qemu'), *machine.qemu[1:], *firmware]


def arguments(recipe: Recipe, image: Path, initrd: Path, disk_files: dict[str, Path]) -> list[str]:
    """QEMU's command line."""
    machine = MACHINES[recipe.arch]
    words = [*_emulator(recipe), '-m', recipe.mem, '-smp', str(min(recipe.smp, machine.most_cpus))]
    for node in range(recipe.numa if recipe.numa > 1 else 0):
        cpus = ''.join(f',cpus={cpu}' for cpu in range(node, recipe.smp, recipe.numa))
        words += ['-object', f'memory-backend-ram,id=node{node},size={recipe.mem_bytes() // recipe.numa}',
                      '-numa', f'node,nodeid={node},memdev=node{node}{cpus}']
    for serial, path in disk_files.items():
        words += ['-drive', f'if=none,id={serial},file={path},format=raw,cache=unsafe',
                      '-device', f'virtio-blk-{machine.virtio_bus},drive={serial},serial={serial}']
    words += ['-device', f'virtio-balloon-{machine.virtio_bus}']
    command_line = f'console={machine.console} panic=-1 loglevel=5 rdinit=/init {recipe.append}'.strip()
    return [*words, '-kernel', str(image), '-initrd', str(initrd), '-append', command_line,
            *recipe.qemu_args]


def inflate_balloon(qemu: Qemu, recipe: Recipe) -> int:
    """Take some of the guest's memory (its pages become PageOffline); returns the MiB taken."""
    memory = recipe.mem_bytes()
    wanted = memory >> 24 if recipe.balloon_mib is None else recipe.balloon_mib
    actual = memory
    if wanted:
        qemu.command('balloon', value=memory - (wanted << 20))
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and actual > memory - (wanted << 20):
            time.sleep(0.2)
            actual = qemu.command('query-balloon')['actual']
    return (memory - actual) >> 20


def sections(console: str) -> dict[str, str]:
    """The files that the guest printed about itself."""
    return dict(re.findall(r'@@BEGIN (\S+)\n(.*?)@@END', console, re.S))


def _dump(qemu: Qemu, recipe: Recipe, elf: Path) -> None:
    kind = MACHINES[recipe.arch].by_hand
    if kind:
        iomem = sections(qemu.console.replace(b'\r\n', b'\n').decode(errors='replace'))['iomem']
        by_hand.dump(qemu, kind, elfcore.system_ram(iomem), elf)
    else:
        qemu.command('dump-guest-memory', paging=False, protocol=f'file:{elf}')


def _drive(qemu: Qemu, recipe: Recipe, elf: Path) -> dict:
    """Bring a started guest to the point where it is dumped, and dump it; returns its timings."""
    boot = qemu.wait_for('@@BOOTED', recipe.timeout)
    log(f'{recipe.name}: booted in {boot:.1f} s, the workload runs')
    qemu.wait_for('@@BALLOON', recipe.timeout)
    balloon = inflate_balloon(qemu, recipe)
    qemu.type(f'balloon {balloon} MiB')
    ready = qemu.wait_for('@@READY', recipe.timeout)
    qemu.command('stop')
    log(f'{recipe.name}: ready after {ready:.1f} s, dump {recipe.mem}')
    start = time.monotonic()
    _dump(qemu, recipe, elf)
    dump = time.monotonic() - start
    return {'boot_s': round(boot, 1), 'ready_s': round(ready, 1), 'dump_s': round(dump, 1), 'balloon_mib': balloon}


def _facts(recipe: Recipe, kernel: Kernel, qemu: Qemu, folder: Path) -> dict:
    # without this machine's folders
    plain = [argument.replace(f'{folder}/', '').replace(f'{cache.root()}/', '') for argument in qemu.arguments]
    return {
        'name': recipe.name, 'arch': recipe.arch, 'suite': kernel.package.suite, 'package': kernel.package.name,
        'package_version': kernel.package.version, 'kernel': kernel.release, 'mem': recipe.mem_bytes(),
        'smp': recipe.smp, 'numa': recipe.numa, 'append': recipe.append, 'qemu': ' '.join(plain),
        'classes_only': recipe.classes_only,
        'dumped_by': 'pmemsave' if MACHINES[recipe.arch].by_hand else 'dump-guest-memory',
    }


def run(recipe: Recipe, kernel: Kernel, folder: Path) -> dict:
    """Boot the kernel in `folder`, leave qemu.elf, save.disk and serial.log there; returns facts."""
    initrd = folder / 'initrd'
    contents = initramfs.build(kernel, recipe.arch, MACHINES[recipe.arch], initrd)
    log(f'{recipe.name}: boot {kernel.release} with {len(contents["modules"])} modules')
    disk_files = disks.make(folder)
    image = kernel.image if MACHINES[recipe.arch].efi else boot_image.plain(kernel.image, folder / 'image')
    qemu = Qemu(arguments(recipe, image, initrd, disk_files), folder / 'qemu.err')
    try:
        with qemu:
            timings = _drive(qemu, recipe, folder / 'qemu.elf')
    finally:
        console = qemu.console.replace(b'\r\n', b'\n')
        (folder / 'serial.log').write_bytes(console)
    return {**_facts(recipe, kernel, qemu, folder), **contents, **timings,
            'guest': sections(console.decode(errors='replace'))}
