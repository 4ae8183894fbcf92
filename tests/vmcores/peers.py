#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetch the tools that vmsift is compared and checked with; run it as scripts/fetch-peers.

  makedumpfile    sid's makedumpfile            -> peers/makedumpfile-sid
  crash           sid's crash                   -> peers/crash-sid
  makedumpfile-s390x, crash-s390x, ...          -> peers/makedumpfile-sid-s390x, ...
                  those of another architecture (both read their own alone), under qemu-user
  kdump-config    the script of sid's kdump-tools that calls makedumpfile
                                                -> peers/kdump-config
  vmlinux-6.1     debug info of the kernel that the vmcore amd64-6.1 has (-6.12, -7, -arm64-6.12, ...: alike)
                                                -> peers/vmlinux-RELEASE (855 MB to download, 630 MB kept)

Without a name: makedumpfile crash kdump-config vmlinux-6.1. Everything is unpacked in the cache and nothing is
installed: a tool of another suite runs with that suite's own loader and libraries. What is there
already is left alone; delete it to get a newer one. Prints the path of each.
"""
from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import cache
import debian
import kernel as kernels
import vmcore_files
from cache import log
from machines import MACHINES
from programs import Program
from recipes import SETS, Recipe

DEFAULT = ('makedumpfile', 'crash', 'kdump-config', 'vmlinux-6.1')
TOOL_SUITE = 'sid'
TRIPLETS = {
    'amd64': 'x86_64-linux-gnu', 'arm64': 'aarch64-linux-gnu', 'armhf': 'arm-linux-gnueabihf', 'i386': 'i386-linux-gnu',
    'ppc64el': 'powerpc64le-linux-gnu', 'riscv64': 'riscv64-linux-gnu', 's390x': 's390x-linux-gnu',
}
HOST = 'amd64'  # the peers run here
# what runs the programs of another: of qemu-user-static
USER_QEMU = {arch: f'qemu-{cpu}-static' for arch, cpu in (
    ('arm64', 'aarch64'), ('armhf', 'arm'), ('i386', 'i386'), ('ppc64el', 'ppc64le'), ('riscv64', 'riscv64'),
    ('s390x', 's390x'))}
# what maintainer scripts need and the tools do not
NOT_NEEDED = ('debconf', 'dpkg', 'libc-bin', 'perl', 'perl-base', 'tar', 'kexec-tools', 'binutils')

WRAPPER = '''#!/bin/sh
# Runs {tool} {version} of Debian {suite} with its own loader and libraries.
root=$(dirname "$(readlink -f "$0")")/{tree}
exec {emulator}"$root/usr/lib/{triplet}/{loader}" \\
    --library-path "$root/usr/lib/{triplet}" "$root/{program}" "$@"
'''


# ---- tools ---------------------------------------------------------------------------------------

def _program(tree: Path, tool: str) -> str:
    for folder in ('usr/bin', 'usr/sbin'):
        if (tree / folder / tool).exists():
            return f'{folder}/{tool}'
    raise debian.DebianError(f'the package {tool} has no program {tool}')


def _loader(tree: Path, triplet: str) -> str:
    return next(path.name for path in sorted((tree / 'usr/lib' / triplet).glob('ld*.so.*')))


def _wrapper(tool: str, arch: str) -> Path:
    return cache.folder('peers') / (f'{tool}-{TOOL_SUITE}' if arch == HOST else f'{tool}-{TOOL_SUITE}-{arch}')


def fetch_tool(tool: str, arch: str = HOST) -> Path:
    """A program of sid, made to run on this host; returns its wrapper script."""
    wrapper = _wrapper(tool, arch)
    if wrapper.exists():
        return wrapper
    emulator = '' if arch == HOST else USER_QEMU[arch] + ' '
    if emulator and not shutil.which(emulator.strip()):
        raise debian.DebianError(f'no {emulator.strip()}: install the package qemu-user-static')
    package = debian.newest(TOOL_SUITE, arch, tool)
    place = f'{tool}_{package.version.replace(":", "_")}' + ('' if arch == HOST else f'_{arch}')
    tree = debian.unpack(debian.closure(TOOL_SUITE, arch, tool, NOT_NEEDED), cache.folder('peers') / place)
    with cache.replacing(wrapper) as part:
        part.write_text(WRAPPER.format(tool=tool, version=package.version, suite=TOOL_SUITE, tree=tree.name,
                                       triplet=TRIPLETS[arch], loader=_loader(tree, TRIPLETS[arch]),
                                       emulator=emulator, program=_program(tree, tool)))
        part.chmod(0o755)
        # run it once before it counts as fetched: a library that is missing shows here
        subprocess.run([str(part), '-v'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    log(f'{tool} {package.version} of {TOOL_SUITE}/{arch}')
    return wrapper


def program_of(tool: str) -> Program:
    """A tool that was fetched, with what it takes to run it elsewhere."""
    wrapper = _wrapper(tool, HOST)
    if not wrapper.exists():
        raise debian.DebianError(f'no {wrapper.name} in peers/: scripts/fetch-peers gets it')
    tree = wrapper.parent / re.search(r'^root=.*/(\S+)$', wrapper.read_text(), re.M)[1]
    return Program(wrapper.name, tree / _program(tree, tool), tree / 'usr/lib' / TRIPLETS[HOST])


def fetch_kdump_config() -> Path:
    """Debian's script that calls makedumpfile: its callers are tests of a makedumpfile in place of the original."""
    script = cache.folder('peers') / 'kdump-config'
    if not script.exists():
        package = debian.newest(TOOL_SUITE, HOST, 'kdump-tools')
        with tempfile.TemporaryDirectory(dir=cache.folder('peers')) as folder:
            tree = debian.unpack([package], Path(folder) / 'kdump-tools')
            with cache.replacing(script) as part:
                shutil.copyfile(tree / 'usr/sbin/kdump-config', part)
        log(f'kdump-config of kdump-tools {package.version} of {TOOL_SUITE}')
    return script


