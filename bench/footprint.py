#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an initramfs has to carry for each build of vmsift, and for makedumpfile, and what a run needs in memory.

  bench/footprint.py [--check] [--json FILE] [--vmcore VMCORE] [NAME=PROGRAM ...]

Without programs: the builds `release` and `minimal` of this checkout, and the makedumpfile in PATH. What the columns
are, and how they are measured, stands in bench/README.md.
"""
from __future__ import annotations

import argparse
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIB = 1 << 20
# Of the package libc6: a machine that runs anything has them.
LIBC = re.compile(r'(ld-linux-x86-64|ld64|libc|libm|libpthread|libdl|librt)\.so\.\d+$')
# Bytes of program and libraries beyond libc; 0 libraries is what "minimal" means.
MOST_BYTES = {'release': 6 * MIB, 'minimal': 3 * MIB}
MOST_LIBRARIES = {'minimal': 0}


@dataclass
class Memory:
    resident: int = 0       # VmHWM: with the pages of program and libraries
    anonymous: int = 0      # RssAnon: what the program allocates


@dataclass
class Footprint:
    name: str
    program: int                    # bytes, stripped
    libraries: dict[str, int]       # beyond libc
    xz: int
    zstd: int | None
    idle: Memory
    run: Memory | None = None

    @property
    def total(self) -> int:
        return self.program + sum(self.libraries.values())


def libraries(program: str) -> list[str]:
    """Paths of the shared libraries that the loader maps, but libc's own."""
    listed = subprocess.run(['ldd', program], capture_output=True, text=True, check=False).stdout
    paths = re.findall(r'=> (/\S+)', listed)
    return [path for path in paths if not LIBC.search(os.path.basename(path))]


def memory_now(status: str) -> Memory:
    """Of the text of /proc/PID/status."""
    sizes = dict(re.findall(r'(VmHWM|RssAnon):\s*(\d+) kB', status))
    return Memory(int(sizes.get('VmHWM', 0)) << 10, int(sizes.get('RssAnon', 0)) << 10)


def when_it_speaks(argv: list[str]) -> Memory:
    """What a program has that is about to write its first words: the pipe it writes to is full."""
    out, into = os.pipe()
    os.set_blocking(into, False)
    try:
        while os.write(into, bytes(4096)):
            pass
    except BlockingIOError:
        os.set_blocking(into, True)
    with subprocess.Popen(argv, stdout=into, stderr=into) as process:
        os.close(into)
        asleep = 0
        while asleep < 3 and process.poll() is None:
            time.sleep(0.02)
            with open(f'/proc/{process.pid}/status', encoding='ascii') as file:
                status = file.read()
            asleep = asleep + 1 if 'State:\tS' in status else 0
        while os.read(out, 65536):
            pass
    os.close(out)
    return memory_now(status)


def peak(argv: list[str], runs: int) -> Memory:
    """The highest of some runs, read as often as possible while they last."""
    found = Memory()
    for _ in range(runs):
        null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2)]
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=null)
        with open(f'/proc/{pid}/status', encoding='ascii') as status:
            while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                status.seek(0)
                now = memory_now(status.read())
                found = Memory(max(found.resident, now.resident), max(found.anonymous, now.anonymous))
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise SystemExit(f'error: {" ".join(argv)} failed')
    return found


def zstd_size(data: bytes) -> int | None:
    if not shutil.which('zstd'):
        return None
    return len(subprocess.run(['zstd', '-19', '-q', '-c'], input=data, capture_output=True, check=True).stdout)


def measure(name: str, program: str, vmcore: str | None, folder: str) -> Footprint:
    stripped = os.path.join(folder, name)
    subprocess.run(['strip', '-o', stripped, program], check=True)
    files = [os.path.realpath(path) for path in libraries(program)]
    content = b''
    for path in [stripped, *files]:
        with open(path, 'rb') as file:
            content += file.read()
    found = Footprint(name, os.path.getsize(stripped), {os.path.basename(f): os.path.getsize(f) for f in files},
                      len(lzma.compress(content)), zstd_size(content), when_it_speaks([stripped, '-v']))
    if vmcore:
        dump = os.path.join(folder, 'dump')
        ours = [] if 'makedumpfile' in os.path.basename(program) else ['--num-threads', '1']
        found.run = peak([stripped, '-f', '-l', '-d', '31', '--message-level', '4', *ours, vmcore, dump], 3)
        os.unlink(dump)
    return found


def verdicts(found: Footprint) -> list[str]:
    """Goals that are missed."""
    missed = []
    most = MOST_BYTES.get(found.name)
    if most is not None and found.total > most:
        missed.append(f'{found.name}: {found.total} bytes beyond libc, at most {most}')
    if len(found.libraries) > MOST_LIBRARIES.get(found.name, len(found.libraries)):
        missed.append(f'{found.name}: needs {", ".join(found.libraries)}')
    return missed


def mib(size: int | None) -> str:
    return '-' if size is None else f'{size / MIB:.2f}'


def table(all_found: list[Footprint]) -> str:
    rows = ['| MiB | program | libraries | together | xz | zstd -19 | `-v`: resident | anonymous '
            '| `-l -d 31`: resident | anonymous |', '|---|---|---|---|---|---|---|---|---|---|']
    for found in all_found:
        run = found.run
        cells = [found.name, mib(found.program), f'{mib(sum(found.libraries.values()))} ({len(found.libraries)})',
                 mib(found.total), mib(found.xz), mib(found.zstd), mib(found.idle.resident),
                 mib(found.idle.anonymous), mib(run and run.resident), mib(run and run.anonymous)]
        rows.append(f'| {" | ".join(cells)} |')
    return '\n'.join(rows)


def default_programs() -> list[str]:
    builds = [f'{name}={ROOT}/build/{name}/vmsift' for name in ('release', 'minimal')]
    peer = shutil.which('makedumpfile')
    return [*builds, *([f'makedumpfile={peer}'] if peer else [])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('programs', nargs='*', metavar='NAME=PROGRAM', default=default_programs())
    parser.add_argument('--vmcore', help='run -l -d 31 on it too')
    parser.add_argument('--json', metavar='FILE', help='the numbers in bytes, and the names of the libraries')
    parser.add_argument('--check', action='store_true', help='exit status 1 when a goal is missed')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir='/dev/shm' if os.path.isdir('/dev/shm') else None) as folder:
        found = []
        for entry in args.programs:
            name, _, program = entry.partition('=')
            found.append(measure(name, program, args.vmcore, folder))
    print(table(found))
    if args.json:
        with open(args.json, 'w', encoding='utf-8') as file:
            json.dump({f.name: {**asdict(f), 'total': f.total} for f in found}, file, indent=1)
    missed = [line for one in found for line in verdicts(one)]
    print(*missed, sep='\n', end='\n' if missed else '', file=sys.stderr)
    return 1 if args.check and missed else 0


if __name__ == '__main__':
    sys.exit(main())
