# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU and compilers of another suite, for machines that those of Debian 12 do not know: unpacked in the cache, run
from there, never installed."""
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cache
import debian

HOST = 'amd64'
TRIPLET = 'x86_64-linux-gnu'
# what maintainer scripts and windows need and these programs do not
NOT_NEEDED = ('debconf', 'dpkg', 'perl', 'perl-base', 'tar', 'libc-bin', 'install-info', 'adduser', 'qemu-system-gui',
              'seabios', 'ipxe-qemu', 'libc6-dev')


def _tree(suite: str, name: str, packages: tuple[str, ...]) -> Path:
    """These packages and what they need, in one folder that is named after the first."""
    wanted = {package.name: package for start in packages
              for package in debian.closure(suite, HOST, start, NOT_NEEDED)}
    version = debian.newest(suite, HOST, packages[0]).version
    return debian.unpack(wanted.values(), cache.folder('tools') / f'{name}_{version.replace(":", "_")}')


def qemu(suite: str) -> Path:
    """The tree with a suite's QEMU for the rarer machines, and its firmware."""
    return _tree(suite, 'qemu', ('qemu-system-misc', 'qemu-system-data', 'qemu-efi-loongarch64'))


def run(tree: Path, program: str) -> list[str]:
    """The words that start a program of a tree with the tree's own loader and libraries."""
    libraries = tree / 'usr/lib' / TRIPLET
    return [str(libraries / 'ld-linux-x86-64.so.2'), '--library-path', str(libraries), str(tree / 'usr/bin' / program)]


def compile_program(suite: str, compiler: str, options: list[str], source: Path, program: Path) -> None:
    """Compile one file with a suite's cross compiler, called TRIPLET-gcc-VERSION.

    The compiler calls programs that only its suite's loader can run, so its tree becomes its root; a user namespace
    does that without root's rights.
    """
    triplet, _, version = compiler.rpartition('-gcc-')
    arch = {'loongarch64-linux-gnu': 'loong64'}[triplet]
    tree = _tree(suite, f'gcc-{arch}', (f'gcc-{version}-{triplet}', f'libc6-dev-{arch}-cross'))
    (tree / 'tmp').mkdir(exist_ok=True)
    command = ['unshare', '--map-root-user', f'--root={tree}', f'/usr/bin/{compiler}', *options, '-x', 'c', '-',
               '-o', f'/tmp/{source.stem}']
    subprocess.run(command, input=source.read_bytes(), check=True)
    shutil.move(tree / 'tmp' / source.stem, program)
