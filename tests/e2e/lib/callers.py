# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs command lines as the scripts of distributions do, and judges what they leave behind."""
from __future__ import annotations

import functools
import mmap
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

from . import bits, env, flat, kdump, run, source
from .source import PAGE

NAMES = ('makedumpfile', 'vmsift')
PREFIXED = 'vmsift-makedumpfile'    # gets what Fedora's scripts add to makedumpfile without being it


@functools.cache
def bin_folder() -> str:
    """The program under every name, to stand first in PATH."""
    folder = tempfile.mkdtemp(dir=env.scratch())
    for name in (*NAMES, PREFIXED):
        os.symlink(env.program(), os.path.join(folder, name))
    return folder


@functools.cache
def core() -> env.Vmcore:
    return env.vmcore_of('6.1')


@functools.cache
def reference(level: int) -> kdump.Kdump:
    """A plain dump of that level: what is kept does not depend on the way out."""
    target = os.path.join(env.scratch(), f'reference-{level}')
    return kdump.read(run.make_dump(core().path, target, level))


@dataclass(frozen=True)
class Ran:
    name: str       # that the program was called by
    line: str
    folder: str     # where it ran
    status: int
    out: str
    err: str

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def text(self, name: str) -> str:
        with open(self.path(name), encoding='utf-8', errors='replace') as file:
            return file.read()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def files(self) -> list[str]:
        return sorted(os.listdir(self.folder))

    def __str__(self) -> str:
        return f'as {self.name}: {self.line}\nexit {self.status}\n{self.out[-1500:]}{self.err[-1500:]}'


def run_line(name: str, line: str, shell: str = 'sh', timeout: float = 180) -> Ran:
    """The word makedumpfile in the line is the program under `name`; $VMCORE stands for /proc/vmcore."""
    folder = tempfile.mkdtemp(dir=env.scratch())
    line = re.sub(r'(?<![\w/-])makedumpfile\b', name, line)
    surroundings = {**os.environ, 'PATH': f'{bin_folder()}:{os.environ["PATH"]}', 'VMCORE': core().path,
                    'LC_ALL': 'C', 'BIN': bin_folder()}
    done = subprocess.run([shell, '-c', line], cwd=folder, env=surroundings, capture_output=True, text=True,
                          errors='replace', timeout=timeout, stdin=subprocess.DEVNULL)
    return Ran(name, line, folder, done.returncode, done.stdout, done.stderr)


# ---- what is wrong with what was left, as a list of sentences -------------------------------------

def dump_faults(path: str, level: int, codec: str) -> list[str]:
    """A whole kdump-compressed dump of core() at that level?"""
    dump = kdump.read(path)
    faults = []
    if dump.main['status'] != kdump.CODEC_FLAGS[codec]:
        faults.append(f'status is {dump.main["status"]:#x}, not that of a complete dump with {codec}')
    if dump.sub['dump_level'] != level:
        faults.append(f'dump_level is {dump.sub["dump_level"]}, not {level}')
    if dump.kept != reference(level).kept:
        faults.append(f'{dump.kept_count} pages are kept, {reference(level).kept_count} by a plain dump')
    compared = run.compare_pages(path, core().path)
    if not compared.clean:
        faults.append(compared.wrong)
    return faults


def elf_faults(path: str, level: int) -> list[str]:
    """A whole ELF dump of core() at that level? A page that it has not must be zeros, where a dump would keep it."""
    dump, origin, faults = source.Source(path), core().source, []
    if dump.headers.flags & 1:
        faults.append('e_flags says incomplete')
    places = {load.paddr // PAGE + i: load.offset + i * PAGE
              for load in dump.loads for i in range(load.filesz // PAGE)}
    with open(path, 'rb') as one, open(core().path, 'rb') as other:
        ours = mmap.mmap(one.fileno(), 0, access=mmap.ACCESS_READ)
        theirs = mmap.mmap(other.fileno(), 0, access=mmap.ACCESS_READ)
        wanted = set(bits.members(reference(level).kept))
        for load in origin.loads:
            for pfn in range(load.paddr // PAGE, (load.paddr + load.filesz) // PAGE):
                at = load.offset + pfn * PAGE - load.paddr
                here = places.get(pfn)
                if here is not None:
                    if ours[here:here + PAGE] != theirs[at:at + PAGE]:
                        faults.append(f'page frame {pfn:#x} has other bytes')
                elif pfn in wanted and any(theirs[at:at + PAGE]):
                    faults.append(f'page frame {pfn:#x} is not there')
                if len(faults) == 10:
                    return faults
    return faults


def stream_faults(path: str, level: int, codec: str | None, room_behind: bool = False) -> list[str]:
    """A flattened stream of such a dump (codec None: of ELF), with nothing behind it unless it is a raw device."""
    target = path + '.rebuilt'
    try:
        end = flat.rebuild(path, target)
    except ValueError as error:
        return [str(error)]
    if not room_behind and end != os.path.getsize(path):
        return [f'{os.path.getsize(path) - end} bytes stand behind the end record']
    faults = elf_faults(target, level) if codec is None else dump_faults(target, level, codec)
    os.unlink(target)
    return faults
