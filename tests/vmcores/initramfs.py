# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's initramfs: busybox, kernel modules, static helpers, a script of this folder as /init."""
from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

import cache
import debian
import foreign_tools
from kernel import Kernel, ModuleSet
from machines import Machine

HERE = Path(__file__).resolve().parent

# what the guest's devices and file systems need, and some to have modules in the dump
MODULES = ('qemu_fw_cfg', 'virtio_pci', 'virtio_mmio', 'virtio_blk', 'virtio_balloon', 'ext4', 'loop', 'dm_mod', 'xfs',
           'hwpoison_inject', 'tun')


class Cpio:
    """A "newc" archive, the format the kernel unpacks as its first root; written without root rights."""

    def __init__(self) -> None:
        self._archive = io.BytesIO()
        self._names: set[str] = set()

    def _pad(self, unit: int) -> None:
        self._archive.write(bytes(-self._archive.tell() % unit))

    def _entry(self, name: str, mode: int, content: bytes = b'', device: tuple[int, int] = (0, 0)) -> None:
        name = name.strip('/')
        if name in self._names:
            return
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        self._names.add(name)
        encoded = name.encode() + b'\0'
        inode = len(self._names)
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
        self._archive.write(b'070701' + b''.join(b'%08X' % field for field in fields) + encoded)
        self._pad(4)
        self._archive.write(content)
        self._pad(4)

    def folder(self, name: str) -> None:
        """A directory; the parents of every entry are made without asking."""
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """A regular file."""
        self._entry(name, stat.S_IFREG | mode, content)

    def character_device(self, name: str, major: int, minor: int) -> None:
        """A device node."""
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def content(self) -> bytes:
        """The finished archive."""
        self._entry('TRAILER!!!', 0)
        self._pad(512)
        return self._archive.getvalue()


def busybox(arch: str, suite: str) -> bytes:
    """A static busybox of the guest's architecture."""
    package = debian.newest(suite, arch, 'busybox-static')
    tree = debian.unpack([package], cache.folder('busybox') / f'{arch}_{package.version.replace(":", "_")}')
    return (tree / 'usr/bin/busybox').read_bytes()


def helper(name: str, arch: str, machine: Machine) -> bytes:
    """The compiled NAME.c of this folder, made anew when the source is newer."""
    source, program = HERE / f'{name}.c', cache.folder(name) / arch
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        with cache.replacing(program) as part:
            options = ['-O1', '-Wall', '-static', '-pthread', '-s']
            if machine.tools:
                foreign_tools.compile_program(machine.tools, machine.compiler, options, source, part)
            else:
                subprocess.run([machine.compiler, *options, '-o', str(part), str(source)], check=True)
    return program.read_bytes()


@dataclass(frozen=True)
class File:
    """A file of an initramfs."""
    name: str
    content: bytes
    mode: int = 0o644


def build(kernel: Kernel, arch: str, machine: Machine, path: Path, init: str = 'guest_init.sh',
          module_names: Iterable[str] = MODULES, helpers: Iterable[str] = ('workload',),
          files: Iterable[File] = ()) -> dict:
    """Write an initramfs and return what is in it, for facts.json."""
    modules = ModuleSet(kernel)
    for name in module_names:
        modules.add(name)
    archive = Cpio()
    for name in ('dev', 'proc', 'sys', 'mnt', 'tmp'):
        archive.folder(name)
    archive.character_device('dev/console', 5, 1)
    archive.file('bin/busybox', busybox(arch, machine.userland), 0o755)
    for name in helpers:
        archive.file(f'vmsift/{name}', helper(name, arch, machine), 0o755)
    for name, content in modules.loaded.items():
        archive.file(f'vmsift/modules/{name}.ko', content)
    archive.file('vmsift/modules/order', ''.join(f'{name}\n' for name in modules.loaded).encode())
    archive.file('init', (HERE / init).read_bytes(), 0o755)
    for file in files:
        archive.file(file.name, file.content, file.mode)
    path.write_bytes(gzip.compress(archive.content(), 1))
    return {'modules': list(modules.loaded), 'modules_absent': modules.absent}