# ---- kernel debug info ---------------------------------------------------------------------------

def _kernel_of(recipe: Recipe) -> tuple[str, str, str]:
    """(suite, package, version) of the kernel in a vmcore; before it is made, of the one it would get."""
    facts = vmcore_files.read_facts(cache.root() / 'vmcores', recipe.name)
    if facts:
        return facts['suite'], facts['package'], facts['package_version']
    flavour = recipe.flavour or MACHINES[recipe.arch].flavour
    image = kernels.candidates(recipe.suites, recipe.arch, flavour, recipe.kernel)[0]
    return image.suite, image.name, image.version


def _debug_package(recipe: Recipe) -> debian.Package:
    suite, image, version = _kernel_of(recipe)
    name = f'{image.removesuffix("-unsigned")}-dbg'
    for package in debian.packages(suite, recipe.arch).get(name, ()):
        if package.version == version:
            return package
    raise debian.DebianError(f'{name} {version} is not in {suite}: if it has left the archive, make the vmcore anew '
                             f'(make_vmcore.py --set test --only {recipe.name} --force)')


def _extract_vmlinux(deb: Path, path: Path) -> None:
    """Take the vmlinux, and nothing else, out of a debug package of several GB unpacked."""
    tree = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', str(deb)], stdout=subprocess.PIPE)
    try:
        with tarfile.open(fileobj=tree.stdout, mode='r|') as archive:
            for member in archive:
                if member.isfile() and re.fullmatch(r'vmlinux(-.*)?', Path(member.name).name):
                    with cache.replacing(path) as part, open(part, 'wb') as sink:
                        shutil.copyfileobj(archive.extractfile(member), sink, 1 << 20)
                    return
    finally:
        tree.kill()  # the rest of the package is not wanted
        tree.wait()
    raise debian.DebianError(f'{deb.name} holds no vmlinux')


def fetch_vmlinux(recipe: Recipe) -> Path:
    """The kernel with debug info that belongs to a recipe's vmcore."""
    release = _kernel_of(recipe)[1].removeprefix('linux-image-').removesuffix('-unsigned')
    path = cache.folder('peers') / f'vmlinux-{release}'
    if not path.exists():
        deb = debian.fetch(_debug_package(recipe))
        log(f'take vmlinux out of {deb.name}')
        _extract_vmlinux(deb, path)
        deb.unlink()  # hundreds of MB that nothing else needs
    return path


# ---- command line --------------------------------------------------------------------------------

def _recipe_for(name: str) -> Recipe:
    """The recipe that a name like vmlinux-6.12 or vmlinux-arm64-6.12 is about."""
    recipes = {f'vmlinux-{recipe.name.removeprefix("amd64-")}': recipe
               for chosen in SETS.values() for recipe in chosen}
    if name not in recipes:
        raise debian.DebianError(f'what is {name}? There are makedumpfile, crash, kdump-config, {", ".join(recipes)}')
    return recipes[name]


def _fetch(name: str) -> Path:
    tool, _, arch = name.partition('-')
    if tool in ('makedumpfile', 'crash') and (arch or HOST) in TRIPLETS:
        return fetch_tool(tool, arch or HOST)
    return fetch_kdump_config() if name == 'kdump-config' else fetch_vmlinux(_recipe_for(name))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog='fetch-peers', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='*', metavar='NAME')
    names = parser.parse_args().names or DEFAULT
    try:
        with cache.only_one('peers'):
            for name in names:
                print(_fetch(name), flush=True)
    except (debian.DebianError, OSError) as error:
        print(f'fetch-peers: {error}', file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        words = (error.stderr or b'').decode(errors='replace').strip()[-300:]
        print(f'fetch-peers: {error}: {words}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
