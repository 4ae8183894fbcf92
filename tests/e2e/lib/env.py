# SPDX-License-Identifier: GPL-2.0-or-later
"""What is here to test with: the program, real vmcores, peers, the page checker.

VMSIFT               the program (default: build/release/vmsift of this checkout)
VMSIFT_MINIMAL       that of the preset minimal (default: build/minimal/vmsift of this checkout)
VMSIFT_CACHE         where vmcores/ and peers/ are (default: ${XDG_CACHE_HOME:-~/.cache}/vmsift)
VMSIFT_VMCORES       another folder of vmcores
VMSIFT_ARCHITECTURES 1: vmcores of the set `architectures` too, not only those of the set `test`
VMSIFT_REQUIRE_REAL  1: something missing is a failure, not a skip
KDUMP_COMPARE        the page checker (default: beside the program, else built for this run)
"""
from __future__ import annotations

import atexit
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from dataclasses import dataclass

import recipes      # tests/vmcores

from . import pageflags, source

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.dirname(HERE)
ROOT = os.path.dirname(os.path.dirname(E2E))
EM_X86_64 = 62


def missing(what: str) -> Exception:
    """To be raised: a skip, or a failure where the whole real thing is asked for."""
    if os.environ.get('VMSIFT_REQUIRE_REAL') == '1':
        return AssertionError(f'{what} (and VMSIFT_REQUIRE_REAL=1)')
    return unittest.SkipTest(what)


def cache_dir() -> str:
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.environ.get('VMSIFT_CACHE') or os.path.join(base, 'vmsift')


def program() -> str:
    path = os.environ.get('VMSIFT') or os.path.join(ROOT, 'build', 'release', 'vmsift')
    if not os.access(path, os.X_OK):
        raise missing(f'no program to test at {path}: build it, or set VMSIFT')
    return os.path.abspath(path)


def minimal_program() -> str:
    path = os.environ.get('VMSIFT_MINIMAL') or os.path.join(ROOT, 'build', 'minimal', 'vmsift')
    if not os.access(path, os.X_OK):
        raise missing(f'no program of the preset minimal at {path}: build it, or set VMSIFT_MINIMAL')
    return os.path.abspath(path)


@functools.cache
def scratch() -> str:
    """A folder for dumps, on tmpfs where that is roomy; gone when the run ends."""
    base = None
    if os.path.isdir('/dev/shm') and shutil.disk_usage('/dev/shm').free > 4 << 30:
        base = '/dev/shm'
    path = tempfile.mkdtemp(prefix='vmsift-e2e-', dir=base)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def _beside_program(name: str) -> str | None:
    """A helper that the project built."""
    folders = [os.path.dirname(path) for path in (os.environ.get('KDUMP_COMPARE'), os.environ.get('VMSIFT')) if path]
    for folder in [*folders, os.path.join(ROOT, 'build', 'release')]:
        for sub in ('', 'tests', 'tests/e2e', 'tests/synthetic'):
            path = os.path.join(folder, sub, name)
            if os.access(path, os.X_OK):
                return os.path.abspath(path)
    return None


def helper(name: str) -> str:
    """A helper that is linked with the library and so comes with the build alone."""
    path = _beside_program(name)
    if not path:
        raise missing(f'no {name} beside the program: build it')
    return path


@functools.cache
def page_checker() -> str:
    """kdump_compare: built by the project; without it, built here."""
    path = os.environ.get('KDUMP_COMPARE') or _beside_program('kdump_compare')
    if path and os.access(path, os.X_OK):
        return os.path.abspath(path)
    built = os.path.join(scratch(), 'kdump_compare')
    try:
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'libkdumpfile'], capture_output=True, text=True,
                               check=True).stdout.split()
        subprocess.run(['c++', '-std=c++20', '-O2', os.path.join(E2E, 'kdump_compare.cc'), '-o', built, *flags],
                       check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise missing(f'no kdump_compare, and it cannot be built here (libkdumpfile-dev?): {error}') from None
    return built


@dataclass(frozen=True)
class Vmcore:
    name: str
    path: str

    @functools.cached_property
    def source(self) -> source.Source:
        return source.Source(self.path, self.facts.get('page_size', source.PAGE))

    @functools.cached_property
    def flags(self) -> pageflags.PageFlags:
        path = self.path.removesuffix('.elf') + '.kpageflags.gz'
        if not os.path.exists(path):
            raise missing(f'{self.name}: no kpageflags beside it')
        return pageflags.load(path, self.offline_blocks())

    @functools.cached_property
    def facts(self) -> dict:
        """What the maker wrote down of the guest; empty for a vmcore from elsewhere."""
        try:
            with open(self.path.removesuffix('.elf') + '.facts.json', encoding='utf-8') as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def offline_blocks(self) -> list[range]:
        """Page frames of the memory blocks that the guest had taken offline."""
        size, _, states = self.facts.get('guest', {}).get('memory_blocks', '').partition('\n')
        numbers = [int(number) for number in re.findall(r'/memory(\d+)/state:offline', states)]
        pages = int(size, 16) // self.source.page if numbers else 0
        return [range(number * pages, (number + 1) * pages) for number in numbers]

    @property
    def release(self) -> str:
        return self.source.info('OSRELEASE')

    @property
    def version(self) -> tuple[int, int]:
        match = re.match(r'(\d+)\.(\d+)', self.release)
        return (int(match[1]), int(match[2])) if match else (0, 0)


def _is_x86_64(path: str) -> bool:
    with open(path, 'rb') as file:
        head = file.read(64)
    return len(head) == 64 and head[:6] == b'\x7fELF\2\1' and head[18] == EM_X86_64


def _folder() -> str:
    return os.environ.get('VMSIFT_VMCORES') or os.path.join(cache_dir(), 'vmcores')


@functools.cache
def all_vmcores() -> tuple[Vmcore, ...]:
    """All real vmcores of x86_64, by name."""
    folder = _folder()
    found = [path for path in sorted(glob.glob(os.path.join(folder, '*.elf'))) if _is_x86_64(path)]
    if not found:
        raise missing(f'no vmcores (*.elf) in {folder}')
    return tuple(Vmcore(os.path.basename(path).removesuffix('.elf'), path) for path in found)


@functools.cache
def vmcores() -> tuple[Vmcore, ...]:
    """Those that every test looks at: not the ones that are there for their page classes alone."""
    return tuple(core for core in all_vmcores() if not core.facts.get('classes_only'))


def vmcore_named(name: str) -> Vmcore:
    for core in all_vmcores():
        if core.name == name:
            return core
    raise missing(f'no vmcore {name}')


def vmcore_of(kernel: str) -> Vmcore:
    """The first vmcore of a kernel series ('6.1', '6.12', '7': any 7.x), laid out like /proc/vmcore."""
    for core in vmcores():
        if core.release.startswith(kernel + '.') and not core.source.as_qemu_wrote_it:
            return core
    raise missing(f'no vmcore of Linux {kernel}')


def other_architectures() -> tuple[str, ...]:
    """Names of the vmcores of other architectures that this run is about, whether they are here or not."""
    sets = ['test'] + ['architectures'] * (os.environ.get('VMSIFT_ARCHITECTURES') == '1')
    return tuple(recipe.name for name in sets for recipe in recipes.SETS[name] if recipe.arch != 'amd64')


def vmcore_of_any_architecture(name: str) -> Vmcore:
    path = os.path.join(_folder(), f'{name}.elf')
    if not os.path.exists(path):
        raise missing(f'no vmcore {name}')
    return Vmcore(name, path)


def peer_tool(name: str) -> str | None:
    path = os.path.join(cache_dir(), 'peers', name)
    return path if os.path.exists(path) else None
